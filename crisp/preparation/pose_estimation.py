"""Pose estimation with MediaPipe (optional extra `pose`; weights are bundled)."""

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

LANDMARKS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24)  # indices of JOINTS in MediaPipe's 33, in order
CHUNK = 16  # frames in memory
SIDE = 256  # px, minimum side of the searched image; smaller crops are enlarged

# Maps an image (side, side, 3) to a person's joints (13, 3), x and y as shares of the side; None for nobody.
Detect = Callable[[np.ndarray], np.ndarray | None]


def joints_around(image: np.ndarray, centre: np.ndarray, detect: Detect) -> np.ndarray:
    """Estimate the player's joints in a frame, in a square about the ROI with the height of the frame.

    Small players are missed in the whole image. If nobody is found, half of this square is searched.

    Parameters
    ----------
    image : ndarray, (H, W, 3) uint8
        RGB.
    centre : (x, y)
        ROI centre, px.
    detect : callable
        Maps a square image to the joints of a person (see `Detect`).

    Returns
    -------
    ndarray, (14, 3)
        (x, y, score) in px of the frame, without the centre; NaN without a person.
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
    frames, region : path-like
        Stage files of the video's frames and ROI.
    target : path-like
        Stage file to write; see `crisp.preparation.pose.extract_pose`.

    Raises
    ------
    CrispError
        If a stage file is missing or damaged, or MediaPipe is not installed.
    """
    video = pose.PreparedVideo.read(frames, region)
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
    """Yield MediaPipe's detector in image mode, and its version."""
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
