"""ELAN documents written by pympi, by hand after the published schema, and by ``crisp index``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pympi.Elan import Eaf

from crisp.indexing.exports import elan as export
from crisp.study import importers
from crisp.study.annotations import Stroke
from crisp.study.importers.tools import elan
from crisp.study.index_file import IndexFile
from tests.indexing.exports import sample
from tests.study.importers.tools import about, imported, refused, rows, strokes

MakeVideo = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("films")


def document(media: str = "a.mp4", origin: int = 0, **tiers: list[tuple[int, int, str]]) -> Eaf:
    """A document of pympi: annotations in ms by tier."""
    made = Eaf(author="somebody")
    made.remove_tier("default")
    made.add_linked_file(media, relpath=f"./{media}", time_origin=origin or None, mimetype="video/mp4")
    for name, notes in tiers.items():
        made.add_tier(name)
        for begin, end, value in notes:
            made.add_annotation(name, begin, end, value)
    return made


def saved(made: Eaf, path: Path = Path("films/labels.eaf")) -> Path:
    made.to_file(str(path))
    path.with_suffix(".bak").unlink(missing_ok=True)
    return path


def test_values_are_classes(films: Path) -> None:
    made = document(type=[(400, 1000, "Serve"), (1200, 2001, " Défense "), (2200, 2200 + 40, "Serve")])
    report = imported(saved(made))
    assert report.layout == "elan"
    assert strokes() == [Stroke(10, 25, "Serve"), Stroke(30, 50, "Défense"), Stroke(55, 56, "Serve")]
    assert list(rows()) == ["a.mp4"]
    assert not about(report, "labels.eaf")
    assert Path("data/tt").resolve() == films.resolve()


def test_tiers_are_classes_where_values_are_missing_or_as_told() -> None:
    made = document(Serve=[(0, 400, "")], Push=[(400, 800, ""), (800, 1200, "bad")])
    report = imported(saved(made))
    assert [one.label for one in strokes()] == ["Serve", "Push", "bad"]
    assert about(report, "the labels of 2 tiers are taken as strokes")[0].found == "Serve, Push"


def test_a_class_from_the_tier_and_a_choice_of_tiers() -> None:
    made = document(Serve=[(0, 400, "good")], Push=[(400, 800, ""), (800, 1200, "bad")])
    imported(saved(made), label_from=("tier",), tiers=("Push",))
    assert strokes() == [Stroke(10, 20, "Push"), Stroke(20, 30, "Push")]


def test_participants_are_players() -> None:
    made = document(A=[(0, 400, "Hit")], B=[(200, 800, "Push")])
    for tier, player in (("A", "Anna"), ("B", "Ben")):
        made.tiers[tier][2]["PARTICIPANT"] = player
    imported(saved(made))
    assert [one.player for one in strokes()] == ["Anna", "Ben"]


@pytest.mark.parametrize(
    ("source", "players"),
    [("tier", ["A", "B"]), ("who", ["Anton", ""]), ("A who", ["Anton", ""]), ("none", ["", ""])],
)
def test_players_from_a_field(source: str, players: list[str]) -> None:
    made = document(A=[(0, 400, "Hit")], B=[(200, 800, "Push")])
    made.add_linguistic_type("who", constraints="Symbolic_Association")
    made.add_tier("A who", ling="who", parent="A")
    made.add_ref_annotation("A who", "A", 100, "Anton")
    imported(saved(made), player_from=source)
    assert [one.player for one in strokes()] == players


def test_one_player_is_the_group_of_the_video_without_regions() -> None:
    made = document(A=[(0, 400, "Hit")])
    made.tiers["A"][2]["PARTICIPANT"] = "Anna"
    imported(saved(made))
    assert (rows()["a.mp4"].group, strokes()[0].player) == ("Anna", "")


def test_players_are_regions_where_there_are() -> None:
    made = document(A=[(0, 400, "Hit")], B=[(200, 800, "Push")])
    for tier, player in (("A", "left"), ("B", "right")):
        made.tiers[tier][2]["PARTICIPANT"] = player
    imported(saved(made), regions="left=0,0,0.5,1; right=0.5,0,1,1")
    assert [one.player for one in strokes()] == ["left", "right"]
    assert (rows()["a.mp4"].regions, rows()["a.mp4"].group) == ("left=0,0,0.5,1; right=0.5,0,1,1", "")


def test_a_dependent_tier_has_the_time_of_its_parent() -> None:
    made = document(rally=[(0, 400, "1"), (800, 1200, "2")])
    made.add_linguistic_type("one", constraints="Symbolic_Association")
    made.add_tier("stroke", ling="one", parent="rally")
    made.add_ref_annotation("stroke", "rally", 100, "Serve")
    made.add_ref_annotation("stroke", "rally", 900, "Push")
    imported(saved(made), tiers=("stroke",))
    assert strokes() == [Stroke(0, 10, "Serve"), Stroke(20, 30, "Push")]


def test_parts_of_an_annotation_have_no_time() -> None:
    made = document(rally=[(0, 400, "1")])
    made.add_linguistic_type("parts", constraints="Symbolic_Subdivision")
    made.add_tier("part", ling="parts", parent="rally")
    made.add_ref_annotation("part", "rally", 100, "Serve")
    made.add_ref_annotation("part", "rally", 100, "Push", prev="a2")
    report = imported(saved(made), tiers=("part",))
    assert strokes() == []
    assert about(report, "2 labels skipped: no time of its own")


def handmade(films: Path, notes: str, slots: str, rest: str = "", header: str = "") -> Path:
    path = films / "a.eaf"
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT><HEADER {header}/>'
        f"<TIME_ORDER>{slots}</TIME_ORDER>"
        f'<TIER TIER_ID="t" LINGUISTIC_TYPE_REF="l" LANG_REF="eng">{notes}</TIER>{rest}</ANNOTATION_DOCUMENT>'
    )
    return path


def note(name: str, begin: str, end: str, value: str, more: str = "") -> str:
    return (
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}" TIME_SLOT_REF1="{begin}" '
        f'TIME_SLOT_REF2="{end}" {more}><ANNOTATION_VALUE>{value}</ANNOTATION_VALUE>'
        "</ALIGNABLE_ANNOTATION></ANNOTATION>"
    )


def slot(name: str, value: str = "") -> str:
    time = f'TIME_VALUE="{value}"' if value else ""
    return f'<TIME_SLOT TIME_SLOT_ID="{name}" {time}/>'


def test_slots_without_time_are_spaced_evenly(films: Path) -> None:
    notes = note("a1", "s1", "s2", "A") + note("a2", "s2", "s3", "B") + note("a3", "s3", "s4", "C")
    slots = slot("s1", "400") + slot("s2") + slot("s3") + slot("s4", "1600")
    imported(handmade(films, notes, slots))
    assert strokes() == [Stroke(10, 20, "A"), Stroke(20, 30, "B"), Stroke(30, 40, "C")]


def test_slots_that_never_get_a_time_are_counted(films: Path) -> None:
    notes = note("a1", "s1", "s2", "A") + note("a2", "s3", "s1", "B") + note("a3", "s1", "s1", "C")
    report = imported(handmade(films, notes, slot("s1", "400") + slot("s2") + slot("s3")))
    assert strokes() == []
    (fault,) = about(report, "no time of its own")
    assert fault.what == "2 labels skipped: no time of its own"
    assert fault.found == "tier t, annotation a1, tier t, annotation a2"
    assert about(report, "1 label skipped: no end (a point event), or no duration")


def test_vocabulary_names_what_has_no_value(films: Path) -> None:
    entry = (
        '<CONTROLLED_VOCABULARY CV_ID="c"><CV_ENTRY_ML CVE_ID="e1">'
        '<CVE_VALUE LANG_REF="fra">Service</CVE_VALUE>'
        '<CVE_VALUE LANG_REF="eng">Serve</CVE_VALUE></CV_ENTRY_ML></CONTROLLED_VOCABULARY>'
    )
    notes = (
        note("a1", "s1", "s2", "", 'CVE_REF="e1"')
        + note("a2", "s2", "s3", "Push", 'CVE_REF="e1"')
        + note("a3", "s3", "s4", "", 'CVE_REF="unknown"')
    )
    slots = "".join(slot(f"s{n}", str(400 * n)) for n in range(1, 5))
    imported(handmade(films, notes, slots, entry))
    assert [one.label for one in strokes()] == ["Serve", "Push", "t"]


def test_time_origin_moves_the_labels() -> None:
    imported(saved(document(origin=400, t=[(0, 400, "A")])))
    assert strokes() == [Stroke(10, 20, "A")]


@pytest.mark.parametrize(
    "url",
    [
        "file:///C:/Users/lab/day%202/Match%20%C3%A9.mp4",
        "file:///Volumes/disk/day 2/Match é.mp4",
        "D:\\videos\\MATCH É.MP4",
        "../elsewhere/Match e\u0301.mov",
    ],
)
def test_media_path_of_another_machine(url: str) -> None:
    made = document(t=[(0, 400, "A")])
    made.media_descriptors[0] = {"MEDIA_URL": url, "MIME_TYPE": "video/mp4"}
    imported(saved(made))
    assert list(rows()) == ["day 2/Match é.mp4"]
    assert strokes("Match") == [Stroke(0, 10, "A")]


def test_sound_is_not_the_video(films: Path) -> None:
    made = document(t=[(0, 400, "A")])
    made.media_descriptors.insert(0, {"MEDIA_URL": "file:///a.wav", "MIME_TYPE": "audio/x-wav"})
    (films / "a.wav").write_bytes(b"")
    imported(saved(made))
    assert strokes() == [Stroke(0, 10, "A")]


def test_a_folder_of_documents(films: Path) -> None:
    saved(document(t=[(0, 400, "A")]), films / "one.eaf")
    saved(document("Match é.mp4", t=[(0, 400, "B")]), films / "two.eaf")
    saved(document("lost.mp4", t=[(0, 400, "B")]), films / "three.eaf")
    assert importers.detect_layout(films) == "elan"
    report = imported(films)
    assert (strokes(), strokes("Match")) == ([Stroke(0, 10, "A")], [Stroke(0, 10, "B")])
    (fault,) = about(report, "the video of these labels is not below the folder")
    assert (fault.where, fault.expected) == ("films/three.eaf", "./lost.mp4, lost.mp4")


def test_two_documents_of_a_video_are_joined_and_told(films: Path) -> None:
    saved(document(t=[(0, 400, "A"), (800, 1200, "A")]), films / "one.eaf")
    saved(document(t=[(0, 400, "A"), (400, 800, "B")]), films / "two.eaf")
    report = imported(films)
    assert [one.label for one in strokes()] == ["A", "B", "A"]
    (fault,) = about(report, "labelled several times")
    assert fault.found == "films/one.eaf, films/two.eaf"
    assert about(report, "1 video without labels, not imported")[0].found == "day 2/Match é.mp4"


def test_videos_of_one_name(films: Path) -> None:
    (films / "x").mkdir()
    (films / "y").mkdir()
    for folder in ("x", "y"):
        (films / folder / "c.mp4").write_bytes((films / "a.mp4").read_bytes())
    saved(document("z/c.mp4", t=[(0, 400, "A")]), films / "one.eaf")
    refused(films / "one.eaf", "several videos have the name[\\s\\S]*x/c.mp4, y/c.mp4")
    saved(document("/data/Y/C.mp4", t=[(0, 400, "A")]), films / "one.eaf")
    imported(films / "one.eaf")
    assert list(rows()) == ["y/c.mp4"]


def test_labels_after_the_video() -> None:
    report = imported(saved(document(t=[(3800, 4600, "A"), (8000, 9000, "B")])))
    assert strokes() == [Stroke(95, 100, "A")]
    (cut,) = about(report, "1 label cut at the end of the video")
    (out,) = about(report, "1 label left out, after the video")
    assert (cut.found, cut.expected) == ("films/labels.eaf, tier t, annotation a2", "at most 100 frames")
    assert out.found == "films/labels.eaf, tier t, annotation a3"
    again = imported(Path("films/labels.eaf"))
    assert "1 annotation file as in the source" in again.kept


def test_seconds_go_by_time_stamps(make_video: MakeVideo) -> None:
    make_video("films/a.mp4", frames=40, jitter=1)  # frames 2n and 2n + 1 at 4n and 4n + 3 slots of 40 ms
    imported(saved(document(t=[(160, 320, "A"), (440, 800, "B")])))
    assert strokes() == [Stroke(2, 4, "A"), Stroke(5, 10, "B")]


@pytest.mark.parametrize("index", [sample.index, sample.rally])
def test_round_trip_of_an_index(
    films: Path, make_video: MakeVideo, index: Callable[[Path], IndexFile]
) -> None:
    found = index(make_video("films/game.mp4", frames=120, fps=sample.FPS))
    export.write(films / "strokes.eaf", found)
    regions = "left=0,0,0.5,1; right=0.5,0,1,1" if found.players else ""
    report = imported(films / "strokes.eaf", regions=regions)
    assert strokes("game") == sorted(
        Stroke(one.begin, one.end, one.label, one.player) for one in found.strokes
    )
    assert not about(report, "strokes.eaf")


def test_ten_thousand_annotations(films: Path) -> None:
    notes = [note(f"a{n}", f"s{n}", f"s{n + 1}", f"class {n % 7}") for n in range(10_000)]
    slots = "".join(slot(f"s{n}", str(n * 40) if n % 2 == 0 else "") for n in range(10_001))
    path = handmade(films, "".join(notes), slots)
    file = elan.read(path)
    assert len(file.media[0].events) == 10_000
    assert file.media[0].events[9].begin == pytest.approx(0.36)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"<ANNOTATION_DOCUMENT>", "not well-formed XML"),
        (b"<video/>", "not an ELAN document"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>', "a DOCTYPE"),
        (b"<ANNOTATION_DOCUMENT>\xe9</ANNOTATION_DOCUMENT>", "text in another encoding"),
        (
            b'<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="PAL-frames"/></ANNOTATION_DOCUMENT>',
            "not in milliseconds",
        ),
        (
            b'<ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="s" TIME_VALUE="1e3"/></TIME_ORDER>'
            b"</ANNOTATION_DOCUMENT>",
            "bad time of slot s",
        ),
    ],
)
def test_damaged_documents(films: Path, content: bytes, words: str) -> None:
    (films / "a.eaf").write_bytes(content)
    refused(films / "a.eaf", f"a.eaf.*: [\\s\\S]*{words}")


def test_references_to_nothing(films: Path) -> None:
    handmade(films, note("a1", "s1", "s9", "A"), slot("s1", "0"))
    refused(films, "tier t, annotation a1: refers to what the document does not have[\\s\\S]*s1 and s9")
    loop = "".join(
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{one}" ANNOTATION_REF="{other}">'
        "<ANNOTATION_VALUE>A</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
        for one, other in (("a1", "a2"), ("a2", "a1"))
    )
    handmade(films, loop, "")
    assert about(imported(films), "2 labels skipped: no time of its own")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"tiers": ("x",)}, "--tier: no label is in this tier\n.*one of t"),
        ({"player_from": "x"}, "--player-from: no label has this field"),
        ({"label_from": ("x",)}, "--label-from: no label has this field"),
    ],
)
def test_choices_that_match_nothing(chosen: dict[str, Any], words: str) -> None:
    refused(saved(document(t=[(0, 400, "A")])), words, **chosen)


def test_choices_are_for_labels_of_tools(films: Path) -> None:
    (films / "strokes.csv").write_text("video,begin,end,label\na.mp4,0,10,Hit\n")
    refused(films, "only for labels of annotation tools", tiers=("x",))
