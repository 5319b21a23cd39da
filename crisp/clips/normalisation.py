"""Normalisation of the flow, fitted on the frames of the training samples.

From Martin et al., "Optimal choice of motion estimation methods for fine-grained action
classification with 3D convolutional networks" (ICIP 2019).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from crisp.core import stage_files
from crisp.core.errors import fail
from crisp.core.files import write_json
from crisp.core.words import counted
from crisp.preparation.roi import motion_threshold
from crisp.study.config import Study
from crisp.study.samples import Sample
from crisp.study.training_samples import read_training_samples

KINDS = ("normal", "max", "none")
FLOOR = 5.0  # px per frame at 320 px and 120 fps; a frame's maximum below it counts as noise
LEAST_SHARE = 0.01  # minimum share of frames above the floor; otherwise the floor is lowered
PERCENTILE = 95  # of the frames' maxima; the lowered floor


@dataclass(frozen=True)
class Normalisation:
    """Divisors of the flow and how they were obtained.

    Parameters
    ----------
    kind : {"normal", "max", "none"}
    x, y : float
        Divisors of dx and dy, px per frame; 1 for ``none``.
    frames : int
        Number of frames fitted on.
    floor : (float, float)
        Floor used for dx and dy, px per frame (``normal`` only, else 0).
    moving_share : (float, float)
        Required share of the frames above the floor, for dx and dy.
    warning : str
        Anything unusual; else empty.
    """

    kind: str
    x: float = 1.0
    y: float = 1.0
    frames: int = 0
    floor: tuple[float, float] = (0.0, 0.0)
    moving_share: tuple[float, float] = (0.0, 0.0)
    warning: str = ""


def to_json(normalisation: Normalisation) -> dict[str, Any]:
    """Return JSON-like content."""
    return asdict(normalisation)


def from_json(content: dict[str, Any]) -> Normalisation:
    """Create a normalisation from the output of `to_json`.

    Raises
    ------
    CrispError
        If keys are missing or unknown.
    """
    try:
        pairs = {key: tuple(content[key]) for key in ("floor", "moving_share")}
        return Normalisation(**{**content, **pairs})
    except (TypeError, KeyError) as error:
        raise fail(
            "normalisation", "damaged content", found=error, remedy="crisp normalise fits it again"
        ) from None


def fit_normalisation(maxima: np.ndarray, kind: str, width: int, fps: float) -> Normalisation:
    """Compute the divisors from the frames' largest motions.

    ``normal``: mu + 3 sigma per component over the frames' maxima above a floor of 5 px per frame
    (at 320 px and 120 fps). Where fewer than 1 % of the frames pass, the floor is the maxima's
    95th percentile. ``max``: the largest maximum per component.

    Parameters
    ----------
    maxima : ndarray, (n, 2)
        (max |dx|, max |dy|) of each frame of the training samples, px per frame, on the masked flow.
    kind : {"normal", "max", "none"}
    width : int
        Working width, px.
    fps : float
        Frames per second.

    Returns
    -------
    Normalisation

    Raises
    ------
    CrispError
        For an unknown kind, or if nothing moves in any frame (unless `kind` is ``none``).
    """
    if kind not in KINDS:
        raise fail("normalisation", "unknown kind", ", ".join(KINDS), kind)
    maxima = np.asarray(maxima, np.float64).reshape(-1, 2)
    least = motion_threshold(FLOOR, width, fps)
    shares = (maxima > least).mean(axis=0) if len(maxima) else np.zeros(2)
    moving_share = float(shares[0]), float(shares[1])
    if kind == "none":
        return Normalisation(kind, frames=len(maxima), moving_share=moving_share)
    if not (maxima > 0).any():
        raise fail(
            "normalisation",
            "no motion in the training samples",
            "optical flow in at least one frame",
            f"{counted(len(maxima), 'frame')} without any",
            "inspect the videos, and their flow and mask with crisp samples",
        )
    floors, divisors, warnings = [], [], []
    for name, values, share in zip(("dx", "dy"), maxima.T, moving_share, strict=True):
        floor = 0.0
        if kind == "normal":
            floor = least if share >= LEAST_SHARE else float(np.percentile(values, PERCENTILE))
            if share < LEAST_SHARE:
                warnings.append(
                    f"{name}: {share:.2%} of {counted(len(values), 'frame')} are above {least:.3g} px "
                    f"per frame; floor lowered to their {PERCENTILE}th percentile, {floor:.3g}"
                )
        floors.append(floor)
        divisors.append(_divisor(values, kind, floor))
    for name, axis in (("dx", 0), ("dy", 1)):
        if divisors[axis] == 0:  # a rotated clip has motion there nevertheless
            divisors[axis] = divisors[1 - axis]
            warnings.append(f"{name}: no motion at all; divisor of the other component taken")
    return Normalisation(
        kind, divisors[0], divisors[1], len(maxima), (floors[0], floors[1]), moving_share, "; ".join(warnings)
    )


def _divisor(values: np.ndarray, kind: str, floor: float) -> float:
    """Return the divisor of one component, 0 if nothing moves."""
    if kind == "max" or not values.any():
        return float(values.max())
    # Many equal maxima can be their own percentile: then none is above it.
    above = values[values > floor] if (values > floor).any() else values[values >= floor]
    return float(above.mean() + 3 * above.std())


def apply(flow: np.ndarray, normalisation: Normalisation, out: np.ndarray | None = None) -> np.ndarray:
    """Return the normalised flow: divided per component and clipped to [-1, 1]; unchanged for ``none``.

    Parameters
    ----------
    flow : ndarray, (2, ...) float32
        dx and dy, px per frame.
    normalisation : Normalisation
    out : ndarray, optional
        Output array, may be `flow` itself.

    Returns
    -------
    ndarray, (2, ...) float32
    """
    if normalisation.kind == "none":
        return flow
    scaled = np.empty_like(flow) if out is None else out
    for component, plane, divisor in zip(flow, scaled, (normalisation.x, normalisation.y), strict=True):
        np.divide(component, np.float32(divisor), out=plane)
    return np.clip(scaled, -1, 1, out=scaled)


def fit_split(study: Study, split: str, method: str, kind: str) -> Normalisation:
    """Fit on the frames in a split's training samples, and write the study's normalisation file.

    Parameters
    ----------
    study : Study
    split : str
        Name of the split.
    method : str
        Flow method whose statistics are read from the ROI stage files.
    kind : {"normal", "max", "none"}
        As for `fit_normalisation`.

    Returns
    -------
    Normalisation

    Raises
    ------
    CrispError
        If a table or ROI stage file is missing or damaged, or as `fit_normalisation`.
    """
    inside: dict[str, list[Sample]] = {}
    for sample in read_training_samples(study, split, "train"):
        inside.setdefault(sample.video, []).append(sample)
    maxima = []
    for video, samples in inside.items():
        with stage_files.open_stage(study.stage_file(video, "roi", method), "roi") as file:
            stored = stage_files.member(file, "flow_stats")
            stats = stage_files.read_rows(stored, 0, len(stored))
            width, fps = file["mask"].shape[2], float(file.attrs["fps"])
        taken = np.zeros(len(stats), bool)  # overlapping samples count a frame once
        for sample in samples:
            taken[sample.begin : sample.end] = True
        maxima.append(stats[taken][:, [0, 3]])
    fitted = fit_normalisation(np.concatenate(maxima), kind, width, fps)
    write_json(study.results / "normalisation" / f"{split}-{method}-{kind}.json", to_json(fitted))
    return fitted
