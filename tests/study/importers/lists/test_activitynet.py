"""JSON in the form of ActivityNet and THUMOS, by its published description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crisp.core.errors import CrispError
from crisp.study.annotations import Stroke
from crisp.workflow import importing
from tests.study.importers.lists.conftest import Clips
from tests.study.importers.lists.imported import labels


def video(subset: str, *segments: tuple[float, float, str]) -> dict[str, Any]:
    annotations = [{"segment": list(one[:2]), "label": one[2]} for one in segments]
    return {"duration": 0.48, "subset": subset, "annotations": annotations, "url": "https://example.org"}


DATABASE = {
    "aaa": video("training", (0, 0.2, "Serve"), (0.28, 0.4, "Drive"), (0, 0.2, "Serve")),
    "bbb": video("training", (0, 0.2, "Serve"), (0.24, 0.4, "Drive")),
    "ccc": video("validation", (0.04, 0.2, "Drive")),
    "gone": video("training", (0, 1, "Serve")),
    "ddd": video("testing"),
}
NAMES = ["v_aaa.mp4", "v_bbb.mkv", "videos/ccc.mp4", "v_ddd.mp4"]


def write(folder: Path, content: dict[str, Any], name: str = "activity_net.v1-3.json") -> None:
    (folder / name).write_text(json.dumps(content))


def test_segments_and_subsets(clips: Clips) -> None:
    folder = clips(NAMES)
    write(folder, {"version": "1.3", "taxonomy": [], "database": DATABASE})
    report = importing.import_dataset(folder, "tt")
    assert report.layout == "activitynet"
    found = labels()
    assert {path: strokes for (path, _), strokes in found.items()} == {
        "v_aaa.mp4": [Stroke(0, 5, "Serve"), Stroke(7, 10, "Drive")],
        "v_bbb.mkv": [Stroke(0, 5, "Serve"), Stroke(6, 10, "Drive")],
        "videos/ccc.mp4": [Stroke(1, 5, "Drive")],
    }
    assert {split for path, split in found if path == "videos/ccc.mp4"} == {"test"}
    assert any("1 listed video is not there" in fault.what for fault in report.warnings)


def test_files_of_mmaction2_without_database(clips: Clips) -> None:
    folder = clips(NAMES)
    content = {f"v_{name}": {"annotations": one["annotations"]} for name, one in DATABASE.items()}
    write(folder, content, "anet_anno_train.json")
    importing.import_dataset(folder, "tt")
    assert {split for _, split in labels()} == {""}


@pytest.mark.parametrize(
    ("segment", "subset", "what"),
    [
        ([0.2, 0.1], "training", "bad segment"),
        ([0.2], "training", "bad segment"),
        (["a", "b"], "training", "bad segment"),
        ([0, 1], "exam", "unknown split"),
    ],
)
def test_bad_segments(clips: Clips, segment: list[Any], subset: str, what: str) -> None:
    folder = clips(NAMES)
    bad = {"subset": subset, "annotations": [{"segment": segment, "label": "Serve"}]}
    write(folder, {"database": DATABASE | {"aaa": bad}})
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt")
    (fault,) = error.value.faults
    assert fault.what == what
    assert "activity_net.v1-3.json, video aaa" in fault.where


def test_other_json_is_no_list(clips: Clips) -> None:
    folder = clips(NAMES[:1])
    write(folder, {"a": 1, "database": []}, "other.json")
    (folder / "broken.json").write_text("{")
    assert importing.import_dataset(folder, "tt").layout == "videos"
