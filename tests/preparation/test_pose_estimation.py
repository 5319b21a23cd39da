"""Estimated poses: where the player is looked for, and the way back to the pixels of the frame."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.core.skeleton import JOINTS
from crisp.preparation import pose, pose_estimation
from crisp.study.checks import pose_sources
from crisp.study.load import resolve_study
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
