"""The `pose` stage: the player's joints in each frame, selected from all people in a pose file.

As in Martin et al., select the person nearest to the region of interest, or its centre if there is none.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crisp.core import stage_files
from crisp.core.errors import fail
from crisp.core.skeleton import POINTS
from crisp.core.unreadable import made_by_workflow
from crisp.core.views import WHOLE, Box
from crisp.core.words import counted
from crisp.preparation import poses
from crisp.preparation.frames import VIDEO_FACTS
from crisp.preparation.poses import read_poses
from crisp.preparation.poses.people import People
from crisp.preparation.roi import read_centres, read_region

CHUNK = 256  # frames per chunk
FACTS = {
    key: VIDEO_FACTS[key] for key in ("fps", "frame_step", "decoded_frames", "source_width", "source_height")
}
OUTSIDE = 0.5  # share of points outside the image, by a tenth of its side, above which the file is rejected


def rescaled(points: np.ndarray, factor: float) -> np.ndarray:
    """Scale points (..., 3) from another image size, to px of images `factor` times as large.

    In both, the origin is the centre of the first pixel.
    """
    result = points.copy()
    result[..., :2] = (points[..., :2] + 0.5) * factor - 0.5
    return result


def known(points: np.ndarray) -> np.ndarray:
    """Return whether points (..., 3) are known: finite, with a score above 0."""
    return np.isfinite(points).all(axis=-1) & (points[..., 2] > 0)


def with_centre(points: np.ndarray) -> np.ndarray:
    """Return people (..., 14, 3), with an unknown centre set to the mean of the known joints and scores."""
    result = points.copy()
    seen = known(points[..., 1:, :])
    count = seen.sum(axis=-1, keepdims=True)
    total = np.where(seen[..., None], points[..., 1:, :], 0).sum(axis=-2)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    result[..., 0, :] = np.where(known(points[..., 0, :])[..., None], points[..., 0, :], mean)
    return result


def nearest(people: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Select the person whose centre is nearest to the region of interest, per frame.

    Parameters
    ----------
    people : ndarray, (N, P, 14, 3)
        From `with_centre`.
    centres : ndarray, (N, 2)
        ROI centres in the same px.

    Returns
    -------
    ndarray, (N, 14, 3)
        NaN in frames without people.
    """
    if people.shape[1] == 0:
        return np.full((len(people), len(POINTS), 3), np.nan)
    distance = np.linalg.norm(people[..., 0, :2] - centres[:, None], axis=-1)
    chosen = np.where(np.isnan(distance), np.inf, distance).argmin(axis=1)
    return people[np.arange(len(people)), chosen]


def filled(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return poses (N, 14, 3) with unknown points at the ROI centre (N, 2) of their frame and score 0."""
    absent = np.concatenate([centres, np.zeros((len(centres), 1))], axis=1)
    return np.where(known(points)[..., None], points, absent[:, None])


class PreparedVideo(NamedTuple):
    """Properties of a video from its stage files.

    Attributes
    ----------
    shape : (height, width)
        Size of its frames, px.
    sha256 : str
        Digest of their values.
    about : dict
        Their attributes.
    centres : ndarray, (N, 2) float64
        ROI centres, px.
    method : str
        Flow method of the ROI.
    region : Box
        Part of the picture that the ROI is of.
    """

    shape: tuple[int, int]
    sha256: str
    about: dict[str, Any]
    centres: np.ndarray
    method: str
    region: Box = WHOLE

    @classmethod
    def read(cls, frames: str | Path, roi: str | Path) -> PreparedVideo:
        """Read the stage files of frames and ROI.

        Raises
        ------
        CrispError
            If one is missing or damaged, or they belong to different videos.
        """
        with stage_files.open_stage(frames, "frames") as images, stage_files.open_stage(roi, "roi") as places:
            rgb = images["rgb"]
            count, *shape = rgb.shape[:3]
            about = stage_files.facts(images, FACTS)
            sha256 = str(rgb.attrs["sha256"])
            centres, region = read_centres(places, 0, len(places["roi"])), read_region(places)
            method = str(places.attrs.get("method", ""))
        if len(centres) != count:
            what = f"ROI does not belong to {frames}"
            remedy = "give the ROI of these frames; crisp roi makes it"
            if made_by_workflow(roi):
                remedy = stage_files.remake(roi, "roi")
            raise fail(roi, what, counted(count, "frame"), len(centres), remedy)
        return cls((shape[0], shape[1]), sha256, about, centres, method, region)


def extract_pose(
    frames: str | Path,
    roi: str | Path,
    source: str | Path,
    target: str | Path,
    width: float = 0,
    joints: Mapping[str, str] | None = None,
) -> None:
    """Write a video's pose stage file from a pose file.

    Dataset `pose`: (N, 14, 3) float32, (x, y, score) of `crisp.core.skeleton.POINTS` in px of the working
    size. An unknown point is at the ROI centre, with score 0.

    Parameters
    ----------
    frames, roi : path-like
        Stage files of the video.
    source : path-like
        Pose file; see `crisp.preparation.poses`.
    target : path-like
        Stage file to write.
    width : float
        Width (px) of the images on which the poses were estimated; 0 = from the pose file, otherwise the
        video's.
    joints : mapping of str to str, optional
        As for `crisp.preparation.poses.read_poses`.

    Raises
    ------
    CrispError
        If a stage file is missing or damaged, or the pose file is damaged, of another video, or lacks joints.
    """
    video = PreparedVideo.read(frames, roi)
    found = read_poses(source, video.about["decoded_frames"], joints)
    _same_shape(source, found, video.about)
    height, working_width = video.shape
    pictured = width or found.size[0] or video.about["source_width"]
    people = with_centre(rescaled(found.points[:: video.about["frame_step"]], working_width / pictured))
    _plausible(source, people, working_width, height, pictured)
    attributes = {
        "source": Path(source).name,
        "source_sha256": poses.digest(Path(source)),
        "source_picture_width": float(pictured),
        "joints": dict(joints or {}),
    }
    write_pose(target, video, people, source, attributes)


def write_pose(
    target: str | Path,
    video: PreparedVideo,
    people: np.ndarray,
    source: str | Path,
    attributes: dict[str, Any],
) -> None:
    """Write the pose stage file of the player: in each frame, the person nearest to the ROI centre.

    Parameters
    ----------
    target : path-like
        Stage file to write.
    video : PreparedVideo
    people : ndarray, (N, P, 14, 3)
        (x, y, score) in working px, from `with_centre`.
    source : path-like
        Origin of the poses, named in the message about frames without people.
    attributes : dict
        Provenance to record beside the video's.

    Raises
    ------
    CrispError
        If `target` is another file or cannot be written.
    """
    points = filled(nearest(people, video.centres), video.centres)
    empty = int((points[:, 1:, 2] == 0).all(axis=1).sum())
    if empty:
        found = f"{source}: nobody in {empty} of {counted(len(points), 'frame')}"
        print(f"warning: {found}" if empty == len(points) else found, file=sys.stderr)
    attributes = {
        **attributes,
        "fps": video.about["fps"],
        "frames_sha256": video.sha256,
        "roi_method": video.method,
        "points": list(POINTS),
        "frames_without_person": empty,
        "versions": f"numpy {np.__version__}",
    }
    with stage_files.create(target, "pose", attributes) as file:
        rows = stage_files.Appender(file, "pose", (len(POINTS), 3), "f4", CHUNK)
        rows.append(points)
        rows.close()


def _same_shape(source: str | Path, found: People, about: Mapping[str, float]) -> None:
    """Reject poses on images with another aspect ratio than the video's."""
    width, height = found.size
    if not width or not height:
        return
    if abs(width / height * about["source_height"] / about["source_width"] - 1) > 0.02:
        raise fail(
            source,
            "poses are for images of another aspect ratio than the video's",
            f"the aspect ratio of {about['source_width']}x{about['source_height']}",
            f"{width:g}x{height:g}",
            "is it the pose file of this video?",
        )


def _plausible(source: str | Path, people: np.ndarray, width: int, height: int, pictured: float) -> None:
    """Reject infinite positions, negative scores, and poses that mostly lie outside the image."""
    if np.isinf(people).any() or (people[..., 2] < 0).any():
        frame = int(np.argwhere(np.isinf(people) | (people < 0) & (np.arange(3) == 2))[0][0])
        raise fail(f"{source}, frame {frame}", "invalid position or score", "finite px, scores of 0 or more")
    seen = known(people)
    places = people[seen][:, :2]
    outside = ((places < -0.1 * np.array([width, height])) | (places > 1.1 * np.array([width, height]))).any(
        axis=1
    )
    if len(places) and outside.mean() > OUTSIDE:
        raise fail(
            source,
            "most keypoints are outside the image",
            f"px of pictures {pictured:g} px wide",
            f"{100 * outside.mean():.0f} % outside",
            "set preparation.pose.width, or is it the pose file of another video?",
        )
