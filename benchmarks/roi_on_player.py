"""How often the ROI is on its player: python benchmarks/roi_on_player.py STUDY

For a prepared study with poses, by flow method: the share of frames, of those with a person in the pose file,
in which the centre of the ROI (not clamped for a crop) lies in the player's body, and the share of the known
joints that the largest crop of the study holds. The body is the box of the joints, with legs below the hips
nine tenths as long as what is above them, and a margin of 5 % of its height.
"""

from __future__ import annotations

import sys

import numpy as np

from crisp.core import stage_files
from crisp.preparation import pose, roi
from crisp.study.config import Study
from crisp.study.load import load_study

LEGS, MARGIN = 0.9, 0.05


def bodies(points: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) of the bodies in poses (N, 14, 3), px: left, top, right, bottom; NaN without a person."""
    places = np.where(pose.known(points)[..., None], points[..., :2], np.nan)[:, 1:]
    seen = ~np.isnan(places[..., 0]).all(axis=1)
    boxes = np.full((len(points), 4), np.nan)
    boxes[seen] = np.concatenate([np.nanmin(places[seen], axis=1), np.nanmax(places[seen], axis=1)], axis=1)
    boxes[:, 3] += LEGS * (boxes[:, 3] - boxes[:, 1])
    margin = MARGIN * (boxes[:, 3] - boxes[:, 1])
    return boxes + margin[:, None] * np.array([-1, -1, 1, 1])


def measure(study: Study, view: str, method: str, crop: tuple[int, int]) -> tuple[int, int, int, int]:
    """Frames with a person, those with the ROI on it, known joints, and those in a crop."""
    with stage_files.open_stage(study.stage_file(view, "pose"), "pose") as file:
        points = file["pose"][:]
    with stage_files.open_stage(study.stage_file(view, "roi", method), "roi") as file:
        centres = roi.read_centres(file, 0, len(points))
        cropped = roi.read_centres(file, 0, len(points), crop)
    boxes = bodies(points)
    seen = ~np.isnan(boxes[:, 0])
    on = (centres >= boxes[:, :2]).all(axis=1) & (centres <= boxes[:, 2:]).all(axis=1)
    known = pose.known(points)[:, 1:]
    held = (np.abs(points[:, 1:, :2] - cropped[:, None]) <= np.array(crop[::-1]) / 2).all(axis=-1)
    return int(seen.sum()), int(on[seen].sum()), int(known.sum()), int((held & known).sum())


def main() -> None:
    study = load_study(sys.argv[1])
    crop = max(study.crop_sizes)
    for method in study.flow_methods:
        frames, on, joints, held = np.sum(
            [measure(study, view, method, crop) for view in study.views], axis=0
        )
        print(
            f"{method}: {len(study.views)} views, {frames} frames with a person; ROI on the player in "
            f"{on / frames:.1%}, joints in a crop of {crop[1]}x{crop[0]} px {held / joints:.1%}"
        )


if __name__ == "__main__":
    main()
