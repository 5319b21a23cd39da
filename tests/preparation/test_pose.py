"""Poses: the choice of the player, the stage file, and what a clip holds of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from crisp.clips.augmentation import Draw, draw, generator
from crisp.clips.reader import ClipReader
from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.core.skeleton import BONES, JOINTS, MIRRORED, POINTS, pose_channels
from crisp.preparation import pose
from crisp.preparation.pose import extract_pose
from tests import published, stagefiles
from tests.clips.test_dataset import blob, centroid
from tests.geometry import matrix

HEIGHT, WIDTH, N = 90, 120, 6


def standing(x: float, y: float, score: float = 1.0) -> np.ndarray:
    """A pose (14, 3) whose joints are around (x, y), its centre not known."""
    angle = np.arange(13) * 2 * np.pi / 13
    joints = np.stack([x + 5 * np.cos(angle), y + 5 * np.sin(angle), np.full(13, score)], axis=1)
    return np.concatenate([np.full((1, 3), np.nan), joints])


def test_points_and_what_mirrors_them() -> None:
    assert len(POINTS) == 14
    assert pose_channels("crop") == pose_channels("image") == 42
    for point, other in enumerate(MIRRORED):
        assert MIRRORED[other] == point
        assert POINTS[point].split()[-1] == POINTS[other].split()[-1]
        assert (point == other) == (POINTS[point] in ("centre", "nose"))
    mirrored = {frozenset((MIRRORED[one], MIRRORED[other])) for one, other in BONES}
    assert mirrored == {frozenset(bone) for bone in BONES}


def test_centre_is_the_given_one_or_the_mean_of_the_known_joints() -> None:
    given, computed = standing(50, 40), standing(50, 40)
    given[0] = (10, 20, 0.3)
    computed[1:4, 2] = (0, np.nan, 0.5)
    computed[5] = (np.nan, 3, 1)
    found = pose.with_centre(np.stack([given, computed, np.full((14, 3), np.nan)]))
    np.testing.assert_array_equal(found[0], given)
    left = computed[[3, 4, *range(6, 14)]]
    np.testing.assert_allclose(found[1, 0], left.mean(axis=0))
    assert np.isnan(found[2]).all()


def test_person_nearest_to_the_roi_is_taken_frame_by_frame() -> None:
    people = np.full((4, 3, 14, 3), np.nan)
    people[0, 0], people[0, 1] = standing(20, 20), standing(80, 60)
    people[1, 0], people[1, 1] = standing(20, 20), standing(80, 60)
    people[2, 2] = standing(5, 5)
    found = pose.nearest(pose.with_centre(people), np.array([[70, 50], [40, 30], [100, 80], [60, 45]]))
    np.testing.assert_allclose(found[:3, 0, :2], [[80, 60], [20, 20], [5, 5]])
    assert np.isnan(found[3]).all(), "nobody"
    assert np.isnan(pose.nearest(people[:, :0], np.zeros((4, 2)))).all()


def test_unknown_points_are_at_the_roi_with_score_zero() -> None:
    points = standing(50, 40)[None]
    points[0, 2] = (np.nan, 30, 0.9)
    points[0, 3] = (1, 2, 0)
    points[0, 4] = (1, 2, np.nan)
    found = pose.filled(points, np.array([[60.0, 45.0]]))
    np.testing.assert_array_equal(found[0, [0, 2, 3, 4]], [[60, 45, 0]] * 4)
    np.testing.assert_array_equal(found[0, 5:], points[0, 5:])


def test_pixels_of_larger_pictures_keep_their_place() -> None:
    """The corners of the picture are corners of both; its first pixel's centre is the origin."""
    corners = np.array([[-0.5, -0.5, 1], [1919.5, 1079.5, 1], [959.5, 539.5, 0.2]])
    expected = [[-0.5, -0.5, 1], [319.5, 179.5, 1], [159.5, 89.5, 0.2]]
    np.testing.assert_allclose(pose.rescaled(corners, 320 / 1920), expected)


def clip_of(tmp_path: Path, points: np.ndarray, roi: np.ndarray, **options: Any) -> ClipReader:
    rgb = np.zeros((len(points), HEIGHT, WIDTH, 3), np.uint8)
    folder = stagefiles.write(tmp_path, rgb, roi=roi, pose=points)
    return ClipReader(folder, ("pose",), stagefiles.METHOD, **options)


def test_channels_by_hand(tmp_path: Path) -> None:
    """Zoom 1.1, shift (3, -2), no turn: A(p) = 1.1 (p - c + s) + (W/2, H/2), then over W and H."""
    points = np.repeat(pose.with_centre(standing(50, 40, 0.6))[None], N, axis=0)
    roi = np.array([55.7, 44.2]) + np.arange(N)[:, None]
    values = Draw(1, zoom=1.1, shift=(3, -2))
    found = clip_of(tmp_path, points, roi).clip(values, (4, 60, 64))["pose"]
    assert found.shape == (42, 4)
    assert found.dtype == np.float32
    for frame in range(4):
        centre = np.array([55, 44]) + frame + 1
        placed = 1.1 * (points[0, :, :2] - centre + (3, -2)) + (32, 30)
        np.testing.assert_allclose(found[0::3, frame], placed[:, 0] / 64, atol=1e-6)
        np.testing.assert_allclose(found[1::3, frame], placed[:, 1] / 60, atol=1e-6)
        np.testing.assert_allclose(found[2::3, frame], 0.6, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        Draw(0),
        Draw(0, flip=True),
        Draw(0, zoom=1.1),
        Draw(0, -7.0, 0.93, (-6, 5)),
        Draw(1, 9.5, 1.08, (5, 3), True),
    ],
)
def test_place_in_the_image_is_the_published_input(tmp_path: Path, values: Draw) -> None:
    points = np.stack([pose.with_centre(standing(50 + 2 * frame, 40 - frame, 0.6)) for frame in range(N)])
    points[2, 4] = np.nan
    roi = np.array([55, 44]) + np.arange(N)[:, None]
    found = clip_of(tmp_path, points, roi.astype(float), pose_norm="image").clip(values, (4, 60, 64))["pose"]
    for frame, centre in enumerate(roi[values.begin : values.begin + 4]):
        for point, (x, y, score) in enumerate(points[values.begin + frame]):
            place = (centre[0], centre[1]) if np.isnan(x) else (x, y)
            drawn = values.angle, values.shift, values.zoom, values.flip
            expected = published.joint(place, tuple(centre), *drawn, (HEIGHT, WIDTH))
            row = 3 * (MIRRORED[point] if values.flip else point)
            np.testing.assert_allclose(found[row : row + 2, frame], expected, atol=1e-6)
            assert found[row + 2, frame] == (0 if np.isnan(x) else np.float32(score))


def test_place_in_the_image_does_not_depend_on_the_crop(tmp_path: Path) -> None:
    points = np.repeat(pose.with_centre(standing(50, 40))[None], N, axis=0)
    reader = clip_of(tmp_path, points, np.array([55.0, 44]) + np.arange(N)[:, None], pose_norm="image")
    for size in ((4, 60, 64), (4, 33, 21)):
        found = reader.clip(Draw(0), size)["pose"]
        np.testing.assert_allclose(found[0::3], np.repeat(points[0, :, :1] / WIDTH, 4, axis=1), atol=1e-6)
        np.testing.assert_allclose(found[1::3], np.repeat(points[0, :, 1:2] / HEIGHT, 4, axis=1), atol=1e-6)


def test_unknown_joints_are_at_the_centre_of_each_crop(tmp_path: Path) -> None:
    """Whatever the crop: in the file they are at the ROI, which is not clamped, or not a number."""
    points = np.full((N, 14, 3), np.nan)
    points[:, 7:] = (119, 89, 0)
    roi = np.tile((118.0, 88.0), (N, 1))
    found = clip_of(tmp_path, points, roi).clip(Draw(0), (N, 40, 50))["pose"]
    np.testing.assert_allclose(found[0::3], 0.5)
    np.testing.assert_allclose(found[1::3], 0.5)
    assert not found[2::3].any()


def test_frames_outside_the_video_repeat_its_ends(tmp_path: Path) -> None:
    points = np.stack([pose.with_centre(standing(50 + frame, 40)) for frame in range(N)])
    reader = clip_of(tmp_path, points, np.full((N, 2), 50.0))
    found = reader.clip(Draw(-2), (N + 5, 60, 64))["pose"]
    whole = reader.clip(Draw(0), (N, 60, 64))["pose"]
    np.testing.assert_array_equal(found, whole[:, [0, 0, *range(N), 5, 5, 5]])


@pytest.fixture(scope="module")
def dots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A bright dot at one joint in each frame, its colour that of the joint's side, and an ROI that moves.

    Red is at the left wrist, green at the right wrist.
    """
    random = np.random.default_rng(1)
    roi = np.stack([50 + 3 * np.arange(N), 40 + np.arange(N)], axis=1) + 0.4
    points = np.full((N, 14, 3), np.nan)
    wrists = [POINTS.index("left wrist"), POINTS.index("right wrist")]
    points[:, wrists, :2] = roi[:, None] + random.uniform(-7, 7, (N, 2, 2)) + [[-6, 0], [6, 0]]
    points[:, wrists, 2] = 0.9
    rgb = np.zeros((N, HEIGHT, WIDTH, 3), np.uint8)
    for frame in range(N):
        for colour, wrist in enumerate(wrists):
            rgb[frame, ..., colour] = 250 * blob(HEIGHT, WIDTH, *points[frame, wrist, :2])
    folder = stagefiles.write(tmp_path_factory.mktemp("dots"), rgb, roi=roi, pose=points)
    return folder, points


@settings(max_examples=30, deadline=None)
@given(seed=some.integers(0, 2**32), size=some.sampled_from([(60, 64), (61, 63), (88, 118)]))
def test_picture_and_pose_stay_aligned_for_any_draw(
    dots: tuple[Path, np.ndarray], seed: int, size: tuple
) -> None:
    """Within half a pixel; a mirrored picture shows the left wrist where the pose says right."""
    folder, _ = dots
    values = draw(generator(seed, 0, 0), 0, N, (4, *size))
    clip = ClipReader(folder, ("rgb", "pose"), stagefiles.METHOD).clip(values, (4, *size))
    points = clip["pose"].reshape(14, 3, 4)
    names = ["left wrist", "right wrist"][:: -1 if values.flip else 1]
    for colour, name in enumerate(names):
        placed = points[POINTS.index(name), :2] * [[size[1]], [size[0]]]
        for frame in range(4):
            found = centroid(clip["rgb"][colour, frame])
            assert np.abs(placed[:, frame] - found).max() < 0.5


def test_flip_swaps_sides_and_nothing_else(dots: tuple[Path, np.ndarray]) -> None:
    reader = ClipReader(dots[0], ("pose",), stagefiles.METHOD)
    plain, flipped = (
        reader.clip(Draw(0, flip=flip), (4, 60, 64))["pose"].reshape(14, 3, 4) for flip in (False, True)
    )
    left, right = POINTS.index("left wrist"), POINTS.index("right wrist")
    np.testing.assert_allclose(flipped[left, 0], 63 / 64 - plain[right, 0], atol=1e-6)
    np.testing.assert_array_equal(flipped[left, 1:], plain[right, 1:])
    np.testing.assert_allclose(flipped[right, 0], 63 / 64 - plain[left, 0], atol=1e-6)
    nose = POINTS.index("nose")
    np.testing.assert_allclose(flipped[nose, 0], 63 / 64 - plain[nose, 0], atol=1e-6)


def test_matrix_is_that_of_the_frames(dots: tuple[Path, np.ndarray]) -> None:
    folder, points = dots
    values = draw(generator(2, 0, 0), 0, N, (N, 60, 64))
    found = (
        ClipReader(folder, ("pose",), stagefiles.METHOD).clip(values, (N, 60, 64))["pose"].reshape(14, 3, N)
    )
    wrist = POINTS.index("left wrist")
    for position, frame in enumerate(np.clip(np.arange(values.begin, values.begin + N), 0, N - 1)):
        centre = np.array([50 + 3 * frame, 40 + frame])
        expected = matrix(values, centre, (60, 64), (HEIGHT, WIDTH)) @ [*points[frame, wrist, :2], 1]
        placed = found[MIRRORED[wrist] if values.flip else wrist, :2, position] * (64, 60)
        np.testing.assert_allclose(placed, expected, atol=1e-3)


def test_missing_pose_file_is_named(tmp_path: Path) -> None:
    folder = stagefiles.write(tmp_path, np.zeros((N, HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(CrispError, match=r"pose.h5: stage file is missing"):
        ClipReader(folder, ("pose",), stagefiles.METHOD).clip(Draw(0), (4, 16, 16))
    stagefiles.write(folder, np.zeros((N, HEIGHT, WIDTH, 3), np.uint8), pose=np.zeros((N + 1, 14, 3)))
    with pytest.raises(CrispError, match=r"ROI does not belong to .*pose.h5"):
        ClipReader(folder, ("pose",), stagefiles.METHOD).clip(Draw(0), (4, 16, 16))


SOURCE = (480, 360)  # of the raw video: four times the working size
EVERY = 2  # frame_step


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Stage files of a video of which every second frame is kept, with the ROI at (60, 45)."""
    folder = stagefiles.write(tmp_path / "v", np.zeros((N, HEIGHT, WIDTH, 3), np.uint8))
    with h5py.File(folder / "frames.h5", "r+") as file:
        file.attrs.update(
            {
                "source_width": SOURCE[0],
                "source_height": SOURCE[1],
                "decoded_frames": 2 * N - 1,
                "frame_step": EVERY,
            }
        )
    return folder


def coco(people: dict[int, list[np.ndarray]], size: tuple[int, int] | None = SOURCE) -> dict[str, Any]:
    """COCO keypoints of `people` (14, 3) by frame."""
    shape = {"width": size[0], "height": size[1]} if size else {}
    return {
        "images": [{"id": frame, **shape} for frame in range(2 * N - 1)],
        "annotations": [
            {"image_id": frame, "keypoints": np.concatenate([one[1:], np.zeros((4, 3))]).ravel().tolist()}
            for frame, everyone in people.items()
            for one in everyone
        ],
    }


def extract(folder: Path, content: dict[str, Any], **options: Any) -> np.ndarray:
    source = folder.parent / "v.json"
    source.write_text(json.dumps(content))
    extract_pose(folder / "frames.h5", folder / "roi/dis.h5", source, folder / "pose.h5", **options)
    with stage_files.open_stage(folder / "pose.h5", "pose") as file:
        return file["pose"][:]


def test_stage_takes_the_nearest_person_of_the_kept_frames_in_working_pixels(prepared: Path) -> None:
    far, near = standing(40, 40), standing(260, 200, 0.8)
    found = extract(prepared, coco({4: [far, near], 5: [far]}))
    assert found.shape == (N, 14, 3)
    np.testing.assert_allclose(found[2, 1:, :2], (near[1:, :2] + 0.5) / 4 - 0.5, rtol=1e-5)
    np.testing.assert_allclose(found[2, 1:, 2], 0.8, rtol=1e-6)
    np.testing.assert_allclose(found[2, 0], found[2, 1:].mean(axis=0), rtol=1e-5)
    nobody = found[[0, 1, 3, 4, 5]]
    np.testing.assert_array_equal(nobody, np.broadcast_to((60, 45, 0), nobody.shape))


def test_stage_tells_where_its_poses_come_from(prepared: Path, capsys: pytest.CaptureFixture) -> None:
    extract(prepared, coco({4: [standing(260, 200)]}), joints={"left hip": ""})
    assert "nobody in 5 of 6 frames" in capsys.readouterr().err
    with (
        stage_files.open_stage(prepared / "pose.h5", "pose") as file,
        h5py.File(prepared / "frames.h5") as frames,
    ):
        attributes = dict(file.attrs)
        assert attributes["frames_sha256"] == frames["rgb"].attrs["sha256"]
    assert attributes["source"] == "v.json"
    assert len(attributes["source_sha256"]) == 64
    assert attributes["fps"] == 2
    assert attributes["source_picture_width"] == SOURCE[0]
    assert json.loads(attributes["points"]) == list(POINTS)
    assert json.loads(attributes["joints"]) == {"left hip": ""}
    assert attributes["frames_without_person"] == N - 1


@pytest.mark.parametrize(
    ("size", "options", "factor"),
    [(None, {}, 4), ((240, 180), {}, 2), ((240, 180), {"width": 480}, 4), (None, {"width": 120}, 1)],
)
def test_width_of_the_pictures(prepared: Path, size: Any, options: dict, factor: int) -> None:
    """As given, else as the file tells, else the video's."""
    person = standing(50, 40)
    found = extract(prepared, coco({0: [person]}, size), **options)
    np.testing.assert_allclose(found[0, 1:, :2], (person[1:, :2] + 0.5) / factor - 0.5, rtol=1e-5)


def no_number() -> np.ndarray:
    return np.full((14, 3), np.nan)


def with_score(score: float) -> np.ndarray:
    return standing(50, 40, score)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (coco({0: [standing(50, 40)]}, (480, 480)), "images of another aspect ratio"),
        (coco({0: [standing(900, 900)] * 3}), "most keypoints are outside the image"),
        (coco({0: [standing(50, 40)], 6: [with_score(-1)]}), "frame 3: invalid position or score"),
        (coco({2: [standing(float("inf"), 40)]}), "frame 1: invalid position or score"),
        ({**coco({}), "images": coco({})["images"][:-2]}, "number of frames with poses differs"),
    ],
)
def test_implausible_poses_are_refused(prepared: Path, content: dict, told: str) -> None:
    with pytest.raises(CrispError, match=told):
        extract(prepared, content)
    assert not (prepared / "pose.h5").exists()


def test_roi_of_another_video_is_refused(prepared: Path) -> None:
    stagefiles.write(prepared.parent / "other", np.zeros((N + 1, HEIGHT, WIDTH, 3), np.uint8))
    (prepared.parent / "other/roi/dis.h5").replace(prepared / "roi/dis.h5")
    with pytest.raises(CrispError, match="ROI does not belong to"):
        extract(prepared, coco({}))


@pytest.mark.parametrize("people", [{}, {0: [no_number()], 2: [with_score(0)]}])
def test_nobody_at_all_is_a_warning(
    prepared: Path, people: dict[int, list[np.ndarray]], capsys: pytest.CaptureFixture
) -> None:
    """The run goes on: with thousands of clips there is always one."""
    assert not extract(prepared, coco(people))[..., 2].any()
    assert re.match(r"warning: .*v.json: nobody in 6 of 6 frames", capsys.readouterr().err)
    assert len(JOINTS) == 13
