"""Region of interest: foreground mask, motion centre and flow statistics, and the `roi` stage.

The ROI of Martin et al. (Multimedia Tools and Applications, 2020): a weighted mean of the
strongest motion and of the mean moving position, on the flow inside the foreground.

If the motion is the same over many pixels, or as strong at racket and foot, the last digits of the
flow decide which pixel is the strongest; near the threshold, whether there is any. So
the strongest motion is a mean shared by pixels of similar strength, and little motion moves
the centre little. Quantisation of the stored flow then moves no centre by more than half a pixel.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import h5py
import numpy as np
from scipy.ndimage import correlate1d

from crisp.core import stage_files
from crisp.core.errors import fail
from crisp.core.progress import progress
from crisp.core.unreadable import made_by_workflow
from crisp.preparation.flow import read_flow

CHUNK = 16  # frames per block
POWER = 16.0  # exponent of the strength, in the mean that represents the strongest motion
BLUR = 0.8  # standard deviation of the 3x3 Gaussian over the flow, px
_KERNEL = np.ones((3, 3), np.uint8)


def dilate(mask: np.ndarray) -> np.ndarray:
    """Dilate a stored foreground mask (H, W) uint8 by a 3x3 square for use."""
    return cv2.dilate(mask, _KERNEL)


def masked(flow: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the flow inside the foreground, as used for the ROI and the models.

    Parameters
    ----------
    flow : ndarray, (N, H, W, 2) floating
        As read back from the stage file, px per frame.
    mask : ndarray, (N, H, W) uint8
        As stored; non-zero = foreground.

    Returns
    -------
    ndarray, (N, H, W, 2) float32
        Flow blurred by a 3x3 Gaussian (sigma 0.8, reflect-101), zero outside the dilated mask.
    """
    result = np.zeros(flow.shape, np.float32)
    for index in range(len(flow)):
        result[index] = seen(flow[index], dilate(mask[index]))
    return result


def seen(flow: np.ndarray, dilated: np.ndarray, scratch: np.ndarray | None = None) -> np.ndarray:
    """Return one frame's flow as in `masked`.

    Parameters
    ----------
    flow : ndarray, (H, W, 2)
        px per frame.
    dilated : ndarray, (H, W) uint8
        Foreground, from `dilate`.
    scratch : ndarray, (3, H, W, 2) float32, optional
        Memory to reuse: overwritten, and the result is a view of it.

    Returns
    -------
    ndarray, (H, W, 2) float32
        px per frame.
    """
    field, blurred, result = np.empty((3, *flow.shape), np.float32) if scratch is None else scratch
    np.copyto(field, flow)
    cv2.GaussianBlur(field, (3, 3), BLUR, dst=blurred, borderType=cv2.BORDER_REFLECT_101)
    result.fill(0)
    cv2.copyTo(blurred, dilated, result)
    return result


def motion_threshold(threshold: float, width: int, fps: float) -> float:
    """Convert a speed to a video's size and frame rate.

    Parameters
    ----------
    threshold : float
        px per frame at 320 px and 120 fps.
    width : int
        Working width, px.
    fps : float
        Frames per second.

    Returns
    -------
    float
        px per frame: threshold * (width / 320) * (120 / fps).
    """
    return threshold * width / 320 * 120 / fps


def positions(
    masked_flow: np.ndarray, alpha: float, theta: float, power: float = POWER
) -> tuple[np.ndarray, np.ndarray]:
    """Return the unsmoothed, unclamped ROI centre of each frame, and its weight.

    Parameters
    ----------
    masked_flow : ndarray, (N, H, W, 2) float32
        From `masked`.
    alpha : float
        Weight of the strongest motion against the mean position of the pixels whose strength,
        ``|dx| + |dy|``, is above `theta`.
    theta : float
        px per frame.
    power : float
        The strongest motion is the mean position of these pixels, weighted by strength to this
        power. 0: the position of the strongest pixel (first in row-major order), as published.

    Returns
    -------
    centres : ndarray, (N, 2) float64
        (x, y) in px; NaN without motion.
    trust : ndarray, (N,) float64
        From 0 if nothing is above `theta` to 1 if something is twice that; with `power` 0
        only 0 or 1.
    """
    centres, trust = np.full((len(masked_flow), 2), np.nan), np.zeros(len(masked_flow))
    for index, field in enumerate(masked_flow):
        strength = np.abs(field[..., 0]) + np.abs(field[..., 1])  # a sum over a short axis is slow
        moving = np.nonzero(strength > theta)
        if len(moving[0]) == 0:
            continue
        strength = strength[moving]
        top = strength.max()
        weights = (strength / top) ** power if power else np.arange(len(strength)) == strength.argmax()
        for axis, places in enumerate(reversed(moving)):
            centres[index, axis] = alpha * np.average(places, weights=weights) + (1 - alpha) * places.mean()
        trust[index] = min(1.0, (top - theta) / theta) if power and theta else 1.0
    return centres, trust


def carry(centres: np.ndarray, trust: np.ndarray, width: int, height: int) -> np.ndarray:
    """Carry centres through frames without motion: interpolate between previous and own centre by trust.

    Before the first motion its centre is used, without any motion the image's. Frame 0 has no flow
    and takes frame 1's centre.

    Parameters
    ----------
    centres : ndarray, (N, 2)
        (x, y) in px, from `positions`.
    trust : ndarray, (N,)
        Weight of each, 0 to 1.
    width, height : int
        Size of the image, px.

    Returns
    -------
    ndarray, (N, 2) float64
        (x, y) in px.
    """
    centres, trust = centres.copy(), trust.copy()
    if len(centres) > 1:
        centres[0], trust[0] = centres[1], trust[1]
    known = np.flatnonzero(trust)
    centre = centres[known[0]] if len(known) else np.array([width / 2, height / 2])
    carried = np.empty_like(centres)
    for index, share in enumerate(trust):
        if share:
            centre = (1 - share) * centre + share * centres[index]
        carried[index] = centre
    return carried


def smooth(centres: np.ndarray, fps: float) -> np.ndarray:
    """Smooth centres (N, 2) over time with a Gaussian of +-1/6 s (reflect-101), float64."""
    half = math.floor(fps / 6 + 0.5)
    sigma = 0.3 * (half - 1) + 0.8
    kernel = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * sigma**2))
    return correlate1d(centres, kernel / kernel.sum(), axis=0, mode="mirror")


def clamp(centres: np.ndarray, size: tuple[int, int], width: int, height: int) -> np.ndarray:
    """Move centres so that a crop lies inside the image.

    Parameters
    ----------
    centres : ndarray, (N, 2)
        (x, y) in px.
    size : (height, width)
        Size of the crop, px. On an axis where it exceeds the image, the image's centre is used.
    width, height : int
        Size of the image, px.

    Returns
    -------
    ndarray, (N, 2)
        (x, y) in px.
    """
    clamped = np.empty_like(centres)
    for axis, (crop, image) in enumerate(((size[1], width), (size[0], height))):
        clamped[:, axis] = (
            image / 2 if crop > image else np.clip(centres[:, axis], crop / 2, image - crop / 2)
        )
    return clamped


def centres(
    flow: np.ndarray,
    mask: np.ndarray,
    size: tuple[int, int],
    alpha: float = 0.6,
    fps: float = 120.0,
    threshold: float = 0.25,
    power: float = POWER,
) -> np.ndarray:
    """Return the smoothed ROI centres of a whole video, clamped for a crop.

    Parameters
    ----------
    flow : ndarray, (N, H, W, 2) float32
        px per frame.
    mask : ndarray, (N, H, W) uint8
        Foreground; non-zero = foreground.
    size : (height, width)
        Size of the crop, px.
    alpha : float
        Weight of the strongest motion against the mean moving position.
    fps : float
        Frames per second.
    threshold : float
        Speed above which a pixel moves, px per frame at 320 px and 120 fps.
    power : float
        Sharpness of the strongest motion, as for `positions`.

    Returns
    -------
    ndarray, (N, 2) float64
        (x, y) in px.

    Raises
    ------
    CrispError
        If the shapes of flow and mask do not match.
    """
    if flow.ndim != 4 or flow.shape[-1] != 2 or mask.shape != flow.shape[:3]:
        raise fail(
            "roi",
            "flow and mask do not match",
            "(N, H, W, 2) and (N, H, W)",
            f"{flow.shape} and {mask.shape}",
        )
    height, width = mask.shape[1:]
    found = positions(masked(flow, mask), alpha, motion_threshold(threshold, width, fps), power)
    return clamp(smooth(carry(*found, width, height), fps), size[-2:], width, height)


def read_centres(file: h5py.File, begin: int, end: int) -> np.ndarray:
    """Return the smoothed, unclamped centres of frames of an open ROI stage file.

    Parameters
    ----------
    file : h5py.File
        From `crisp.core.stage_files.open_stage`.
    begin, end : int
        Frames ``[begin, end)``.

    Returns
    -------
    ndarray, (n, 2) float64
        (x, y) in px.

    Raises
    ------
    CrispError
        If they are damaged, or far outside the image.
    """
    found = stage_files.read_rows(file["roi"], begin, end).astype(np.float64)
    height, width = file["mask"].shape[1:]
    if (abs(found - (width / 2, height / 2)) > (width, height)).any():
        where = f"/roi, frames {begin} to {end}"
        raise stage_files.damaged(
            file.filename, "roi", f"centres far outside the frame of {width}x{height} px", where
        )
    return found


def statistics(masked_flow: np.ndarray) -> np.ndarray:
    """Return (max |dx|, mean dx, std dx, max |dy|, mean dy, std dy) per frame, (N, 6) float32, px/frame."""
    columns = []
    for axis in (0, 1):
        component = masked_flow[..., axis].reshape(len(masked_flow), -1).astype(np.float64)
        mean = component.mean(1, keepdims=True)
        most = np.maximum(np.abs(component.max(1)), np.abs(component.min(1)))
        columns += [most, mean[:, 0], component.std(1, mean=mean)]
    return np.stack(columns, axis=1).astype(np.float32)


class Foreground:
    """Zivkovic's adaptive mixture of Gaussians (MOG2), fed a whole video in order, without shadows."""

    def __init__(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(history=500, varThreshold=16, detectShadows=False)

    def masks(self, rgb: np.ndarray) -> np.ndarray:
        """Return the foreground of the next frames: (n, H, W, 3) uint8 to (n, H, W) uint8, 1 = foreground."""
        return np.stack([self._model.apply(image) for image in rgb]) // 255


def extract_roi(
    frames: str | Path,
    flow: str | Path,
    target: str | Path,
    alpha: float,
    threshold: float,
    power: float = POWER,
) -> None:
    """Compute a video's ROI stage file from its frames and flow.

    Datasets: `mask` (N, H, W) uint8, 1 = foreground, not dilated; `roi_raw` and `roi` (N, 2)
    float32, unclamped centres (x, y) in px, before and after smoothing; `flow_stats` (N, 6)
    float32, see `statistics`.

    Parameters
    ----------
    frames, flow : path-like
        Stage files to read.
    target : path-like
        Stage file to write.
    alpha, threshold, power : float
        As for `centres`.

    Raises
    ------
    CrispError
        If a stage file is missing or damaged, or the flow was computed from other frames.
    """
    cv2.setNumThreads(1)
    with stage_files.open_stage(frames, "frames") as images, stage_files.open_stage(flow, "flow") as motion:
        rgb = images["rgb"]
        count, height, width = rgb.shape[:3]
        _check_flow(flow, motion, frames, rgb)
        fps = float(images.attrs["fps"])
        theta = motion_threshold(threshold, width, fps)
        attributes = {
            "fps": fps,
            "method": stage_files.facts(motion, {"method": str})["method"],
            "alpha": alpha,
            "threshold": threshold,
            "power": power,
            "versions": f"opencv {cv2.__version__}",
        }
        with stage_files.create(target, "roi", attributes) as file:
            masks = stage_files.Appender(file, "mask", (height, width), "u1", CHUNK, bitshuffle=True)
            foreground, found, stats = Foreground(), [], []
            begins = range(0, count, CHUNK)
            name = f"{Path(frames).parent.name} ROI"
            for begin in progress(begins, f"blocks of {CHUNK} frames", name, len(begins)):
                end = min(begin + CHUNK, count)
                mask = foreground.masks(stage_files.read_rows(rgb, begin, end))
                seen = masked(read_flow(motion, begin, end), mask)
                masks.append(mask)
                found.append(positions(seen, alpha, theta, power))
                stats.append(statistics(seen))
            masks.close()
            places, trust = map(np.concatenate, zip(*found, strict=True))
            centre = carry(places, trust, width, height)
            stage_files.put(file, "roi_raw", centre.astype(np.float32))
            stage_files.put(file, "roi", smooth(centre, fps).astype(np.float32))
            stage_files.put(file, "flow_stats", np.concatenate(stats))


def _check_flow(flow: str | Path, motion: h5py.File, frames: str | Path, rgb: h5py.Dataset) -> None:
    """Check that a flow was computed from these frames."""
    computed_from = str(motion.attrs.get("frames_sha256", "unknown"))
    if computed_from != rgb.attrs["sha256"]:
        what = f"flow was computed from other frames than those of {frames}"
        remedy = "give the flow of these frames; crisp flow makes it"
        if made_by_workflow(flow):
            remedy = stage_files.remake(flow, "flow")
        raise fail(flow, what, f"frames of SHA-256 {rgb.attrs['sha256']}", computed_from, remedy)
    if motion["flow"].shape[:3] != rgb.shape[:3]:
        sizes = f"(frames, height, width) = {rgb.shape[:3]}"
        remedy = "give the flow of these frames"
        raise fail(flow, f"flow does not belong to {frames}", sizes, motion["flow"].shape[:3], remedy)
