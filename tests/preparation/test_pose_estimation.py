"""Estimated poses: where the player is looked for, and the way back to the pixels of the frame."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from crisp.cli import application, preparation  # noqa: F401 adds the verbs
from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.core.skeleton import JOINTS
from crisp.preparation import pose, pose_estimation
from crisp.study import tables
from crisp.study.checks import pose_sources
from crisp.study.load import load_study, resolve_study
from crisp.study.tables import VideoRow
from tests import stagefiles
from tests.clips.test_dataset import blob
from tests.preparation.poses.test_poses import CONTENT
from tests.preparation.test_person_search import HEIGHT, WIDTH, brightest


def test_every_joint_has_a_landmark_of_its_own() -> None:
    assert len(set(pose_estimation.LANDMARKS)) == len(JOINTS)


def test_missing_package_is_told_by_the_check_and_the_verb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    pose_estimation._mediapipe.cache_clear()
    dataset = {**CONTENT["dataset"], "poses": ""}
    study = resolve_study(
        {**CONTENT, "dataset": dataset, "preparation": {"pose": {"estimator": "mediapipe"}}}
    )
    (fault,) = pose_sources.check(study)
    assert fault.what == "the package mediapipe is not installed"
    folder = stagefiles.write(tmp_path, np.zeros((2, HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(CrispError, match="the package mediapipe is not installed"):
        pose_estimation.estimate_poses(folder / "frames.h5", folder / "roi/dis.h5", folder / "pose.h5")
    assert not (folder / "pose.h5").exists()


def test_files_and_an_estimator_contradict_each_other() -> None:
    with pytest.raises(CrispError, match="read from files and estimated"):
        resolve_study({**CONTENT, "preparation": {"pose": {"estimator": "mediapipe"}}})


def test_estimated_stage_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_estimation, "_mediapipe", lambda: (brightest, "fake 1"))
    rgb = np.zeros((20, HEIGHT, WIDTH, 3), np.uint8)
    rgb[3] = (250 * blob(HEIGHT, WIDTH, 70, 40))[..., None]
    rgb[18] = (250 * blob(HEIGHT, WIDTH, 90, 50))[..., None]
    folder = stagefiles.write(tmp_path, rgb)
    pose_estimation.estimate_poses(folder / "frames.h5", folder / "roi/dis.h5", folder / "pose.h5")
    with stage_files.open_stage(folder / "pose.h5", "pose") as file:
        found = file["pose"][:]
        assert (file.attrs["estimator"], file.attrs["frames_without_person"]) == ("fake 1", 18)
    np.testing.assert_allclose(found[3, :, :2], np.tile((70, 40), (14, 1)), atol=0.1)
    np.testing.assert_allclose(found[18, :, :2], np.tile((90, 50), (14, 1)), atol=0.1)
    assert not pose.known(found[[0, 17, 19]]).any()


def test_mediapipe_itself(tmp_path: Path) -> None:
    """Nobody is in an empty picture."""
    pytest.importorskip("mediapipe")
    folder = stagefiles.write(tmp_path, np.zeros((2, HEIGHT, WIDTH, 3), np.uint8))
    pose_estimation.estimate_poses(folder / "frames.h5", folder / "roi/dis.h5", folder / "pose.h5")
    with stage_files.open_stage(folder / "pose.h5", "pose") as file:
        assert file.attrs["frames_without_person"] == 2
        assert str(file.attrs["estimator"]).startswith("mediapipe ")


def test_a_study_is_estimated_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Prepared videos without poses only; a video in which nobody is found is a warning, not the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pose_estimation, "_mediapipe", lambda: (brightest, "fake 1"))
    dataset = {**CONTENT["dataset"], "poses": "", "videos": "videos.tsv"}
    estimated = {**CONTENT, "dataset": dataset, "preparation": {"pose": {"estimator": "mediapipe"}}}
    estimated["preparation"]["flow_methods"] = [stagefiles.METHOD]
    estimated["defaults"] = {"flow": stagefiles.METHOD}
    Path("study.yaml").write_text(yaml.safe_dump(estimated))
    names = ("nobody", "found", "done", "unprepared")
    tables.write_videos("videos.tsv", [VideoRow(name, f"{name}.mp4") for name in names])
    study = load_study("study.yaml")
    for name in names[:3]:
        rgb = np.zeros((4, HEIGHT, WIDTH, 3), np.uint8)
        if name != "nobody":
            rgb += (250 * blob(HEIGHT, WIDTH, 70, 40))[..., None].astype(np.uint8)
        folder = study.volumes / name
        stagefiles.write(folder, rgb, pose=np.ones((4, 14, 3)) if name == "done" else None)
    application.app(["estimate-all", "--study", "study.yaml"], standalone_mode=False)
    shown = capfd.readouterr().err
    assert re.search(r"warning: .*nobody.*: nobody in 4 of 4 frames", shown)
    with stage_files.open_stage(study.volumes / "found/pose.h5", "pose") as file:
        assert file.attrs["frames_without_person"] == 0
    with stage_files.open_stage(study.volumes / "found/found.h5", "volume") as file:
        assert file["pose"].shape == (4, 14, 3)
    with stage_files.open_stage(study.volumes / "done/pose.h5", "pose") as file:
        assert (file["pose"][:] == 1).all()
    assert not (study.volumes / "unprepared").exists()
