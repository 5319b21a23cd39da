"""Region of interest: foreground mask, motion centre and flow statistics, and the `roi` stage.

The ROI of Martin et al. (Multimedia Tools and Applications, 2020), on the flow inside the foreground: the
places of the strongest motion and of the mean motion, each clamped for the crop, then weighted, then
smoothed over time. The stage file holds the two places, so that readers may use crops of any size.

If the motion is the same over many pixels, or as strong at racket and foot, the last digits of the
flow decide which pixel is the strongest; near the threshold, whether there is any. So
the strongest motion is a mean shared by pixels of similar strength, and little motion moves
the centre little. Quantisation of the stored flow then moves no centre by more than half a pixel.

Of a region of the picture, all this is as if there were nothing outside it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
from scipy.ndimage import correlate1d

from crisp.core import gaussian, stage_files
from crisp.core.errors import fail
from crisp.core.progress import progress
from crisp.core.unreadable import made_by_workflow
from crisp.core.views import WHOLE, Box, parse_box
from crisp.preparation.flow import read_flow
from crisp.preparation.foreground import Foreground, MovingForeground

CHUNK = 16  # frames per block
POWER = 16.0  # exponent of the strength, in the mean that represents the strongest motion
BLUR = 3  # taps of the Gaussian over the flow, per axis
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
        Flow blurred with the weights [0.25, 0.5, 0.25] per axis (reflect-101), zero outside the dilated mask.
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
    # Without a standard deviation the weights are those of `crisp.core.gaussian.kernel`.
    cv2.GaussianBlur(field, (BLUR, BLUR), 0, dst=blurred, borderType=cv2.BORDER_REFLECT_101)
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


def positions(masked_flow: np.ndarray, theta: float, power: float = POWER) -> tuple[np.ndarray, np.ndarray]:
    """Return the two places of motion in each frame, and their weight.

    Parameters
    ----------
    masked_flow : ndarray, (N, H, W, 2) float32
        From `masked`.
    theta : float
        px per frame. Pixels whose strength, ``|dx| + |dy|``, is above it are moving.
    power : float
        The strongest motion is the mean position of the moving pixels, weighted by strength to this
        power. 0: the position of the strongest pixel (first in row-major order), as published.

    Returns
    -------
    places : ndarray, (N, 2, 2) float64
        (x, y) of the strongest motion and of the mean moving position, px; NaN without motion.
    trust : ndarray, (N,) float64
        From 0 if nothing is above `theta` to 1 if something is twice that; with `power` 0
        only 0 or 1.
    """
    places, trust = np.full((len(masked_flow), 2, 2), np.nan), np.zeros(len(masked_flow))
    for index, field in enumerate(masked_flow):
        strength = np.abs(field[..., 0]) + np.abs(field[..., 1])  # a sum over a short axis is slow
        moving = np.nonzero(strength > theta)
        if len(moving[0]) == 0:
            continue
        strength = strength[moving]
        top = strength.max()
        weights = (strength / top) ** power if power else np.arange(len(strength)) == strength.argmax()
        for axis, pixels in enumerate(reversed(moving)):
            places[index, :, axis] = np.average(pixels, weights=weights), pixels.mean()
        trust[index] = min(1.0, (top - theta) / theta) if power and theta else 1.0
    return places, trust


def carry(places: np.ndarray, trust: np.ndarray, width: int, height: int) -> np.ndarray:
    """Carry places through frames without motion: interpolate between previous and own place by trust.

    Before the first motion its places are used, without any motion the image's centre. Frame 0 has no
    flow and takes those of frame 1.

    Parameters
    ----------
    places : ndarray, (N, 2, 2)
        (x, y) in px, from `positions`.
    trust : ndarray, (N,)
        Weight of each frame, 0 to 1.
    width, height : int
        Size of the image, px.

    Returns
    -------
    ndarray, (N, 2, 2) float64
        (x, y) in px.
    """
    places, trust = places.copy(), trust.copy()
    if len(places) > 1:
        places[0], trust[0] = places[1], trust[1]
    known = np.flatnonzero(trust)
    place = places[known[0]] if len(known) else np.tile((width / 2, height / 2), (2, 1))
    carried = np.empty_like(places)
    for index, share in enumerate(trust):
        if share:
            place = (1 - share) * place + share * places[index]
        carried[index] = place
    return carried


def clamp(places: np.ndarray, size: tuple[int, int], width: int, height: int) -> np.ndarray:
    """Move places so that a crop about them lies inside the image.

    Parameters
    ----------
    places : ndarray, (..., 2)
        (x, y) in px.
    size : (height, width)
        Size of the crop, px. On an axis where it exceeds the image, the image's centre is used.
    width, height : int
        Size of the image, px.

    Returns
    -------
    ndarray, (..., 2)
        (x, y) in px.
    """
    clamped = np.empty_like(places)
    for axis, (crop, image) in enumerate(((size[1], width), (size[0], height))):
        clamped[..., axis] = (
            image / 2 if crop > image else np.clip(places[..., axis], crop / 2, image - crop / 2)
        )
    return clamped


def weigh(places: np.ndarray, alpha: float) -> np.ndarray:
    """Return the centres (N, 2): `alpha` of the strongest motion, the rest of the mean moving position."""
    return alpha * places[:, 0] + (1 - alpha) * places[:, 1]


def reach(fps: float) -> int:
    """Return the number of frames on each side over which centres are smoothed: 1/6 s."""
    return math.floor(fps / 6 + 0.5)


def smooth(centres: np.ndarray, fps: float) -> np.ndarray:
    """Smooth centres (N, 2) over time with a Gaussian of +-1/6 s (reflect-101), float64.

    Its weights are those of `crisp.core.gaussian.kernel`.
    """
    return correlate1d(centres, gaussian.kernel(2 * reach(fps) + 1), axis=0, mode="mirror")


def centres(
    flow: np.ndarray,
    mask: np.ndarray,
    size: tuple[int, int],
    alpha: float = 0.6,
    fps: float = 120.0,
    threshold: float = 0.25,
    power: float = POWER,
) -> np.ndarray:
    """Return the ROI centres of a whole video for a crop.

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
        Speed above which a pixel moves, px per frame at 320 px and 120 fps; 0 is as published.
    power : float
        Sharpness of the strongest motion, as for `positions`; 0 is as published.

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
    found = positions(masked(flow, mask), motion_threshold(threshold, width, fps), power)
    return smooth(weigh(clamp(carry(*found, width, height), size[-2:], width, height), alpha), fps)


def read_centres(
    file: h5py.File, begin: int, end: int, size: tuple[int, int] = (0, 0), smoothed: bool = True
) -> np.ndarray:
    """Return the centres of frames of an open ROI stage file, for a crop: those of `centres`.

    Parameters
    ----------
    file : h5py.File
        From `crisp.core.stage_files.open_stage`.
    begin, end : int
        Frames ``[begin, end)``.
    size : (height, width)
        Size of the crop, px; (0, 0) = no crop, so that nothing is clamped.
    smoothed : bool
        Whether to smooth them over time, across the limits of these frames.

    Returns
    -------
    ndarray, (n, 2) float64
        (x, y) in px, of the precision of float32: rounding down does not depend on the last digits.

    Raises
    ------
    CrispError
        If they are damaged, or outside the image.
    """
    fps, alpha = stage_files.facts(file, {"fps": float, "alpha": float}).values()
    corner, (width, height) = _extent(file)
    around = reach(fps) if smoothed else 0
    first, last = max(0, begin - around), end + around
    places = stage_files.read_rows(file["roi"], first, last).astype(np.float64)
    places -= corner
    if alpha > 1 or (places < 0).any() or (places > (width, height)).any():
        where = f"/roi, frames {first} to {last}"
        what = f"places outside the frame of {width}x{height} px, or weighted by alpha {alpha:g}"
        raise stage_files.damaged(file.filename, "roi", what, where)
    found = weigh(clamp(places, size, width, height), alpha) + corner
    found = smooth(found, fps) if smoothed else found
    return found[begin - first : end - first].astype(np.float32).astype(np.float64)


def read_region(file: h5py.File) -> Box:
    """Return the part of the picture that an open ROI stage file is of.

    Parameters
    ----------
    file : h5py.File
        From `crisp.core.stage_files.open_stage`.

    Returns
    -------
    Box

    Raises
    ------
    CrispError
        If it is no box inside the picture.
    """
    if "region" not in file.attrs:
        return WHOLE
    try:
        return parse_box(stage_files.facts(file, {"region": str})["region"])
    except ValueError as error:
        found = f"{error.args[1]}, not {error.args[0]}"
        raise stage_files.damaged(file.filename, "roi", found, "attribute region") from None


def _extent(file: h5py.File) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the top left corner (x, y) and the (width, height) of an ROI file's picture or region, px."""
    height, width = file["mask"].shape[1:]
    left, top, right, bottom = read_region(file).pixels(width, height)
    return np.array((left, top)), (right - left, bottom - top)


def statistics(masked_flow: np.ndarray) -> np.ndarray:
    """Return (max |dx|, mean dx, std dx, max |dy|, mean dy, std dy) per frame, (N, 6) float32, px/frame."""
    columns = []
    for axis in (0, 1):
        component = masked_flow[..., axis].reshape(len(masked_flow), -1).astype(np.float64)
        mean = component.mean(1, keepdims=True)
        most = np.maximum(np.abs(component.max(1)), np.abs(component.min(1)))
        columns += [most, mean[:, 0], component.std(1, mean=mean)]
    return np.stack(columns, axis=1).astype(np.float32)


def extract_roi(
    frames: str | Path,
    flow: str | Path,
    target: str | Path,
    alpha: float,
    threshold: float,
    power: float = POWER,
    region: Box = WHOLE,
) -> None:
    """Compute the ROI stage file of a video, or of a region of it, from its frames and flow.

    Datasets: `mask` (N, H, W) uint8, 1 = foreground, not dilated, 0 outside the region (from
    `MovingForeground` if the camera's motion was taken out of the flow); `roi` (N, 2, 2) float32, (x, y) of
    the strongest motion and of the mean moving position in px, carried through frames without motion (see
    `carry`), from which `read_centres` makes centres; `flow_stats` (N, 6) float32, see `statistics`.

    Parameters
    ----------
    frames, flow : path-like
        Stage files to read.
    target : path-like
        Stage file to write.
    alpha, threshold, power : float
        As for `centres`.
    region : Box
        Part of the picture; recorded as the attribute `region`.

    Raises
    ------
    CrispError
        If a stage file is missing or damaged, the flow was computed from other frames, or the region has no
        pixel.
    """
    cv2.setNumThreads(1)
    with stage_files.open_stage(frames, "frames") as video, stage_files.open_stage(flow, "flow") as motion:
        rgb = video["rgb"]
        count, height, width = rgb.shape[:3]
        _check_flow(flow, motion, frames, rgb)
        fps = float(video.attrs["fps"])
        theta = motion_threshold(threshold, width, fps)
        left, top, right, bottom = region.pixels(width, height)
        part = np.s_[:, top:bottom, left:right]
        if left == right or top == bottom:
            remedy = "enlarge the region, or preparation.width"
            raise fail(frames, "region without a pixel", f"some of {width}x{height} px", region, remedy)
        attributes: dict[str, Any] = {
            "fps": fps,
            "method": stage_files.facts(motion, {"method": str})["method"],
            "alpha": alpha,
            "threshold": threshold,
            "power": power,
            "versions": f"opencv {cv2.__version__}",
            **({"region": str(region)} if region != WHOLE else {}),
        }
        with stage_files.create(target, "roi", attributes) as file:
            masks = stage_files.Appender(file, "mask", (height, width), "u1", CHUNK, bitshuffle=True)
            foreground, moved, found, stats = Foreground(), MovingForeground(fps), [], []
            camera = motion["camera"] if "stabilised" in motion.attrs else None
            begins = range(0, count, CHUNK)
            name = f"{Path(frames).parent.name} ROI"
            for begin in progress(begins, f"blocks of {CHUNK} frames", name, len(begins)):
                end = min(begin + CHUNK, count)
                pictures = stage_files.read_rows(rgb, begin, end)
                if camera is None:
                    mask = foreground.masks(pictures[part])
                else:  # of the whole picture, as its background shows where the camera went
                    mask = moved.masks(pictures, stage_files.read_rows(camera, begin, end))[part]
                seen = masked(read_flow(motion, begin, end)[part], mask)
                masks.append(np.pad(mask, ((0, 0), (top, height - bottom), (left, width - right))))
                found.append(positions(seen, theta, power))
                stats.append(statistics(seen))
            masks.close()
            places, trust = map(np.concatenate, zip(*found, strict=True))
            carried = carry(places, trust, right - left, bottom - top) + np.array((left, top))
            stage_files.put(file, "roi", carried.astype(np.float32))
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
