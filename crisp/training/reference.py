"""What the data a model was trained on are like, and whether a new video is like them.

Measured when a training has finished, and kept in its ``model.pt``: frame rate and shape of the picture, the
speed of the motion frame by frame, and what the model's last layer sees of clips (its features). A model's
classes mean nothing in a video of something else, however sure it is of them; these figures show it.
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
COMPONENTS = 32  # directions in which features vary most; in all others alike
SMALLEST = 1e-4  # variance in any direction, of that in the first: less is rounding
LEAST = 20  # clips that statistics of features are taken from, and as many to compare with
LIVELY = 0.9  # quantile of a video's speeds: pauses may be long, but something has to move at times

CLIPS_UNLIKE, CLIPS_FAR = 1.2, 1.5  # ratios of distances of features; held-out videos stay below 1
AS_ALL = "as nearly all clips it was validated on"
FAR = 2.0  # times the bound of what is like the training data: results mean nothing there
RATE, SHAPE = 1.5, 1.5  # ratios of frame rates, and of width over height, beyond which a video is another one
VERDICT = "these results are probably meaningless"


class Finding(NamedTuple):
    """How a video is unlike the training data, in words, and whether by far."""

    words: str
    far: bool


def speeds(path: Path) -> NDArray[np.float64]:
    """The largest motion of each frame but the first (which has none), from a video's ROI stage file.

    Returns
    -------
    ndarray
        (N - 1,), px per second at a width of 320 px; empty where the file holds none.
    """
    with stage_files.open_stage(path, "roi") as file:
        if "flow_stats" not in file:
            return np.empty(0)
        stats = stage_files.read_rows(file["flow_stats"], 1, len(file["flow_stats"]))
        scale = float(file.attrs["fps"]) * 320 / file["mask"].shape[2]
    return np.maximum(stats[:, 0], stats[:, 3]).astype(np.float64) * scale


def motion(parts: Iterable[NDArray[np.float64]]) -> dict[str, float]:
    """Quantiles of the speeds of training frames, by their probability; none without frames."""
    every = np.concatenate([np.empty(0), *parts])
    if not len(every):
        return {}
    values = np.quantile(every, QUANTILES).tolist()
    return dict(zip(map(str, QUANTILES), values, strict=True))


def features(training: NDArray[np.float32], validation: NDArray[np.float32]) -> dict[str, Any]:
    """Mean and covariance of the features of training clips, and how far validation clips are from them.

    Parameters
    ----------
    training, validation : ndarray
        (n, D).

    Returns
    -------
    dict
        `mean` (D,), `components` (k, D) orthonormal, `variances` (k,), `rest` (variance in every other
        direction), and `distances`: quantiles over the validation clips, by their probability. Empty
        where there are fewer than `LEAST` clips of either.
    """
    if min(len(training), len(validation)) < LEAST:
        return {}
    mean = training.mean(axis=0, dtype=np.float64)
    centred = training - mean
    # The directions of a few hundred clips come from the products of clips, whatever the number of features.
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
    """Mahalanobis distance of clips' features (n, D) from those of the training clips, per feature, (n,)."""
    device = clips.device
    centred = clips.double() - known["mean"].to(device)
    along = centred @ known["components"].to(device).double().T
    beside = (centred.square().sum(dim=1) - along.square().sum(dim=1)).clamp(min=0)
    variances = known["variances"].to(device).clamp(min=known["rest"])
    squares = (along.square() / variances).sum(dim=1) + beside / known["rest"]
    return (squares / clips.shape[1]).sqrt().cpu().numpy()


@contextmanager
def at_head(model: nn.Module, take: Callable[[Tensor], object]) -> Iterator[None]:
    """Give what the last layer sees of each batch, features (B, D), to a function while a model predicts."""

    def look(_: nn.Module, parts: tuple[Tensor, ...]) -> None:
        take(torch.cat([part.float() for part in parts], dim=1))

    handle = model.head.register_forward_pre_hook(look)  # type: ignore[union-attr]
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def watched(model: nn.Module, known: dict[str, Any]) -> Iterator[list[float]]:
    """A list that the distances of all windows come into while a model predicts; empty if not known."""
    found: list[float] = []
    if not known.get("features"):
        yield found
        return
    with at_head(model, lambda clips: found.extend(distances(known["features"], clips).tolist())):
        yield found


class Facts(NamedTuple):
    """What a new video is compared by.

    Parameters
    ----------
    width : int
        Of the video's frames, px.
    working : int
        Width that they are brought to, px.
    shape : float
        Width over height.
    speeds : ndarray
        Of its frames, as of `speeds`.
    distances : ndarray
        Of its windows, as of `distances`.
    """

    width: int
    working: int
    shape: float
    speeds: NDArray[np.float64]
    distances: NDArray[np.float64]


def compare(known: dict[str, Any], facts: Facts) -> list[Finding]:
    """How a video is unlike the training data of a model.

    Parameters
    ----------
    known : dict
        The `reference` of the model's file; of what it lacks nothing is compared.
    facts : Facts
        Of the video.
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
    """Pictures much smaller than the working size show less than those that were learnt from."""
    least = min(known, facts.working)
    if FAR * facts.width >= least:
        return None
    return Finding(
        f"its picture is {facts.width} px wide, those of the training data {known} px and more",
        FAR * FAR * facts.width < least,
    )


def _motion(known: dict[str, float] | None, moving: ArrayLike) -> Finding | None:
    """Whether even the liveliest frames move less, or most frames more, than nearly all that were learnt."""
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
    """Whether half of the windows lie further from the training clips, or nearer, than validation clips do.

    A network's features are largest where it sees what it learnt: where it sees nothing, all are near zero,
    and nearer to the mean than those of any clip.
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
