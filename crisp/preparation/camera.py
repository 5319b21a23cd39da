"""Motion of the camera between successive frames, from background matches, and flow without it.

Corners are tracked from frame to frame; the motion that most of them share is the camera's, since players
cover less of the image than the background.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from crisp.core import stage_files

CORNERS = 400  # tracked per frame
LEAST_CORNERS = 12  # that must follow the camera's motion
MANY_CORNERS = 100  # that determine a homography; fewer, a similarity
LEAST_SHARE = 0.5  # of the tracked corners that must do so
BACK = 0.5  # px; a corner tracked forth and back must return this close
NEAR = 1 / 320  # of the width; farther corners do not follow the camera's motion
FAR = 0.25  # of the width; a larger shift is a cut
MOVING = 0.5 / 320  # of the width per frame: shift of a moving camera
MOVING_SHARE = 0.2  # of the frames in which a moving camera moves
SAMPLES = 100  # pairs that decide whether the camera moves


def motion(previous: np.ndarray, current: np.ndarray) -> np.ndarray | None:
    """Return the camera's motion between two frames.

    Parameters
    ----------
    previous, current : ndarray, (H, W) uint8
        Grey frames.

    Returns
    -------
    ndarray, (3, 3) float64, or None
        Homography from places (x, y, 1) in the first frame to those in the second, of the static background,
        or a similarity if few corners are tracked; None if too few corners share one motion, as in a plain
        or dark image and across a cut.
    """
    width = previous.shape[1]
    corners = cv2.goodFeaturesToTrack(previous, CORNERS, 0.01, max(3, width / 40))
    if corners is None or len(corners) < LEAST_CORNERS:
        return None
    tracked, found, _ = cv2.calcOpticalFlowPyrLK(previous, current, corners, None)  # type: ignore[call-overload]
    returned, back, _ = cv2.calcOpticalFlowPyrLK(current, previous, tracked, None)  # type: ignore[call-overload]
    sure = (found & back).ravel().astype(bool) & (np.linalg.norm(returned - corners, axis=-1).ravel() < BACK)
    if sure.sum() < LEAST_CORNERS:
        return None
    first, second, near = corners[sure], tracked[sure], max(0.5, NEAR * width)
    if sure.sum() >= MANY_CORNERS:
        matrix, inside = cv2.findHomography(first, second, cv2.RANSAC, near)
    else:
        matrix, inside = cv2.estimateAffinePartial2D(first, second, ransacReprojThreshold=near)
        matrix = None if matrix is None else np.vstack([matrix, (0, 0, 1)])
    if matrix is None or inside.sum() < max(LEAST_CORNERS, LEAST_SHARE * sure.sum()):
        return None
    return matrix if shift(matrix, previous.shape) < FAR * width else None


def motions(frames: np.ndarray) -> np.ndarray:
    """Return the camera's motion to each of the grey frames (N, H, W) uint8: (N, 3, 3) float64.

    The identity for the first frame, and where `motion` finds none.
    """
    found = np.tile(np.eye(3), (len(frames), 1, 1))
    for index in range(1, len(frames)):
        matrix = motion(frames[index - 1], frames[index])
        if matrix is not None:
            found[index] = matrix
    return found


def field(matrix: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return the flow (H, W, 2) float32, px, that the camera's motion causes in an image of `size` (H, W)."""
    height, width = size
    places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float64)
    moved = cv2.perspectiveTransform(places, matrix)
    return (moved - places).astype(np.float32)


def shift(matrix: np.ndarray, size: tuple[int, ...]) -> float:
    """Return the mean shift of the corners and the centre of an image of `size` (H, W), px."""
    height, width = size
    places = np.array([[[0, 0], [width, 0], [0, height], [width, height], [width / 2, height / 2]]], float)
    return float(np.linalg.norm(cv2.perspectiveTransform(places, matrix) - places, axis=-1).mean())


def moves(frames: str | Path) -> bool:
    """Return whether the camera of a video moves, from its frames stage file.

    A motion of half a pixel at 320 px per frame, in a fifth of the frames, of up to 100 pairs spread over
    the video: a camera that is touched now and then, or shakes with the floor, counts as still.
    """
    with stage_files.open_stage(frames, "frames") as file:
        count, height, width = file["rgb"].shape[:3]
        ends = np.unique(np.linspace(1, count - 1, SAMPLES if count > 1 else 0).round().astype(int))
        moving = 0
        for end in ends:
            rgb = stage_files.read_rows(file["rgb"], end - 1, end + 1)
            found = motion(*(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in rgb))
            moving += found is not None and shift(found, (height, width)) > MOVING * width
    return moving > MOVING_SHARE * len(ends)
