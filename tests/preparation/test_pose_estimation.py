"""Estimated poses: where the player is looked for, and the way back to the pixels of the frame."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
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

HEIGHT, WIDTH = 90, 160
SPOTS = np.array([[x, y] for x in (60, 66, 72) for y in (30, 36, 42, 48)] + [[66.0, 56.0]])


def brightest(picture: np.ndarray) -> np.ndarray | None:
    """A detector that takes the one bright spot of a picture for all joints."""
    if not picture.any():
        return None
    weights = picture[..., 0].astype(float)
    ys, xs = np.mgrid[: len(weights), : len(weights)]
    place = np.array([(xs * weights).sum(), (ys * weights).sum()]) / weights.sum()
    return np.column_stack([np.tile((place + 0.5) / len(weights), (13, 1)), np.full(13, 0.8)])


@pytest.mark.parametrize("spot", SPOTS)
@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (WIDTH, HEIGHT), (300, 400)])
def test_joints_come_back_to_where_they_are_in_the_frame(spot: np.ndarray, shape: tuple[int, int]) -> None:
    image = np.repeat((250 * blob(*shape, *spot))[..., None], 3, axis=2).astype(np.uint8)
    found = pose_estimation.joints_around(image, spot + np.array([3, -4]), brightest)
    np.testing.assert_allclose(found[1:, :2], np.tile(spot, (13, 1)), atol=0.1)
    assert (found[1:, 2] == 0.8).all()
    assert np.isnan(found[0]).all()


@pytest.mark.parametrize(("centre", "seen"), [((20, 45), True), ((110, 45), False)])
def test_only_the_square_about_the_roi_is_searched(centre: tuple[int, int], seen: bool) -> None:
    image = np.repeat((250 * blob(HEIGHT, WIDTH, 20, 40))[..., None], 3, axis=2).astype(np.uint8)
    found = pose_estimation.joints_around(image, np.array(centre), brightest)
    assert np.isfinite(found[1:]).all() == seen


def test_small_players_are_looked_for_in_half_the_square() -> None:
    image = np.repeat((250 * blob(HEIGHT, WIDTH, 60, 40))[..., None], 3, axis=2).astype(np.uint8)
    sides = []

    def found_if_large(picture: np.ndarray) -> np.ndarray | None:
        sides.append(picture.sum())
        return brightest(picture) if len(sides) == 2 else None

    found = pose_estimation.joints_around(image, np.array([62, 42]), found_if_large)
    np.testing.assert_allclose(found[1:, :2], np.tile((60, 40), (13, 1)), atol=0.1)
    assert sides[1] > 3 * sides[0], "the same spot, twice as large in each direction"


def test_every_joint_has_a_landmark_of_its_own() -> None:
    assert len(set(pose_estimation.LANDMARKS)) == len(JOINTS)


def test_missing_package_is_told_by_the_check_and_the_verb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
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
    @contextmanager
    def fake() -> Iterator[tuple[pose_estimation.Detect, str]]:
        yield brightest, "fake 1"

    monkeypatch.setattr(pose_estimation, "_mediapipe", fake)
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
