"""Detection: frames as if predicted one by one, smoothing by hand, runs, and the files of the verb."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import hypothesis.extra.numpy
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from crisp import models
from crisp.cli import application
from crisp.clips import dataset, reader
from crisp.clips.augmentation import Draw
from crisp.clips.reader import ClipReader
from crisp.core.errors import CrispError
from crisp.core.words import counted
from crisp.evaluation import decisions, detect, detection, inference
from crisp.evaluation.detection import (
    Decided,
    decide_frames,
    find_strokes,
    frame_probabilities,
    kernel_frames,
)
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.models import sliding
from crisp.study import samples, schema, tables
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.config import Study
from crisp.study.load import resolve_study
from crisp.study.samples import Sample
from crisp.study.tables import Annotation, VideoRow
from crisp.study.variants import Detection
from crisp.training import checkpoints, trainer
from tests import stagefiles, trainable
from tests.trainable import CONTENT, FRAMES

SIZE = tuple(CONTENT["defaults"]["size"])
T = SIZE[0]
SETTINGS = Detection.from_config(schema.defaults("detection") | {"stride": 0})
CLASSES = ("Hit", "Push", "Negative")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study whose only labelled video trains, with a second one of 150 frames to find strokes in."""
    monkeypatch.chdir(tmp_path)
    made = trainable.build()
    random = np.random.default_rng(1)
    stagefiles.write(
        made.volumes / "w",
        random.integers(0, 256, (150, 12, 12, 3), dtype=np.uint8),
        random.normal(0, 3, (150, 12, 12, 2)),
        roi=random.uniform(3, 9, (150, 2)),
        pose=random.uniform(0, 12, (150, 14, 3)),
        fps=120,
    )
    tables.write_videos(
        "videos.tsv",
        [VideoRow(name, f"{name}.mp4", frames=n, fps=120) for name, n in (("v", FRAMES), ("w", 150))],
    )
    write_annotation("w.xml", [Stroke(10, 50, "Hit"), Stroke(80, 120, "Push"), Stroke(130, 150)])
    tables.write_annotations("annotations.tsv", [Annotation("w", "w.xml", "detection", "test")])
    return made


def network(made: Study, variant: str = "flow") -> torch.nn.Module:
    torch.manual_seed(0)
    return models.build(made.variant(variant), 3).eval()


def clip_reader(made: Study, variant: str = "flow") -> ClipReader:
    kind = made.variant(variant)
    return ClipReader(made.volumes / "w", kind.streams, stagefiles.METHOD, kind.pose_norm)


@pytest.mark.parametrize("variant", ["flow", "rgb", "twin", "three-stream"])
def test_frames_are_what_classification_sees(small: Study, variant: str) -> None:
    """Without stride each centre frame has the probabilities of the window that classification reads."""
    model = network(small, variant)
    scale = dataset.study_dataset(small, small.variant(variant), "main", "test", 1).normalised
    found = frame_probabilities(model, clip_reader(small, variant), SIZE, scale, 1, 4)
    assert found.shape == (150, 3)
    windows = dataset.study_dataset(small, small.variant(variant), "main", "test", 1)
    windows.readers["w"] = clip_reader(small, variant)
    rows = inference.window_probabilities(model, windows, Sample("w", 0, 150, "", "stroke", "w:x"), 7)
    np.testing.assert_allclose(found[T // 2 : T // 2 + len(rows)], rows, atol=1e-6)
    assert np.isnan(found[: T // 2]).all(), "no window is centred there"
    assert np.isnan(found[T // 2 + len(rows) :]).all()
    assert detection.known_frames(found) == (T // 2, T // 2 + len(rows))


@pytest.mark.parametrize(("stride", "batch"), [(1, 3), (4, 5), (7, 2), (T + 3, 2), (1000, 4)])
def test_strides_interpolate_between_windows(small: Study, stride: int, batch: int) -> None:
    model = network(small)
    every = frame_probabilities(model, clip_reader(small), SIZE, None, 1, 50)
    found = frame_probabilities(model, clip_reader(small), SIZE, None, stride, batch)
    centres = sorted({*range(T // 2, 150 - T + T // 2, stride), 150 - T + T // 2})
    np.testing.assert_allclose(found[centres], every[centres], atol=1e-6)
    for begin, end in pairwise(centres):
        share = np.linspace(0, 1, end - begin + 1)[:, None]
        np.testing.assert_allclose(
            found[begin : end + 1], every[begin] * (1 - share) + every[end] * share, atol=1e-6
        )
    np.testing.assert_allclose(found[centres[0] : centres[-1] + 1].sum(axis=1), 1)
    assert detection.known_frames(found) == (centres[0], centres[-1] + 1)


def test_a_video_shorter_than_a_window(small: Study) -> None:
    long = (200, 8, 8)
    variant = resolve_study({**CONTENT, "defaults": {**CONTENT["defaults"], "size": list(long)}}).variant(
        "flow"
    )
    torch.manual_seed(0)
    model = models.build(variant, 3).eval()
    found = frame_probabilities(model, clip_reader(small), long, None, 5, 2)
    clip = clip_reader(small).clip(Draw(-25), long, None)
    row = inference.model_rows(model, {name: torch.from_numpy(array)[None] for name, array in clip.items()})
    np.testing.assert_allclose(found, np.repeat(row, 150, axis=0), atol=1e-6)
    as_long = (150, 8, 8)
    variant = resolve_study({**CONTENT, "defaults": {**CONTENT["defaults"], "size": list(as_long)}}).variant(
        "flow"
    )
    found = frame_probabilities(models.build(variant, 3).eval(), clip_reader(small), as_long, None, 5, 2)
    assert detection.known_frames(found) == (0, 150), "the one window holds all of the video"


def test_every_frame_is_read_once(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "BLOCK", 16)
    asked: list[tuple[int, int]] = []
    read = ClipReader.clip

    def spy(self: ClipReader, draw: Draw, size: tuple[int, int, int], *rest: object) -> dict:
        asked.append((draw.begin, draw.begin + size[0]))
        return read(self, draw, size, *rest)

    monkeypatch.setattr(reader.ClipReader, "clip", spy)
    frame_probabilities(network(small), clip_reader(small), SIZE, None, 3, 4)
    assert [begin for begin, _ in asked] == [0, *(end for _, end in asked[:-1])]
    assert asked[-1][1] == 150
    # Memory is bounded by a block of the file and the windows that share their convolutions.
    assert max(end - begin for begin, end in asked) <= 16 + (sliding.SPAN + 1) * T
    assert all(end % 16 == 0 for _, end in asked[:-1])


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"),
    [(1.25, 120, 150), (1.675, 120, 201), (1.25, 20, 25), (1.25, 30, 38), (0, 30, 1)],
)
def test_frames_of_the_smoothing(seconds: float, fps: float, frames: int) -> None:
    assert kernel_frames(seconds, fps) == frames


def test_even_smoothing_covers_one_frame_more_before() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(3), 9)
    smoothed = decide_frames(rows, "mean", 4, replace(SETTINGS, smoothing=1, gaussian=1)).smoothed
    expected = [rows[max(0, i - 2) : i + 2].mean(axis=0) for i in range(9)]
    np.testing.assert_allclose(smoothed, expected)


def certain(best: list[int]) -> np.ndarray:
    return np.eye(3)[best]


def test_smoothing_by_hand() -> None:
    """At 4 frames per second 0.75 s are three frames."""
    settings = replace(SETTINGS, smoothing=0.75, gaussian=0.75, shortest=0)
    rows = np.array([[0.6, 0.4, 0], [0.6, 0.4, 0], [0, 0.9, 0.1], [0.2, 0.2, 0.6]])
    none, vote, mean, gaussian = (decide_frames(rows, rule, 4, settings) for rule in decisions.RULES)
    np.testing.assert_array_equal(none.smoothed, rows)
    around = [slice(0, 2), slice(0, 3), slice(1, 4), slice(2, 4)]  # beyond the ends nothing counts
    np.testing.assert_allclose(mean.smoothed, [rows[part].mean(axis=0) for part in around])
    weights = np.array([0.25, 0.5, 0.25])
    shares = [weights[1:], weights, weights, weights[:2]]
    np.testing.assert_allclose(
        gaussian.smoothed,
        [share @ rows[part] / share.sum() for share, part in zip(shares, around, strict=True)],
    )
    np.testing.assert_allclose(vote.smoothed, [[1, 0, 0], [2 / 3, 1 / 3, 0], [1 / 3] * 3, [0, 1 / 2, 1 / 2]])
    assert none.best.tolist() == [0, 0, 1, 2]
    assert mean.best.tolist() == [0, 1, 1, 1]
    assert vote.best.tolist() == [0, 0, 1, 1], "of those with one vote each the highest mean"


def test_votes_and_means_tied_go_to_the_lower_index() -> None:
    decided = decide_frames(
        np.array([[0.1, 0.45, 0.45]] * 5),
        "vote",
        4,
        replace(SETTINGS, smoothing=0.5, gaussian=0.5, shortest=0),
    )
    assert decided.best.tolist() == [1] * 5


def test_no_such_rule() -> None:
    with pytest.raises(CrispError, match="no such rule"):
        decide_frames(certain([0]), "most", 4, SETTINGS)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    hypothesis.extra.numpy.arrays(
        float, st.tuples(st.integers(1, 40), st.just(3)), elements=st.floats(0.01, 1)
    ),
    st.integers(0, 9),
    st.integers(0, 9),
    st.sampled_from(decisions.RULES),
    st.floats(0, 3),
)
def test_unknown_frames_decide_nothing(
    rows: np.ndarray, before: int, after: int, rule: str, seconds: float
) -> None:
    """The known frames are decided as if the video had no others, and no stroke reaches beyond them."""
    rows /= rows.sum(axis=1, keepdims=True)
    settings = replace(SETTINGS, smoothing=seconds, gaussian=seconds, shortest=0)
    alone = decide_frames(rows, rule, 4, settings)
    np.testing.assert_allclose(alone.smoothed.sum(axis=1), 1)
    unknown = [np.full((count, 3), np.nan) for count in (before, after)]
    decided = decide_frames(np.concatenate([unknown[0], rows, unknown[1]]), rule, 4, settings)
    known = slice(before, before + len(rows))
    np.testing.assert_array_equal(decided.smoothed[known], alone.smoothed)
    np.testing.assert_array_equal(decided.best[known], alone.best)
    assert decided.known == (known.start, known.stop)
    assert np.isnan(np.delete(decided.smoothed, known, axis=0)).all()
    for one in find_strokes("w", decided, CLASSES, "Negative", 1):
        assert known.start <= one.begin < one.end <= known.stop
        assert one.probability <= one.score + 1e-12
        cut = detection.cut(one, decided)
        assert (cut in ("begin", "both")) == (one.begin == known.start)
        assert (cut in ("end", "both")) == (one.end == known.stop)


def test_no_frame_is_known() -> None:
    for rule in decisions.RULES:
        decided = decide_frames(np.full((5, 3), np.nan), rule, 4, SETTINGS)
        assert decided.known == (0, 0)
        assert find_strokes("w", decided, CLASSES, "Negative", 1) == []


def found(best: list[int], shortest: float = 2) -> list[DetectedInterval]:
    rows = certain(best)
    return find_strokes("w", Decided(rows, np.array(best)), CLASSES, "Negative", shortest)


@pytest.mark.parametrize(
    ("best", "runs"),
    [
        ([2, 2, 2], []),
        ([], []),
        ([0, 0, 0], [(0, 3, "Hit")]),
        ([2, 0, 2, 1, 1], [(3, 5, "Push")]),  # one frame is too short
        ([0, 0, 0, 1, 1, 2], [(0, 5, "Hit")]),  # a run of several classes is one stroke, of the commonest
        ([0, 0, 2, 1, 1], [(0, 2, "Hit"), (3, 5, "Push")]),
    ],
)
def test_runs(best: list[int], runs: list[tuple[int, int, str]]) -> None:
    made = (
        found(best)
        if best
        else find_strokes("w", Decided(np.empty((0, 3)), np.empty(0, int)), CLASSES, "Negative", 2)
    )
    assert [stroke[1:4] for stroke in made] == runs


def test_class_and_score_of_a_run() -> None:
    rows = np.array([[0.3, 0.4, 0.3], [0.6, 0.2, 0.2], [0.1, 0.2, 0.7]])
    (one,) = find_strokes("w", Decided(rows, rows.argmax(axis=1)), CLASSES, "Negative", 1)
    assert one[:4] == ("w", 0, 2, "Hit")
    assert one.score == pytest.approx(0.75)
    assert one.probability == pytest.approx(0.45)


def test_class_of_a_run_is_never_the_negative() -> None:
    """The stroke classes win each frame in turn, the negative one the sum."""
    rows = np.array([[0.6, 0.0, 0.4], [0.0, 0.6, 0.4], [0.55, 0.0, 0.45]])
    assert find_strokes("w", Decided(rows, rows.argmax(axis=1)), CLASSES, "Negative", 1)[0].label == "Hit"


def train(made: Study) -> Path:
    folder = made.model_folder("flow", "main", 1)
    trainer.train_model(made, made.variant("flow"), "main", 1, folder, Path("state"), "cpu")
    return folder


def test_files_agree(small: Study) -> None:
    folder = train(small)
    Path("study.json").write_text(json.dumps(small.config))
    ended = CliRunner().invoke(
        application.app, ["detect", "--study", "study.json", "--device", "cpu", "flow"]
    )
    assert ended.exit_code == 0, ended.output
    content = json.loads((folder / "detection.json").read_text())
    assert content["videos"] == ["w"]
    assert content["left_out"] == []
    assert (content["strokes"], content["frames"], content["decision"]) == (3, 150, "gaussian")
    assert content["everywhere"] == pytest.approx(100 / 150)
    assert {key: content[key] for key in content["decisions"]["gaussian"]} == content["decisions"]["gaussian"]
    assert set(content["decisions"]) == set(decisions.RULES)
    assert {name: of["strokes"] for name, of in content["per_class"].items()} == {"Hit": 1, "Push": 1}
    rows = list(csv.DictReader((folder / "detections.csv").read_text().splitlines()))
    assert len(rows) == content["detections"]
    scale = dataset.study_dataset(small, small.variant("flow"), "main", "test", 1).normalised
    model, _ = checkpoints.load_model(folder / "model.pt", torch.device("cpu"))
    by_hand = frame_probabilities(model, clip_reader(small), SIZE, scale, 5, 4)  # 0.04 s are five frames
    decided = decide_frames(by_hand, "gaussian", 120, small.detection)
    expected = find_strokes("w", decided, small.classes, "Negative", 30)
    assert [(int(row["begin"]), int(row["end"]), row["label"]) for row in rows] == [
        tuple(one[1:4]) for one in expected
    ]
    for key in ("score", "probability"):
        assert [row[key] for row in rows] == [f"{getattr(one, key):.6f}" for one in expected]
    assert (folder / "detection.png").read_bytes()[:4] == b"\x89PNG"
    assert f"{counted(len(rows), 'stroke')} found in 1 video, 3 annotated; global IoU" in ended.stderr


@pytest.mark.usefixtures("small")
def test_a_video_that_trains_is_left_out() -> None:
    rows = tables.read_annotations("annotations.tsv")
    write_annotation("v.xml", [Stroke(0, 12, "Hit")])
    tables.write_annotations("annotations.tsv", [*rows, Annotation("v", "v.xml", "detection", "test")])
    again = trainable.configured()
    train(again)
    content = detect.detect_strokes(again, again.variant("flow"), "main", 1, "cpu")
    assert content["left_out"] == ["v"]
    assert content["videos"] == ["w"]
    assert content["strokes"] == 3


def test_so_is_one_of_the_same_group(small: Study, capsys: pytest.CaptureFixture[str]) -> None:
    tables.write_videos(
        "videos.tsv",
        [
            VideoRow(name, f"{name}.mp4", frames=n, fps=120, group="player")
            for name, n in (("v", FRAMES), ("w", 150))
        ],
    )
    train(small)
    content = detect.detect_strokes(small, small.variant("flow"), "main", 1, "cpu")
    assert content["left_out"] == ["w"]
    assert content["global_iou"] is content["average_precision"]["0.50"] is None
    assert (
        "warning: w: skipped, as it or its group is used for training or validation"
        in capsys.readouterr().err
    )


@pytest.mark.usefixtures("small")
def test_truth_is_in_working_frames_and_as_kept() -> None:
    tables.write_videos(
        "videos.tsv", [VideoRow("v", "v.mp4"), VideoRow("w", "w.mp4", frames=300, fps=240, frame_step=2)]
    )
    made = trainable.configured()
    assert [one[1:4] for one in detect.annotated_strokes(made)["w"]] == [
        (5, 25, "Hit"),
        (40, 60, "Push"),
        (65, 75, ""),
    ]
    kept = {"w.xml": [[20, 40, "Push"], [50, 60, "Negative"]]}
    assert detect.annotated_strokes(made, kept) == {"w": [DetectedInterval("w", 10, 20, "Push")]}
    assert samples.labels(made)["w.xml"][0] == [10, 50, "Hit"]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("row", [Annotation("w", "w.xml", "detection", "train"), Annotation("w", "w.xml")])
def test_no_video_to_find_strokes_in(row: Annotation) -> None:
    tables.write_annotations("annotations.tsv", [row])
    made = trainable.configured()
    assert made.detection_rows == []
    with pytest.raises(CrispError, match="no video to find strokes in"):
        detect.detect_strokes(made, made.variant("flow"), "main", 1, "cpu")


def test_without_a_negative_class_nothing_is_to_be_found(small: Study) -> None:
    assert [row.video for row in small.detection_rows] == ["w"]
    assert resolve_study({**CONTENT, "classes": ["Hit", "Push"]}).detection_rows == []
