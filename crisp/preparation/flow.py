"""Dense optical flow by method, and the `flow` stage: a video's flow as a quantised HDF5 volume.

Frame n's flow goes from frame n-1 to frame n, (dx, dy) in px per frame; frame 0 has none, so
its row is zero.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np

from crisp.core import stage_files
from crisp.core.errors import CrispError, fail
from crisp.core.files import parts_record, replacing
from crisp.core.parallel import ordered_map
from crisp.core.progress import progress
from crisp.core.unreadable import made_by_workflow
from crisp.preparation import camera
from crisp.preparation.deepflow import DeviceFullError

CHUNK = 8  # frames per chunk
SCALE = 1 / 128  # px per unit of the stored int16: an error of at most 1/256 px, a range of +-255 px
METHODS = ("deepflow", "dis", "disfine", "farneback", "tvl1", "pcaflow")
BACKENDS = ("auto", "opencv", "cpu", "gpu")
STABILISE = ("never", "auto", "always")
GPU_BLOCK = 256  # frames per GPU call; a multiple of CHUNK
SOLVED_WITH = {"cpu": "numba", "gpu": "torch"}  # packages that affect the last bits, by backend
PROVENANCE = {"fps": float, "method": str, "backend": str, "frames_sha256": str, "versions": str}
# Height, width in px: below, OpenCV fails, or reads and writes past the end of its arrays.
LEAST_SIZES = {"pcaflow": (56, 72), "dis": (16, 16), "disfine": (16, 16)}


def _disfine() -> cv2.DISOpticalFlow:
    """Create DIS down to the full resolution, refined by DeepFlow's equations with half its smoothness.

    OpenCV's preset stops at half the resolution and smooths more, as DeepFlow does: neither sees a hand
    or a racket that is a few pixels wide.
    """
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    solver.setFinestScale(0)
    solver.setPatchSize(8)
    solver.setPatchStride(4)
    solver.setVariationalRefinementIterations(5)
    solver.setVariationalRefinementAlpha(12.0)  # of smoothness; DeepFlow's weights are 24 : 1 : 10
    solver.setVariationalRefinementDelta(1.0)  # of brightness
    solver.setVariationalRefinementGamma(10.0)  # of the gradient
    return solver


# A new solver for every pair of frames: DIS keeps settings that it chose for the previous pair.
SOLVERS: dict[str, Callable[[], cv2.DenseOpticalFlow]] = {
    "deepflow": cv2.optflow.createOptFlow_DeepFlow,
    "dis": lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM),
    "disfine": _disfine,
    "farneback": cv2.FarnebackOpticalFlow.create,
    "tvl1": cv2.optflow.createOptFlow_DualTVL1,
    "pcaflow": cv2.optflow.createOptFlow_PCAFlow,
}


def _solve(method: str, backend: str, previous: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return flow (H, W, 2) float32 between two successive grey frames (H, W) uint8."""
    try:
        if backend == "cpu":
            from crisp.preparation.deepflow import cpu  # numba takes a second to load

            return cpu.solve(previous, current)
        return SOLVERS[method]().calc(previous, current, None)  # type: ignore[call-overload]
    except cv2.error as error:
        if method == "pcaflow" and error.code != cv2.Error.StsNoMem:
            return np.zeros((*previous.shape, 2), np.float32)  # it fails if it can track no point
        raise _unfit(method, previous.shape, f"OpenCV: {error.err or error}") from None


def _unfit(method: str, size: tuple[int, ...], found: str) -> CrispError:
    height, width = size
    return fail(
        "flow",
        f"{method} fails on frames of {width}x{height} px",
        "frames of a size that the method supports",
        found,
        "choose another flow method, or a larger working width with upscale",
    )


def resolve_backend(backend: str, method: str = "deepflow") -> str:
    """Return the backend that computes a method: OpenCV has all, the others only DeepFlow.

    `auto` never selects `gpu`: the driver of a run on a cluster does not know its nodes' hardware, and all
    videos of a data set must be computed alike.
    """
    if backend not in BACKENDS:
        raise fail("flow", "unknown backend", ", ".join(BACKENDS), backend)
    if method != "deepflow":
        return "opencv"
    return "cpu" if backend == "auto" else backend


def _versions(backend: str) -> str:
    used = {"opencv": cv2.__version__}
    if backend in SOLVED_WITH:
        used[SOLVED_WITH[backend]] = version(SOLVED_WITH[backend])
    if backend == "gpu":  # another model rounds differently
        import torch

        if torch.cuda.is_available():
            used["on"] = torch.cuda.get_device_name()
    return ", ".join(f"{name} {number}" for name, number in used.items())


def compute(frames: np.ndarray, method: str = "deepflow", backend: str = "auto") -> np.ndarray:
    """Compute the optical flow between successive frames.

    Parameters
    ----------
    frames : ndarray, (N, H, W) uint8
        Grey frames, in order.
    method : {"deepflow", "dis", "disfine", "farneback", "tvl1", "pcaflow"}
        `deepflow` is the variational coarse-to-fine solver of Weinzaepfel et al. (ICCV 2013)
        without its matching stage, as in OpenCV's contrib module. `disfine` is `dis` with settings for
        fast, small things (docs/flow.md).
    backend : {"auto", "opencv", "cpu", "gpu"}
        Backend for `deepflow`: OpenCV, our own solver on one core, which is faster (``auto``), or
        our own on a GPU. OpenCV computes all other methods.

    Returns
    -------
    ndarray, (N, H, W, 2) float32
        (dx, dy) in px per frame, from frame n-1 to n; row 0 is zero.

    Raises
    ------
    CrispError
        For an unknown method or backend, frames of another shape or dtype or too small for the method, or
        a GPU that is missing, full or broken.
    """
    if frames.ndim != 3 or frames.dtype != np.uint8:
        raise fail(
            "flow", "bad frames", "(N, H, W) uint8", f"{frames.shape} {frames.dtype}", "convert to grey bytes"
        )
    backend = resolve_backend(backend, method)
    if method not in SOLVERS:
        raise fail("flow", "unknown flow method", ", ".join(METHODS), method)
    least = LEAST_SIZES.get(method, (0, 0))
    if any(np.less(frames.shape[1:], least)):
        raise _unfit(method, frames.shape[1:], f"at least {least[1]}x{least[0]} px are needed")
    cv2.setNumThreads(1)
    flow = np.zeros((*frames.shape, 2), np.float32)
    if backend == "gpu":
        from crisp.preparation.deepflow import gpu  # torch takes seconds to import

        flow[1:] = gpu.solve(frames)
        return flow
    for index in range(1, len(frames)):
        flow[index] = _solve(method, backend, frames[index - 1], frames[index])
    return flow


def grey(rgb: np.ndarray) -> np.ndarray:
    """Convert RGB frames (N, H, W, 3) uint8 to grey frames (N, H, W) uint8."""
    if len(rgb) == 0:
        return rgb[..., 0]
    return np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in rgb])


def quantise(flow: np.ndarray) -> np.ndarray:
    """Convert flow in px to the stored int16; it saturates beyond +-255 px."""
    limit = np.iinfo(np.int16)
    return np.clip(np.floor(flow / SCALE + 0.5), limit.min + 1, limit.max).astype(np.int16)


def _blocks(path: str | Path, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[np.ndarray, int]]:
    """Yield grey frames of successive ranges ``[begin, end)`` of a frames stage file, each read once.

    They include the previous frame, needed for the flow, if there is one; the number counts these (0 or 1).
    """
    with stage_files.open_stage(path, "frames") as file:
        first = ranges[0][0] if ranges else 0
        before = grey(stage_files.read_rows(file["rgb"], max(0, first - 1), first))
        for begin, end in ranges:
            frames = np.concatenate([before, grey(stage_files.read_rows(file["rgb"], begin, end))])
            yield frames, len(before)
            before = frames[-1:]


def _block(
    method: str, backend: str, stabilised: bool, block: tuple[np.ndarray, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the quantised flow of a block from `_blocks`, and the camera's motions taken out of it."""
    frames, before = block
    flow = compute(frames, method, backend)
    motions = camera.motions(frames) if stabilised else np.tile(np.eye(3), (len(frames), 1, 1))
    if stabilised:
        for field, matrix in zip(flow, motions, strict=True):
            field -= camera.field(matrix, frames.shape[1:])
    return quantise(flow)[before:], motions[before:]


def extract_flow(
    frames: str | Path,
    target: str | Path,
    method: str = "deepflow",
    backend: str = "auto",
    workers: int = 1,
    part: tuple[int, int] = (1, 1),
    stabilise: str = "never",
) -> None:
    """Compute a video's flow stage file from its frames stage file.

    Dataset `flow`: (N, H, W, 2) int16 with attribute `scale` (px per unit). If the camera's motion is taken
    out, dataset `camera`: (N, 3, 3) float64, the homographies of `crisp.preparation.camera.motion`, and
    attribute `stabilised`.

    Parameters
    ----------
    frames, target : path-like
        Stage files to read and to write.
    method, backend : str
        As for `compute`.
    workers : int
        Threads that share the work; the file does not depend on their number.
    part : (k, n)
        Compute only the k-th (from 1) of n parts of the video, for `gather`.
    stabilise : {"never", "auto", "always"}
        Whether to take the camera's motion out of the flow; ``auto``: if the camera moves
        (`crisp.preparation.camera.moves`). The flow of a still camera is the same as with ``never``.

    Raises
    ------
    CrispError
        If the frames file is missing or damaged, there is no such part, `stabilise` is unknown, or there is
        no GPU or it fails.

    Notes
    -----
    If a GPU has too little memory for a video, the whole video is computed with the backend of `auto`, as
    recorded in its attribute `backend`. This does not apply to parts, which must all use one backend.
    """
    backend = resolve_backend(backend, method)
    if stabilise not in STABILISE:
        raise fail("flow", "unknown value of stabilise", ", ".join(STABILISE), stabilise)
    stabilised = stabilise == "always" or (stabilise == "auto" and camera.moves(frames))
    try:
        _extract(frames, target, method, backend, workers, part, stabilised)
    except DeviceFullError as error:
        if part != (1, 1):
            raise
        instead = resolve_backend("auto", method)
        print(f"warning: {error}\n    instead {instead} computes {target}", file=sys.stderr)
        _extract(frames, target, method, instead, workers, part, stabilised)


def _extract(
    frames: str | Path,
    target: str | Path,
    method: str,
    backend: str,
    workers: int,
    part: tuple[int, int],
    stabilised: bool,
) -> None:
    """Compute the flow stage file as in `extract_flow`, with one backend."""
    with stage_files.open_stage(frames, "frames") as file:
        count, height, width = file["rgb"].shape[:3]
        attributes = {
            "fps": float(file.attrs["fps"]),
            "method": method,
            "backend": backend,
            "frames_sha256": str(file["rgb"].attrs["sha256"]),
            "versions": _versions(backend),
            **({"stabilised": "homography"} if stabilised else {}),
        }
    parts_record(target).unlink(missing_ok=True)
    begin, end = part_bounds(count, *part)
    size = GPU_BLOCK if backend == "gpu" else CHUNK
    ranges = [(first, min(first + size, end)) for first in range(begin, end, size)]
    work = functools.partial(_block, method, backend, stabilised)
    with _create(target, (height, width), attributes) as (flow, motions):
        name = f"{Path(frames).parent.name} {method}" + (f" part {part[0]} of {part[1]}" * (part[1] > 1))
        blocks = ordered_map(work, _blocks(frames, ranges), workers)
        for fields, matrices in progress(blocks, f"blocks of {size} frames", name, len(ranges)):
            flow.append(fields)
            motions.append(matrices)


@contextmanager
def _create(
    target: str | Path, size: tuple[int, int], attributes: dict[str, Any]
) -> Iterator[tuple[stage_files.Appender, list[np.ndarray]]]:
    """Create a flow stage file for frames of `size` (height, width), and for motions of the camera."""
    with stage_files.create(target, "flow", attributes) as file:
        flow = stage_files.Appender(file, "flow", (*size, 2), "i2", CHUNK, bitshuffle=True)
        flow.dataset.attrs["scale"] = SCALE
        motions: list[np.ndarray] = []
        yield flow, motions
        flow.close()
        if "stabilised" in attributes:
            stage_files.put(file, "camera", np.concatenate([np.empty((0, 3, 3)), *motions]))


def part_bounds(count: int, part: int, parts: int) -> tuple[int, int]:
    """Return the frames of a part of a video; parts are nearly equal and consist of whole chunks.

    Parameters
    ----------
    count : int
        Frames of the video.
    part : int
        Number of the part, from 1.
    parts : int
        Number of parts.

    Returns
    -------
    (begin, end) : (int, int)
        Frames ``[begin, end)``; may be empty if there are fewer chunks than parts.

    Raises
    ------
    CrispError
        If there is no such part.
    """
    if not 1 <= part <= parts:
        raise fail("flow", "part does not exist", f"1 to {parts}", part)
    chunks = -(-count // CHUNK)
    return chunks * (part - 1) // parts * CHUNK, min(count, chunks * part // parts * CHUNK)


def join_parts(frames: str | Path, parts: Sequence[str | Path], target: str | Path) -> None:
    """Join the parts of a video's flow into the same file as from one job.

    Compressed chunks are copied as they are. The number of parts is recorded beside the file.

    Parameters
    ----------
    frames : path-like
        The video's frames stage file.
    parts : sequence of path-like
        Flow stage files of all parts, in order.
    target : path-like
        Flow stage file to write.

    Raises
    ------
    CrispError
        If a part is missing or damaged, or from other frames, another method or another backend, or if the
        parts do not cover the video exactly.
    """
    with stage_files.open_stage(frames, "frames") as file:
        count, height, width = file["rgb"].shape[:3]
        source = file["rgb"].attrs["sha256"]
    with ExitStack() as stack:
        files = [stack.enter_context(stage_files.open_stage(path, "flow")) for path in parts]
        attributes = _provenance(files[0])
        for number, (path, file) in enumerate(zip(parts, files, strict=True), start=1):
            found = _provenance(file) | {"frames": len(file["flow"])}
            begin, end = part_bounds(count, number, len(parts))
            expected = {**attributes, "frames_sha256": source, "frames": end - begin}
            if found != expected:
                raise fail(
                    path,
                    "is not from the same flow as the other parts",
                    str(expected),
                    found,
                    "give all parts of one flow, in order, or make them again with crisp flow --part"
                    if not made_by_workflow(path)
                    else "delete the parts and run snakemake again",
                )
        with replacing(parts_record(target)) as beside:
            beside.write_text(f"{len(parts)}\n")
        with _create(target, (height, width), attributes) as (flow, motions):
            for file in files:
                flow.copy(file["flow"])
                if "stabilised" in attributes:
                    motions.append(stage_files.read_rows(file["camera"], 0, len(file["camera"])))


def _provenance(file: h5py.File) -> dict[str, Any]:
    """Return how a flow was computed."""
    known = PROVENANCE | ({"stabilised": str} if "stabilised" in file.attrs else {})
    return stage_files.facts(file, known)


def read_flow(file: h5py.File, begin: int, end: int) -> np.ndarray:
    """Return the flow of frames of an open stage file.

    Parameters
    ----------
    file : h5py.File
        From `crisp.core.stage_files.open_stage`.
    begin, end : int
        Frames ``[begin, end)``.

    Returns
    -------
    ndarray, (n, H, W, 2) float32
        (dx, dy), px per frame.

    Raises
    ------
    CrispError
        If they are damaged.
    """
    dataset = file["flow"]
    return stage_files.read_rows(dataset, begin, end).astype(np.float32) * np.float32(dataset.attrs["scale"])
