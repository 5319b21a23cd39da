"""Poses estimated offline from frames by MediaPipe, whose package (extra `pose`) holds the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.core.progress import progress
from crisp.core.skeleton import JOINTS, POINTS
from crisp.preparation import pose, poses, roi
from crisp.preparation.pose import write_pose

LANDMARKS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24)  # of MediaPipe's 33 those of JOINTS, in order
CHUNK = 16  # frames in memory
SIDE = 256  # px, least side of the picture that is searched; smaller crops are enlarged

# A picture (side, side, 3) to the joints (13, 3) of a person, x and y as shares of the side; None for nobody.
Detect = Callable[[np.ndarray], np.ndarray | None]


def joints_around(image: np.ndarray, centre: np.ndarray, detect: Detect) -> np.ndarray:
    """The player's joints in a frame, looked for in a square about the ROI as high as the frame.

    In the whole picture small players are missed. Where nobody is found, half that square is searched.

    Parameters
    ----------
    image : ndarray, (H, W, 3) uint8
    centre : (x, y)
        ROI centre, px.
    detect : callable

    Returns
    -------
    ndarray, (14, 3)
        (x, y, score) in px of the frame, the centre not known; NaN without a person.
    """
    height, width = image.shape[:2]
    points = np.full((len(POINTS), 3), np.nan)
    for side in (min(height, width), min(height, width) // 2):
        x, y = np.floor(roi.clamp(np.asarray([centre], float), (side, side), width, height)[0]).astype(int)
        left, top = x - side // 2, y - side // 2
        square = image[top : top + side, left : left + side]
        if side < SIDE:
            square = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        found = detect(np.ascontiguousarray(square))
        if found is not None:
            points[1:, :2] = found[:, :2] * side - 0.5 + (left, top)
            points[1:, 2] = found[:, 2]
            break
    return points


def estimate_poses(frames: str | Path, region: str | Path, target: str | Path) -> None:
    """Write a video's pose stage file, estimated from its frames.

    Parameters
    ----------
    frames, region : stage files of the video, of frames and ROI.
    target : stage file to write; see `crisp.preparation.pose.extract_pose`.

    Raises
    ------
    CrispError
        If a stage file is missing or damaged, or MediaPipe is not installed.
    """
    video = pose.Video.read(frames, region)
    name = f"{Path(frames).parent.name} pose"
    points = np.empty((len(video.centres), 1, len(POINTS), 3))
    with _mediapipe() as (detect, version), stage_files.open_stage(frames, "frames") as images:
        for row in progress(range(len(points)), "frames", name, len(points)):
            if row % CHUNK == 0:
                pictures = stage_files.read_rows(images["rgb"], row, row + CHUNK)
            points[row, 0] = joints_around(pictures[row % CHUNK], video.centres[row], detect)
    write_pose(target, video, pose.with_centre(points), frames, {"source": "estimated", "estimator": version})


@contextmanager
def _mediapipe() -> Iterator[tuple[Detect, str]]:
    """MediaPipe's detector, each picture by itself, and its version."""
    try:
        import mediapipe
    except ModuleNotFoundError:
        raise CrispError(*poses.missing_estimator()) from None
    with mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1) as estimator:

        def detect(picture: np.ndarray) -> np.ndarray | None:
            found = estimator.process(picture).pose_landmarks
            if found is None:
                return None
            marks = [found.landmark[number] for number in LANDMARKS]
            assert len(marks) == len(JOINTS)
            return np.array([(mark.x, mark.y, mark.visibility) for mark in marks])

        yield detect, f"mediapipe {mediapipe.__version__}"
