"""Projects of VIA 3 in the structure of its code documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crisp.study import importers
from crisp.study.annotations import Stroke
from tests.study.importers.tools import about, imported, refused, rows, strokes

pytestmark = pytest.mark.usefixtures("films")
SELECT, CHECKBOX, TEXT = 4, 2, 1
TEMPORAL, SPATIAL = "FILE1_Z2_XY0", "FILE1_Z1_XY1"


def attribute(name: str, kind: int = SELECT, anchor: str = TEMPORAL, **options: str) -> dict[str, Any]:
    about_it = {"aname": name, "anchor_id": anchor, "type": kind, "desc": "", "default_option_id": ""}
    return {**about_it, "options": options}


STROKE = attribute("stroke", **{"0": "Serve", "1": "Push"})
PLAYER = attribute("player", TEXT)


def project(
    *segments: tuple[list[float], dict[str, str]], files: tuple[str, ...] = ("a.mp4",), **attributes: Any
) -> Path:
    content = {
        "project": {"pid": "__VIA_PROJECT_ID__", "data_format_version": "3.1.1", "pname": "games\nof March"},
        "config": {"file": {"loc_prefix": {"1": ""}}, "ui": {}},
        "attribute": attributes or {"1": STROKE, "2": PLAYER},
        "file": {
            str(number): {"fid": str(number), "fname": name, "type": 4, "loc": 1, "src": name}
            for number, name in enumerate(files, start=1)
        },
        "metadata": {
            f"1_{number}": {"vid": av.pop("vid", "1"), "flg": 0, "z": z, "xy": [], "av": av}
            for number, (z, av) in enumerate(segments)
        },
        "view": {str(number): {"fid_list": [str(number)]} for number in range(1, len(files) + 1)},
    }
    path = Path("films/via.json")
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_segments() -> None:
    path = project(
        ([0.4, 0.8], {"1": "0"}), ([1.2, 2.001], {"1": "1", "2": "Anna"}), ([2.0, 2.4], {"1": "Lob"})
    )
    assert importers.detect_layout(Path("films")) == importers.detect_layout(path) == "via"
    imported(path, player_from="player")
    assert strokes() == [Stroke(10, 20, "Serve"), Stroke(30, 50, "Push", "Anna"), Stroke(50, 60, "Lob")]


def test_class_and_player_from_attributes() -> None:
    side = attribute("side", CHECKBOX, **{"a": "left", "b": "right"})
    path = project(
        ([0.4, 0.8], {"1": "0", "2": "Anna", "3": "a,b"}),
        ([0.6, 0.8], {"1": "1", "2": "Ben", "3": ""}),
        **{"1": STROKE, "2": PLAYER, "3": side},
    )
    imported(path, label_from=("stroke", "side"), player_from="player")
    assert strokes() == [Stroke(10, 20, "Serve left, right", "Anna"), Stroke(15, 20, "Push", "Ben")]


def test_the_first_attribute_of_segments_with_a_value_is_the_class() -> None:
    box = attribute("box", TEXT, SPATIAL)
    values = ([0.4, 0.8], {"1": "racket", "2": "", "3": "Push"})
    imported(project(values, **{"1": box, "2": STROKE, "3": attribute("kind", TEXT)}))
    assert strokes() == [Stroke(10, 20, "Push")]


def test_what_is_no_segment() -> None:
    report = imported(
        project(([], {"1": "0"}), ([0.4], {"1": "0"}), ([0.8, 0.4], {"1": "0"}), ([0.4, 0.8], {"1": ""}))
    )
    assert strokes() == []
    assert about(report, "1 label skipped: no end (a point event)")[0].found == "segment 1_1"
    assert about(report, "1 label skipped: the end is before the begin")
    assert about(report, "1 label skipped: no class")


def test_two_videos_one_without_segments() -> None:
    imported(
        project(([0.4, 0.8], {"1": "0", "vid": "2"}), files=("/home/x/a.mp4", "file:///D:/Match%20é.mp4"))
    )
    assert (strokes("a"), strokes("Match")) == ([], [Stroke(10, 20, "Serve")])
    assert len(rows()) == 2


def test_ten_thousand_segments() -> None:
    imported(project(*(([n / 3000, n / 3000 + 0.2], {"1": str(n % 2)}) for n in range(10_000))))
    assert len(strokes()) > 100


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "an empty file"),
        ("[1, 2]", "is not of type 'object'"),
        (
            '{"file": {}, "view": {}, "metadata": {"x": {"vid": "1", "z": ["a"], "av": {}}}}',
            r"metadata.x.z\[0\]",
        ),
        (
            '{"file": {}, "view": {}, "metadata": {"x": {"vid": "1", "z": [1], "av": {}}}}',
            "its view is not in the",
        ),
        (
            '{"file": {}, "view": {"1": {"fid_list": ["1"]}}, "metadata": {}}',
            "its file is not in the project",
        ),
        (
            '{"file": {}, "view": {}, "metadata": {"x": {"vid": "1", "z": [NaN], "av": {}}}}',
            r"metadata.x.z\[0\]",
        ),
    ],
)
def test_damaged_projects(content: str, words: str) -> None:
    Path("films/a.json").write_text(content)
    refused(Path("films/a.json"), f"films/a.json.*[\\s\\S]*{words}", layout="via")
