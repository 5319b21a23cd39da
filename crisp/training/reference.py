"""Reference statistics of a model's training data, and how a new video compares with them.

Measured after training and stored in ``model.pt``: frame rate and aspect ratio, the speed of the motion per
frame, and the input features of the model's last layer. A model's classes are meaningless in a video of
something else, however confident it is; these statistics reveal it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from crisp.core import stage_files

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
COMPONENTS = 32  # directions in which features vary most; all others share one variance
SMALLEST = 1e-4  # smallest variance of a direction, relative to the first: less is rounding
LEAST = 20  # minimum number of clips for feature statistics, and for the comparison
LIVELY = 0.9  # quantile of a video's speeds: pauses may be long, but something must move at times

CLIPS_UNLIKE, CLIPS_FAR = 1.2, 1.5  # ratios of feature distances; held-out videos stay below 1
AS_ALL = "as nearly all clips it was validated on"
FAR = 2.0  # multiple of the bound of similar data beyond which results are meaningless
RATE, SHAPE = 1.5, 1.5  # ratios of frame rates and of aspect ratios beyond which a video counts as different
VERDICT = "these results are probably meaningless"


class Finding(NamedTuple):
    """How a video differs from the training data, in words, and whether by far."""

    words: str
    far: bool


def speeds(path: Path) -> NDArray[np.float64]:
    """Return the maximum motion of each frame but the first (which has none), from a video's ROI stage file.

    Returns
    -------
    ndarray
        (N - 1,), px per second at a width of 320 px; empty if the file has no motion.
    """
    with stage_files.open_stage(path, "roi") as file:
        if "flow_stats" not in file:
            return np.empty(0)
        stats = stage_files.read_rows(file["flow_stats"], 1, len(file["flow_stats"]))
        scale = float(file.attrs["fps"]) * 320 / file["mask"].shape[2]
    return np.maximum(stats[:, 0], stats[:, 3]).astype(np.float64) * scale


def motion(parts: Iterable[NDArray[np.float64]]) -> dict[str, float]:
    """Return quantiles of the speeds of training frames, by probability; empty without frames."""
    every = np.concatenate([np.empty(0), *parts])
    if not len(every):
        return {}
    values = np.quantile(every, QUANTILES).tolist()
    return dict(zip(map(str, QUANTILES), values, strict=True))


def features(training: NDArray[np.float32], validation: NDArray[np.float32]) -> dict[str, Any]:
    """Return mean and covariance of training-clip features, and the distances of validation clips from them.

    Parameters
    ----------
    training, validation : ndarray
        (n, D).

    Returns
    -------
    dict
        `mean` (D,), `components` (k, D) orthonormal, `variances` (k,), `rest` (variance in every other
        direction), and `distances`: quantiles over the validation clips, by probability. Empty
        if there are fewer than `LEAST` clips of either.
    """
    if min(len(training), len(validation)) < LEAST:
        return {}
    mean = training.mean(axis=0, dtype=np.float64)
    centred = training - mean
    # A few hundred clips: use their Gram matrix, whose size is independent of the number of features.
    values, vectors = np.linalg.eigh(centred @ centred.T / (len(training) - 1))
    count = min(COMPONENTS, len(training) // 4)
    largest = np.arange(len(values))[::-1][:count]
    variances = np.maximum(values[largest], np.finfo(np.float32).tiny)
    components = (vectors[:, largest] / np.sqrt(variances * (len(training) - 1))).T @ centred
    width = training.shape[1]
    rest = max(float(values.sum() - variances.sum()) / max(1, width - count), SMALLEST * float(variances[0]))
    found: dict[str, Any] = {
        "mean": torch.from_numpy(mean.astype(np.float32)),
        "components": torch.from_numpy(components.astype(np.float32)),
        "variances": torch.from_numpy(variances.astype(np.float32)),
        "rest": rest,
    }
    apart = np.quantile(distances(found, torch.from_numpy(validation)), QUANTILES).tolist()
    return {**found, "distances": dict(zip(map(str, QUANTILES), apart, strict=True))}


def distances(known: dict[str, Any], clips: Tensor) -> NDArray[np.float64]:
    """Return the Mahalanobis distance of features (n, D) from the training clips, per feature, (n,)."""
    device = clips.device
    centred = clips.double() - known["mean"].to(device)
    along = centred @ known["components"].to(device).double().T
    beside = (centred.square().sum(dim=1) - along.square().sum(dim=1)).clamp(min=0)
    variances = known["variances"].to(device).clamp(min=known["rest"])
    squares = (along.square() / variances).sum(dim=1) + beside / known["rest"]
    return (squares / clips.shape[1]).sqrt().cpu().numpy()


@contextmanager
def at_head(model: nn.Module, take: Callable[[Tensor], object]) -> Iterator[None]:
    """Pass the input features of the last layer (B, D) to a function for each batch that a model predicts."""

    def look(_: nn.Module, parts: tuple[Tensor, ...]) -> None:
        take(torch.cat([part.float() for part in parts], dim=1))

    handle = model.head.register_forward_pre_hook(look)  # type: ignore[union-attr]
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def watched(model: nn.Module, known: dict[str, Any]) -> Iterator[list[float]]:
    """Yield a list that collects the distances of all predicted windows; empty if there is no reference."""
    found: list[float] = []
    if not known.get("features"):
        yield found
        return
    with at_head(model, lambda clips: found.extend(distances(known["features"], clips).tolist())):
        yield found


class Facts(NamedTuple):
    """The properties of a new video that are compared.

    Parameters
    ----------
    width : int
        Of the original frames, px.
    working : int
        Width of the resized frames, px.
    shape : float
        Aspect ratio, width over height.
    speeds : ndarray
        Speeds of its frames, from `speeds`.
    distances : ndarray
        Distances of its windows, from `distances`.
    """

    width: int
    working: int
    shape: float
    speeds: NDArray[np.float64]
    distances: NDArray[np.float64]


def compare(known: dict[str, Any], facts: Facts) -> list[Finding]:
    """List how a video differs from the training data of a model.

    Parameters
    ----------
    known : dict
        The `reference` from the model file; missing entries are not compared.
    facts : Facts
        Of the video.

    Returns
    -------
    list of Finding
    """
    found = [_shape(known.get("shape"), facts.shape), _width(known.get("width", 0), facts)]
    found.append(_motion(known.get("motion"), facts.speeds))
    found.append(_features(known.get("features"), facts.distances))
    return [finding for finding in found if finding]


def _shape(known: list[float] | None, shape: float) -> Finding | None:
    if not known:
        return None
    ratio = max(shape / known[1], known[0] / shape)
    if ratio <= 1 + (SHAPE - 1) / FAR:
        return None
    low, high = (f"{bound:.2f}" for bound in known)
    seen = low if low == high else f"{low} to {high}"
    return Finding(
        f"its picture is {shape:.2f} times as wide as high, those of the training data {seen} times",
        ratio > SHAPE,
    )


def _width(known: int, facts: Facts) -> Finding | None:
    """Report frames much smaller than the working size, as they show less detail than the training data."""
    least = min(known, facts.working)
    if FAR * facts.width >= least:
        return None
    return Finding(
        f"its picture is {facts.width} px wide, those of the training data {known} px and more",
        FAR * FAR * facts.width < least,
    )


def _motion(known: dict[str, float] | None, moving: ArrayLike) -> Finding | None:
    """Report if even the fastest frames move less, or most frames more, than nearly all training frames."""
    values = np.asarray(moving, np.float64)
    if not known or not len(values):
        return None
    usual = f"{known['0.1']:.0f} to {known['0.9']:.0f} px/s at a width of 320 px"
    lively, middle = float(np.quantile(values, LIVELY)), float(np.median(values))
    if lively < known["0.25"]:
        words = f"hardly anything moves: nine in ten frames by less than {lively:.0f}"
        return Finding(f"{words}, those of the training data mostly by {usual}", lively < known["0.1"])
    if middle > known["0.9"]:
        words = f"more moves: every other frame by more than {middle:.0f}"
        return Finding(f"{words}, those of the training data mostly by {usual}", middle > known["0.99"])
    return None


def _features(known: dict[str, Any] | None, apart: ArrayLike) -> Finding | None:
    """Report if half of the windows lie further from the training clips, or nearer, than validation clips.

    Features of a network are large for input like its training data. For anything else they are near
    zero, and nearer to the mean than those of any clip.
    """
    values = np.asarray(apart, np.float64)
    if not known or not len(values):
        return None
    middle, least = float(np.median(values)), np.finfo(float).tiny
    further = middle / max(known["distances"]["0.99"], least)
    if further > CLIPS_UNLIKE:
        words = f"at least {further:.1f} times as far from its training clips"
        return Finding(
            f"the model sees other things: half of the video is {words} {AS_ALL}", further > CLIPS_FAR
        )
    nearer = known["distances"]["0.01"] / max(middle, least)
    if nearer > CLIPS_UNLIKE:
        words = f"at least {nearer:.1f} times as near to the mean of its training clips"
        return Finding(
            f"the model sees next to nothing: half of the video is {words} {AS_ALL}", nearer > CLIPS_FAR
        )
    return None
