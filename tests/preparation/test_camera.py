"""Camera motion: found on moved pictures, taken out of the flow, left alone where the camera stands still."""

from __future__ import annotations

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.preparation import camera, flow
from crisp.preparation.flow import extract_flow, join_parts
from crisp.preparation.roi import extract_roi
from tests import stagefiles

SIZE = HEIGHT, WIDTH = 90, 160
BALL = 12  # px


def matrix(turn: float, x: float, y: float) -> np.ndarray:
    """A turn in degrees about the image's centre, and a shift."""
    turned = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), turn, 1.0)
    turned[:, 2] += (x, y)
    return np.vstack([turned, (0, 0, 1)])


def filmed(count: int, pan: float = 0.0) -> np.ndarray:
    """Frames (N, H, W, 3) of a wall, by a camera that pans by some px per frame, with a ball that rises."""
    wall = stagefiles.texture(HEIGHT + 40, WIDTH + 40 + int(abs(pan) * count))
    ball = np.random.default_rng(1).integers(0, 256, (BALL, BALL, 3), np.uint8)
    pictures = []
    for index in range(count):
        left = int(20 + pan * index)
        picture = wall[20 : 20 + HEIGHT, left : left + WIDTH].copy()
        picture[60 - 2 * index : 60 - 2 * index + BALL, 70 : 70 + BALL] = ball
        pictures.append(picture)
    return np.stack(pictures)


def prepared(folder: Path, pan: float, stabilise: str, count: int = 20) -> tuple[Path, Path]:
    frames = stagefiles.write(folder, filmed(count, pan)) / "frames.h5"
    extract_flow(frames, folder / "f.h5", "dis", stabilise=stabilise)
    return frames, folder / "f.h5"


@settings(deadline=None, max_examples=20)
@given(st.floats(-3, 3), st.floats(-6, 6), st.floats(-6, 6))
def test_known_motion(turn: float, x: float, y: float) -> None:
    picture = stagefiles.texture(*SIZE)[..., 1]
    true = matrix(turn, x, y)
    moved = cv2.warpPerspective(picture, true, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    found = camera.motion(picture, moved)
    assert found is not None
    error = camera.field(found, SIZE) - camera.field(true, SIZE)
    assert np.linalg.norm(error, axis=-1).mean() < 0.3


def test_no_motion_where_nothing_can_be_tracked() -> None:
    picture, other = stagefiles.texture(*SIZE)[..., 1], stagefiles.texture(*SIZE, seed=5)[..., 1]
    assert camera.motion(np.full(SIZE, 90, np.uint8), picture) is None
    assert camera.motion(picture, other) is None  # a cut
    motions = camera.motions(np.stack([picture, other]))
    np.testing.assert_array_equal(motions, np.tile(np.eye(3), (2, 1, 1)))


def test_field_of_a_shift() -> None:
    np.testing.assert_allclose(
        camera.field(matrix(0, 2, -1), SIZE), np.broadcast_to((2, -1), (*SIZE, 2)), atol=1e-5
    )
    assert camera.shift(matrix(0, 3, 4), SIZE) == pytest.approx(5)


@pytest.mark.parametrize(("pan", "moves"), [(0, False), (3, True)])
def test_which_cameras_move(tmp_path: Path, pan: float, moves: bool) -> None:
    frames, _ = prepared(tmp_path, pan, "never")
    assert camera.moves(frames) is moves


def test_one_frame_does_not_move(tmp_path: Path) -> None:
    assert not camera.moves(stagefiles.write(tmp_path, filmed(1)) / "frames.h5")


def test_flow_of_a_still_camera_is_the_same(tmp_path: Path) -> None:
    frames, never = prepared(tmp_path, 0, "never")
    extract_flow(frames, tmp_path / "auto.h5", "dis", stabilise="auto")
    assert never.read_bytes() == (tmp_path / "auto.h5").read_bytes()


def test_flow_of_a_panning_camera_is_that_of_the_ball(tmp_path: Path) -> None:
    frames, path = prepared(tmp_path, 3, "auto")
    extract_roi(frames, path, tmp_path / "r.h5", 0.6, 0.01)
    with (
        stage_files.open_stage(path, "flow") as file,
        stage_files.open_stage(tmp_path / "r.h5", "roi") as roi,
    ):
        assert file.attrs["stabilised"] == "homography"
        assert file["camera"].shape == (20, 3, 3)
        np.testing.assert_allclose(file["camera"][5, :2, 2], (-3, 0), atol=0.2)
        fields = flow.read_flow(file, 0, 20)
        places, masks = roi["roi"][:], roi["mask"][:]
    assert np.abs(np.median(fields[1:], axis=(1, 2))).max() < 0.1  # the wall stands still
    for index in range(8, 20):
        # The ball, in the picture at a fixed x, moves against the wall.
        assert np.abs(places[index, 0] - (75.5, 65.5 - 2 * index)).max() < BALL
        assert masks[index, :, :50].mean() < 0.02 < masks[index, 60 - 2 * index :, 70:82].mean()


def test_parts_join_to_the_whole(tmp_path: Path) -> None:
    frames, whole = prepared(tmp_path, 3, "always")
    parts = [tmp_path / f"p{number}.h5" for number in (1, 2)]
    for number, part in enumerate(parts, start=1):
        extract_flow(frames, part, "dis", part=(number, 2), stabilise="always")
    join_parts(frames, parts, tmp_path / "joined.h5")
    assert (tmp_path / "joined.h5").read_bytes() == whole.read_bytes()
    extract_flow(frames, parts[0], "dis", part=(1, 2))
    with pytest.raises(CrispError, match="not from the same flow"):
        join_parts(frames, parts, tmp_path / "mixed.h5")


def test_unknown_setting(tmp_path: Path) -> None:
    frames, path = prepared(tmp_path, 0, "never", 2)
    with pytest.raises(CrispError, match=r"unknown value of stabilise[\s\S]*never, auto, always"):
        extract_flow(frames, path, "dis", stabilise="sometimes")
    with h5py.File(path) as file:
        assert "stabilised" not in file.attrs
