"""Pose estimation with MediaPipe (optional extra `pose`; weights are bundled)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.core.progress import progress
from crisp.core.skeleton import JOINTS, POINTS
from crisp.preparation import pose, poses
from crisp.preparation.person_search import Detect, PersonSearch
from crisp.preparation.pose import write_pose

LANDMARKS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24)  # indices of JOINTS in MediaPipe's 33, in order
CHUNK = 16  # frames in memory


def estimate_poses(
    frames: str | Path,
    roi: str | Path,
    target: str | Path,
) -> None:
    """Write the pose stage file of a video, or of a region of it, estimated from its frames.

    The estimator is loaded once for all videos of a process.

    Parameters
    ----------
    frames, roi : path-like
        Stage files of the video's frames and ROI. Nobody outside the region of the ROI is seen.
    target : path-like
        Stage file to write; see `crisp.preparation.pose.extract_pose`.

    Raises
    ------
    CrispError
        If a stage file is missing or damaged, or MediaPipe is not installed.
    """
    video = pose.PreparedVideo.read(frames, roi)
    detect, version = _mediapipe()
    search = PersonSearch(detect, video.region)
    name = f"{Path(frames).parent.name} pose"
    points = np.empty((len(video.centres), 1, len(POINTS), 3))
    with stage_files.open_stage(frames, "frames") as images:
        for row in progress(range(len(points)), "frames", name, len(points)):
            if row % CHUNK == 0:
                pictures = stage_files.read_rows(images["rgb"], row, row + CHUNK)
            points[row, 0] = search.joints(pictures[row % CHUNK], video.centres[row])
    write_pose(target, video, pose.with_centre(points), frames, {"source": "estimated", "estimator": version})


@cache
def _mediapipe() -> tuple[Detect, str]:
    """Load MediaPipe's detector in image mode; return it and its version."""
    try:
        import mediapipe
    except ModuleNotFoundError:
        raise CrispError(*poses.missing_estimator()) from None
    estimator = mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1)

    def detect(picture: np.ndarray) -> np.ndarray | None:
        found = estimator.process(picture).pose_landmarks
        if found is None:
            return None
        marks = [found.landmark[number] for number in LANDMARKS]
        assert len(marks) == len(JOINTS)
        return np.array([(mark.x, mark.y, mark.visibility) for mark in marks])

    return detect, f"mediapipe {mediapipe.__version__}"
