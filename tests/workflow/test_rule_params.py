"""Parameters of rules: each changes with what affects its job's result, and with nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisp.study import tables
from crisp.workflow.rule_params import RuleParams, version
from crisp.workflow.run_labels import RunLabels
from tests.workflow.labelled import annotate, labelled_study, write_data_set
from tests.workflow.test_rule_resources import job

TRAINING = job(variant="rgb", split="main")


@pytest.fixture(autouse=True)
def data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_data_set()


def params(**changes: Any) -> RuleParams:
    study = labelled_study(**changes)
    return RuleParams(study, RunLabels(study))


def test_a_label_changes_the_parameters_of_its_own_video_and_parts() -> None:
    before = params()
    kept = {video: before.quality(job(video=video)) for video in tables.SPLITS}
    strokes, samples = before.strokes(job()), before.training_samples(TRAINING)
    annotate("test", 12)
    after = params()
    assert after.quality(job(video="test")) != kept["test"]
    assert after.quality(job(video="train")) == kept["train"]
    assert after.strokes(job()) != strokes
    assert after.training_samples(TRAINING) == samples
    annotate("train", 12)
    assert params().training_samples(TRAINING) != samples


def test_stabilised_flow_is_computed_again() -> None:
    """A study without the key keeps its finished flow."""
    assert params().flow == params(preparation={"stabilise": "never"}).flow == version("flow")
    others = {params(preparation={"stabilise": value}).flow for value in ("auto", "always")}
    assert len(others | {version("flow")}) == 3


def test_the_labels_of_a_run_are_those_of_its_start() -> None:
    running = params()
    before = running.strokes(job())
    annotate("test", 12)
    assert running.strokes(job()) == before


@pytest.mark.parametrize(("key", "value", "changes"), [("workers", 7, False), ("epochs", 7, True)])
def test_a_training_is_repeated_for_settings_that_change_its_result(
    key: str, value: int, changes: bool
) -> None:
    before = params().train(TRAINING)
    assert (params(training={key: value}).train(TRAINING) != before) == changes


def test_training_keys_of_a_variant_repeat_its_training_alone() -> None:
    def versions(**keys: Any) -> list[str]:
        variants = [{"name": "rgb", "model": "rgb", "training": keys}, {"name": "flow", "model": "flow"}]
        made = params(variants=variants)
        return [made.train(job(variant=name, split="main")) for name in ("rgb", "flow")]

    before = versions()
    assert versions(batch_size=10, label_smoothing=0) == before, "values that it had"
    after = versions(batch_size=5)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_only_mirrored_videos_change_the_versions_of_their_models() -> None:
    def versions(facing: str, test: str = "") -> tuple[str, str]:
        rows = [
            tables.VideoRow(name, f"{name}.mp4", 1, 900, "", 30.0, facing=side)
            for name, side in (("train", facing), ("validation", ""), ("test", test))
        ]
        tables.write_videos("videos.tsv", rows)
        made = params()
        return made.train(TRAINING), made.evaluate(TRAINING)

    before = versions("")
    assert versions("right") == before
    assert versions("left")[0] != before[0]
    trained, evaluated = versions("", test="left")
    assert trained == before[0]
    assert evaluated != before[1]


def test_super_classes_repeat_a_training_only_if_they_are_part_of_its_loss() -> None:
    def versions(coarse: str, **keys: Any) -> str:
        classes = {name: coarse if name == "Hit" else name for name in params().study.classes}
        return params(super_classes={"set": classes}, training=keys).train(TRAINING)

    assert versions("a") == versions("b") == versions("a", super_class_loss=0) == params().train(TRAINING)
    assert versions("a", super_class_loss=1) != versions("b", super_class_loss=1) != versions("b")


def test_a_video_name_that_snakemake_would_expand_goes_into_the_command() -> None:
    rows = [tables.VideoRow("train", "match {final}.mp4", 1, 900, "", 30.0)]
    tables.write_videos("videos.tsv", rows)
    assert params().other(job(video="train")) == "'data/d/match {final}.mp4'"


def test_a_capture_rate_goes_into_the_command_and_no_ordinary_command_changes() -> None:
    rows = [tables.VideoRow("train", "train.mp4", 1, 900, "", 30.0, capture_fps=240)]
    tables.write_videos("videos.tsv", [*rows, tables.VideoRow("test", "test.mp4", 1, 900, "", 30.0)])
    assert params().other(job(video="train")) == "--fps 240"
    assert params().other(job(video="test")) == ""


def test_only_videos_of_changed_pictures_have_another_version_of_frames() -> None:
    rows = [tables.VideoRow("train", "train.mp4", fps=30, picture="PQ (HDR): converted to SDR")]
    tables.write_videos(
        "videos.tsv", [*rows, tables.VideoRow("test", "test.mp4", fps=30, timing="starts late")]
    )
    assert params().frames(job(video="test")) == version("frames")
    assert params().frames(job(video="train")) == version("frames", "PQ (HDR): converted to SDR")


def test_a_missing_video_is_left_to_the_check() -> None:
    assert params().replaced(job(video="train")) == ""


def test_a_replaced_video_is_described() -> None:
    Path("data/d").mkdir(parents=True)
    Path("data/d/train.mp4").write_bytes(b"another")
    assert params().replaced(job(video="train")) == "7 bytes"


def test_later_keys_of_detection_rerun_no_finished_study() -> None:
    study = labelled_study()
    settings = {
        key: study.config["detection"][key] for key in ("stride", "smoothing", "gaussian", "shortest")
    }
    before = params().detect(job())
    assert before == version("detect", settings, study.decision, study.classes, study.negative_class)
    assert params(detection={"candidates": "blocks"}).detect(job()) != before
    assert params(detection={"shortest": 1}).detect(job()) != before


def test_features_depend_on_the_network_and_its_clips_alone() -> None:
    def versions(**keys: Any) -> tuple[str, str]:
        frozen = {"name": "rgb", "model": "r3d_18", "weights": "own.pth", "frozen": True}
        made = params(variants=[{**frozen, **keys}])
        return made.features(TRAINING), made.train(TRAINING)

    before = versions()
    assert versions(network_size=[16, 112, 112])[0] != before[0]
    other = versions(training={"balance": "loss"})
    assert other[0] == before[0]
    assert other[1] != before[1]
    assert versions(frozen=False)[1] != before[1]
