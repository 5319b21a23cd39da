"""ELAN: what pympi reads, and what the format asks for beyond it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlparse

import defusedxml.ElementTree as safe
import pytest
from pympi.Elan import Eaf

from crisp.indexing.exports import elan
from tests.indexing.exports import sample


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "strokes.eaf"
    path.parent.mkdir()
    elan.write(path, sample.index(tmp_path / "my games" / "game é.mp4"))
    return path


def milliseconds(*frames: int) -> list[int]:
    return [round(frame / sample.FPS * 1000) for frame in frames]


def test_pympi_reads_tiers_and_times(written: Path) -> None:
    document = Eaf(str(written))
    first, second, _ = sample.CLASSES
    found = sorted(document.get_annotation_data_for_tier("strokes"))
    assert [(begin, end) for begin, end, *_ in found] == [
        tuple(milliseconds(*bounds)) for bounds in ((0, 15), (40, 61), (90, 120))
    ]
    assert [label for _, _, label, *_ in found] == [first, second, first]
    numbers = {"probability": ["0.70", "0.40", "1.00"], "any stroke": ["0.88", "0.50", "1.00"]}
    for tier, expected in numbers.items():
        held = sorted(document.get_ref_annotation_data_for_tier(tier))
        assert [number for _, _, number, *_ in held] == expected
        assert document.get_parameters_for_tier(tier)["PARENT_REF"] == "strokes"


def test_overlapping_truth_is_on_tiers_of_its_own(written: Path) -> None:
    document = Eaf(str(written))
    labels = {
        tier: [label for _, _, label, *_ in sorted(document.get_annotation_data_for_tier(tier))]
        for tier in document.get_tier_names()
        if tier.startswith("truth")
    }
    assert labels == {"truth": [sample.CLASSES[0], ""], "truth 2": ["Smash"]}


def test_video_is_linked_where_it_is_and_from_here(written: Path) -> None:
    (media,) = Eaf(str(written)).get_linked_files()
    video = written.parent.parent / "my games" / "game é.mp4"
    assert Path(unquote(urlparse(media["MEDIA_URL"]).path)) == video
    assert (written.parent / media["RELATIVE_MEDIA_URL"]).resolve() == video
    assert media["MIME_TYPE"] == "video/mp4"


def test_classes_are_a_vocabulary_of_the_strokes(written: Path) -> None:
    document = Eaf(str(written))
    _, entries, _ = document.controlled_vocabularies["classes"]
    assert [values[0][0] for values, *_ in entries.values()] == sample.CLASSES
    assert document.get_parameters_for_linguistic_type("stroke")["CONTROLLED_VOCABULARY_REF"] == "classes"


def test_ids_are_unique_and_times_in_order(written: Path) -> None:
    root = safe.parse(written).getroot()
    times = [int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")]
    assert times == sorted(times)
    names = [
        part.get(key)
        for part in root.iter()
        for key in ("ANNOTATION_ID", "TIME_SLOT_ID", "TIER_ID")
        if part.get(key)
    ]
    assert len(names) == len(set(names)) == 12 + 12 + 5
    (last,) = [part.text for part in root.iter("PROPERTY") if part.get("NAME") == "lastUsedAnnotationId"]
    assert last is not None
    assert int(last) == max(int(name[1:]) for name in names if name[0] == "a" and name[1:].isdigit())


def test_no_strokes_and_no_truth(tmp_path: Path) -> None:
    path = tmp_path / "strokes.eaf"
    elan.write(path, sample.index(tmp_path / "game.mp4", strokes=[], truth=None))
    document = Eaf(str(path))
    assert sorted(document.get_tier_names()) == ["any stroke", "probability", "strokes"]
    assert document.get_annotation_data_for_tier("strokes") == []


def test_players_have_tiers_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "strokes.eaf"
    elan.write(path, sample.rally(tmp_path / "game.mp4"))
    document = Eaf(str(path))

    def spans(tier: str) -> list[tuple[int, int]]:
        return sorted(one[:2] for one in document.get_annotation_data_for_tier(tier))

    for player, bounds in {"left": [(0, 15), (50, 120)], "right": [(5, 20), (40, 61)]}.items():
        tier = f"strokes@{player}"
        assert spans(tier) == [tuple(milliseconds(*bound)) for bound in bounds]
        assert document.get_parameters_for_tier(tier)["PARTICIPANT"] == player
        for dependent in ("probability", "any stroke"):
            about = document.get_parameters_for_tier(f"{dependent}@{player}")
            assert (about["PARENT_REF"], about["PARTICIPANT"]) == (tier, player)
            assert len(document.get_ref_annotation_data_for_tier(f"{dependent}@{player}")) == 2
    truth = {tier: spans(tier) for tier in document.get_tier_names() if tier.startswith("truth")}
    assert {tier: len(found) for tier, found in truth.items()} == {
        "truth": 1,
        "truth@left": 1,
        "truth@right": 1,
        "truth 2@right": 1,
    }
