"""Exports of Label Studio in the structure of its documentation: JSON and JSON-MIN."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crisp.study import importers
from crisp.study.annotations import Stroke
from crisp.study.importers import tools
from tests.study.importers.tools import about, imported, refused, rows, strokes

pytestmark = pytest.mark.usefixtures("films")


def span(begin: int, end: int, *labels: str, name: str = "r") -> dict[str, Any]:
    value = {"ranges": [{"start": begin, "end": end}], "timelinelabels": list(labels)}
    return {"id": name, "type": "timelinelabels", "from_name": "strokes", "to_name": "video", "value": value}


def box(*keys: tuple[int, bool], label: str = "", count: int = 100, name: str = "b") -> dict[str, Any]:
    sequence = [
        {
            "frame": frame,
            "enabled": on,
            "time": frame / 25,
            "x": 1,
            "y": 1,
            "width": 9,
            "height": 9,
            "rotation": 0,
        }
        for frame, on in keys
    ]
    value = {
        "framesCount": count,
        "duration": 4.0,
        "sequence": sequence,
        **({"labels": [label]} if label else {}),
    }
    return {"id": name, "type": "videorectangle", "from_name": "box", "to_name": "video", "value": value}


def choice(control: str, text: str, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "type": "choices",
        "from_name": control,
        "to_name": "video",
        "value": {"choices": [text]},
    }


def annotation(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "completed_by": 1,
        "was_cancelled": False,
        "ground_truth": False,
        "result": list(results),
        **more,
    }


def written(*tasks: dict[str, Any], name: str = "project-1.json") -> Path:
    path = Path("films", name)
    path.write_text(json.dumps(list(tasks)), encoding="utf-8")
    return path


def task(
    *annotations: dict[str, Any], video: str = "/data/upload/3/1a2b3c4d-a.mp4", number: int = 5
) -> dict[str, Any]:
    predictions = [{"result": [span(1, 99, "Guess")]}]
    return {
        "id": number,
        "data": {"video": video},
        "annotations": list(annotations),
        "predictions": predictions,
    }


def test_spans_of_the_timeline_count_from_one_with_their_last_frame() -> None:
    path = written(task(annotation(span(1, 10, "Serve"), span(11, 20, "Push", "left", name="s"))))
    assert importers.detect_layout(Path("films")) == importers.detect_layout(path) == "label-studio"
    report = imported(path)
    assert strokes() == [Stroke(0, 10, "Serve"), Stroke(10, 20, "Push, left")]
    assert "24 if it states none" in about(report, "frame numbers are taken as frames of the videos")[0].found


def test_frames_that_count_at_another_rate() -> None:
    report = imported(written(task(annotation(span(13, 24, "Serve")))), fps=12.5)
    assert strokes() == [Stroke(24, 48, "Serve")]
    assert not about(report, "frame numbers")


def test_boxes_last_until_the_key_frame_that_ends_them() -> None:
    boxes = box((11, True), (15, True), (20, False), (31, True), (40, False), label="Serve")
    imported(written(task(annotation(boxes, box((91, True), label="Push", name="c")))), player_from="none")
    assert strokes() == [Stroke(10, 20, "Serve"), Stroke(30, 40, "Serve"), Stroke(90, 100, "Push")]


def test_class_and_player_from_other_controls_of_the_region() -> None:
    results = [
        box((1, True), (10, False), name="b1"),
        choice("stroke", "Serve", "b1"),
        choice("who", "Anna", "b1"),
        box((6, True), (15, False), name="b2", label="racket"),
        choice("stroke", "Push", "b2"),
        choice("who", "Ben", "b2"),
    ]
    imported(written(task(annotation(*results))), label_from=("stroke",), player_from="who")
    assert strokes() == [Stroke(0, 10, "Serve", "Anna"), Stroke(5, 15, "Push", "Ben")]


def test_spans_of_the_sound_are_in_seconds() -> None:
    value = {"start": 0.4, "end": 0.8, "channel": 0, "labels": ["Serve"]}
    sound = {"id": "x", "type": "labels", "from_name": "tricks", "to_name": "audio", "value": value}
    report = imported(written(task(annotation(sound))))
    assert strokes() == [Stroke(10, 20, "Serve")]
    assert not about(report, "frame numbers")


def test_json_min() -> None:
    path = written(
        {
            "id": 3,
            "video": "/data/local-files/?d=lab%2Fday%202%2FMatch%20%C3%A9.mp4",
            "videoLabels": [{"ranges": [{"start": 6, "end": 10}], "timelinelabels": ["Serve"]}],
            "tricks": [{"start": 0.4, "end": 0.8, "labels": ["Push"]}],
            "annotator": 1,
            "annotation_id": 4,
            "lead_time": 3.5,
        }
    )
    assert importers.detect_layout(path) == "label-studio"
    imported(path)
    assert strokes("Match") == [Stroke(5, 10, "Serve"), Stroke(10, 20, "Push")]


def test_one_of_several_annotations_is_taken() -> None:
    report = imported(
        written(
            task(
                annotation(span(1, 9, "Old"), updated_at="2026-01-01T00:00:00Z"),
                annotation(span(1, 9, "New"), updated_at="2026-02-01T00:00:00Z"),
                annotation(span(1, 9, "Cancelled"), updated_at="2026-03-01T00:00:00Z", was_cancelled=True),
            ),
            task(
                annotation(span(1, 9, "Truth"), ground_truth=True),
                annotation(span(1, 9, "Last"), updated_at="2026-02-01T00:00:00Z"),
                video="https://lab.example/v/Match%20%C3%A9.mp4?token=1",
                number=6,
            ),
        )
    )
    assert (strokes()[0].label, strokes("Match")[0].label) == ("New", "Truth")
    one, _ = about(report, "one of several annotations is taken")
    assert one.where == "films/project-1.json, task 5"


def test_what_is_no_stroke() -> None:
    report = imported(written(task(annotation(span(5, 5, "Bounce"), span(6, 9), box((1, True), (9, False))))))
    assert strokes() == []
    assert about(report, "1 label skipped: no end (a point event)")
    assert about(report, "2 labels skipped: no class")[0].found == "task 5, region r, task 5, region b"


def test_a_task_without_annotations_is_empty() -> None:
    imported(written(task()))
    assert strokes() == []
    assert list(rows()) == ["a.mp4"]


def test_ten_thousand_spans() -> None:
    spans = [span(n % 90 + 1, n % 90 + 9, "Push", name=str(n)) for n in range(10_000)]
    imported(written(task(annotation(*spans))))
    assert len(strokes()) == 90


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "an empty file"),
        ("[", "cannot be read"),
        ("[1]", r"\$\[0\]: 1 is not of type 'object'"),
        ('[{"annotations": [{}]}]', "'result' is a required property"),
        ('[{"annotations": [{"result": [{"value": {"ranges": [{"start": 1}]}}]}]}]', r"ranges\[0\]: 'end'"),
        (
            '[{"annotations": [{"result": [{"value": {"ranges": [{"start": 1, "end": NaN}]}}]}]}]',
            "nan is not",
        ),
        ('[{"x": [{"ranges": [{"start": "a", "end": 1}]}]}]', r"x\[0\].ranges\[0\].start: 'a' is not"),
    ],
)
def test_damaged_exports(content: str, words: str) -> None:
    Path("films/a.json").write_text(content)
    refused(Path("films/a.json"), f"films/a.json.*[\\s\\S]*{words}", layout="label-studio")


def test_other_json_is_left_alone() -> None:
    path = Path("films/poses.json")
    path.write_text('{"images": [], "annotations": [{"keypoints": [1, 2, 2]}]}')
    assert tools.format_of(path) == ""
