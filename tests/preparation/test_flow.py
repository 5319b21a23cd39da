"""Optical flow: direction, size, equal bytes whatever the workers, clear errors."""

from __future__ import annotations

import functools
import itertools
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crisp.core import stage_files
from crisp.core.errors import CrispError, Fault
from crisp.preparation import flow
from crisp.preparation.deepflow import DeviceFullError, gpu
from crisp.preparation.flow import extract_flow
from tests import stagefiles


def moving(count: int, height: int, width: int, dx: int, dy: int) -> np.ndarray:
    """Grey frames (N, H, W) uint8 of a picture whose content moves by (dx, dy) px from frame to frame."""
    far = count * max(abs(dx), abs(dy)) + 1
    picture = stagefiles.texture(height + 2 * far, width + 2 * far)[..., 1]
    return np.stack(
        [
            picture[far - dy * n : far - dy * n + height, far - dx * n : far - dx * n + width]
            for n in range(count)
        ]
    )


def frames_file(path: Path, count: int, size: tuple[int, int] = (32, 48)) -> Path:
    grey = moving(count, *size, 1, 0)
    return stagefiles.write(path, np.repeat(grey[..., None], 3, axis=3)) / "frames.h5"


# Mean end-point error allowed inside a margin of 10 px, in px, of a shift by (3, -2).
@pytest.mark.parametrize(
    ("method", "bound"),
    [("deepflow", 0.1), ("dis", 0.2), ("disfine", 0.1), ("farneback", 0.3), ("tvl1", 0.2), ("pcaflow", 0.5)],
)
def test_known_shift(method: str, bound: float) -> None:
    found = flow.compute(moving(2, 72, 96, 3, -2), method)
    assert (found.shape, found.dtype) == ((2, 72, 96, 2), np.float32)
    assert not found[0].any()
    error = np.linalg.norm(found[1, 10:-10, 10:-10] - (3, -2), axis=-1).mean()
    assert error < bound


def test_disfine_follows_a_small_fast_thing() -> None:
    """A square of 7 px that moves by 5 px, which DeepFlow smooths away."""
    rng = np.random.default_rng(0)
    picture = stagefiles.texture(90, 160)[..., 1]
    ball = rng.integers(0, 256, (7, 7), np.uint8)
    pair = np.stack([picture, picture])
    pair[0, 40:47, 60:67] = pair[1, 40:47, 65:72] = cv2.GaussianBlur(ball, (3, 3), 0)
    found = {
        method: flow.compute(pair, method)[1, 42:45, 62:65, 0].mean() for method in ("deepflow", "disfine")
    }
    assert found["disfine"] > 4
    assert found["deepflow"] < 2


@pytest.mark.parametrize("method", flow.METHODS)
def test_still_and_plain_frames_give_zero(method: str) -> None:
    still = np.repeat(moving(1, 72, 96, 0, 0), 3, axis=0)
    # Farnebäck's solver blows rounding errors up where there is little texture.
    assert np.abs(flow.compute(still, method)).mean() < (0.01 if method == "farneback" else 1e-4)
    np.testing.assert_array_equal(flow.compute(np.full((3, 72, 96), 90, np.uint8), method), 0)


def test_deepflow_is_opencv_s() -> None:
    grey = moving(3, 40, 60, 2, 1)
    found = flow.compute(grey, backend="opencv")
    for n in (1, 2):
        expected = cv2.optflow.createOptFlow_DeepFlow().calc(grey[n - 1], grey[n], None)
        np.testing.assert_array_equal(found[n], expected)


def test_auto_is_our_own_solver_for_deepflow_and_opencv_for_the_rest() -> None:
    grey = moving(2, 40, 60, 2, 1)
    ours = flow.compute(grey, backend="cpu")
    np.testing.assert_array_equal(flow.compute(grey), ours)
    assert not np.array_equal(flow.compute(grey, backend="opencv"), ours)
    np.testing.assert_array_equal(flow.compute(grey, "dis", "cpu"), flow.compute(grey, "dis", "opencv"))


def test_backend_is_recorded(tmp_path: Path) -> None:
    path = frames_file(tmp_path, 3)
    recorded = {}
    for method, backend in [("deepflow", "auto"), ("deepflow", "opencv"), ("dis", "cpu")]:
        extract_flow(path, tmp_path / "f.h5", method, backend)
        with stage_files.open_stage(tmp_path / "f.h5", "flow") as file:
            recorded[method, backend] = (file.attrs["backend"], file.attrs["versions"])
    opencv = f"opencv {cv2.__version__}"
    assert recorded == {
        ("deepflow", "auto"): ("cpu", f"{opencv}, numba {metadata.version('numba')}"),
        ("deepflow", "opencv"): ("opencv", opencv),
        ("dis", "cpu"): ("opencv", opencv),
    }


def test_no_compiler_before_it_is_needed() -> None:
    code = "import sys, crisp.preparation.flow; assert not {'numba', 'llvmlite', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("count", [0, 1])
def test_no_pair_of_frames(count: int) -> None:
    assert flow.compute(np.zeros((count, 20, 30), np.uint8)).shape == (count, 20, 30, 2)


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 9, 9), np.float32), np.zeros((9, 9), np.uint8), np.zeros((2, 9, 9, 3), np.uint8)]
)
def test_bad_frames(bad: np.ndarray) -> None:
    with pytest.raises(CrispError, match=r"bad frames[\s\S]*\(N, H, W\) uint8"):
        flow.compute(bad)


def test_unknown_names() -> None:
    with pytest.raises(CrispError, match=r"unknown flow method[\s\S]*deepflow, dis"):
        flow.compute(np.zeros((2, 9, 9), np.uint8), "deepmatching")
    with pytest.raises(CrispError, match="unknown backend"):
        flow.compute(np.zeros((2, 9, 9), np.uint8), backend="abacus")


@pytest.mark.parametrize("method", flow.METHODS)
@pytest.mark.parametrize("size", [(1, 1), (5, 5), (5, 30), (30, 5), (15, 40), (16, 16), (55, 72), (56, 71)])
def test_tiny_frames(method: str, size: tuple[int, int]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (3, *size), np.uint8)
    if any(np.less(size, flow.LEAST_SIZES.get(method, (0, 0)))):
        with pytest.raises(CrispError, match=rf"{method} fails on frames of {size[1]}x{size[0]} px"):
            flow.compute(grey, method)
    else:
        found = flow.compute(grey, method)
        assert found.shape == (3, *size, 2)
        assert np.isfinite(found).all()


def test_pcaflow_at_its_least_size() -> None:
    height, width = flow.LEAST_SIZES["pcaflow"]
    assert np.isfinite(flow.compute(moving(3, height, width, 2, 0), "pcaflow")).all()


def test_grey() -> None:
    rgb = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]], np.uint8)
    assert flow.grey(rgb).tolist() == [[[76, 150, 29]]]
    assert flow.grey(rgb[:0]).shape == (0, 1, 3)


@given(arrays(np.float32, (1, 3, 4, 2), elements=st.floats(-255, 255, width=32)))
def test_quantisation_error(field: np.ndarray) -> None:
    stored = flow.quantise(field)
    assert stored.dtype == np.int16
    assert np.abs(stored * flow.SCALE - field.astype(np.float64)).max() <= 1 / 256


def test_saturation_and_signs() -> None:
    field = np.array([1e9, -1e9, np.inf, -np.inf, 256, -256, 0.5, -0.5, 0], np.float32)
    stored = flow.quantise(field)
    assert stored.tolist() == [32767, -32767, 32767, -32767, 32767, -32767, 64, -64, 0]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 17])
def test_file_at_block_boundaries(tmp_path: Path, count: int) -> None:
    path = frames_file(tmp_path, count)
    extract_flow(path, tmp_path / "f.h5", "dis")
    with (
        stage_files.open_stage(path, "frames") as images,
        stage_files.open_stage(tmp_path / "f.h5", "flow") as file,
    ):
        expected = flow.quantise(flow.compute(flow.grey(images["rgb"][:]), "dis"))
        np.testing.assert_array_equal(file["flow"][:], expected)
        np.testing.assert_array_equal(flow.read_flow(file, 0, count), expected / np.float32(128))
        assert file["flow"].attrs["scale"] == 1 / 128
        assert (file.attrs["method"], file.attrs["backend"], file.attrs["fps"]) == ("dis", "opencv", 2)
        assert file.attrs["frames_sha256"] == images["rgb"].attrs["sha256"]


@pytest.mark.parametrize("part", [(1, 1), (1, 2), (2, 2)])
def test_each_frame_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: tuple[int, int]
) -> None:
    path = frames_file(tmp_path, 37)
    rows = stage_files.read_rows
    read: list[int] = []

    def noted(dataset: h5py.Dataset, begin: int, end: int) -> np.ndarray:
        read.extend(range(begin, end))
        return rows(dataset, begin, end)

    monkeypatch.setattr(stage_files, "read_rows", noted)
    extract_flow(path, tmp_path / "f.h5", "dis", part=part)
    begin, end = flow.part_bounds(37, *part)
    assert read == list(range(max(0, begin - 1), end))  # with the frame that the first flow comes from


@pytest.mark.parametrize("method", ["deepflow", "dis"])
def test_workers_do_not_change_the_file(tmp_path: Path, method: str) -> None:
    path = frames_file(tmp_path, 17)
    for workers in (1, 2, 7):
        extract_flow(path, tmp_path / f"{workers}.h5", method, workers=workers)
    one, two, seven = ((tmp_path / f"{workers}.h5").read_bytes() for workers in (1, 2, 7))
    assert one == two == seven


@pytest.mark.parametrize("method", flow.METHODS)
@pytest.mark.parametrize("size", [(16, 18), (30, 40), (56, 72)])
def test_a_pair_does_not_depend_on_earlier_ones(method: str, size: tuple[int, int]) -> None:
    if method == "pcaflow" and size != flow.LEAST_SIZES["pcaflow"]:
        pytest.skip("too small for PCAFlow")
    grey = moving(4, *size, 1, 0)
    whole = flow.compute(grey, method)
    for n in (1, 2, 3):
        np.testing.assert_array_equal(flow.compute(grey[n - 1 : n + 1], method)[1], whole[n])


def test_fault_in_a_worker_names_the_frames(tmp_path: Path) -> None:
    path = frames_file(tmp_path, 20, size=(5, 5))
    with pytest.raises(CrispError, match="dis fails on frames of 5x5 px"):
        extract_flow(path, tmp_path / "f.h5", "dis", workers=2)
    assert not (tmp_path / "f.h5").exists()


@pytest.mark.parametrize("count", [1, 17, 60, 64])
@pytest.mark.parametrize("parts", [1, 2, 7])
def test_parts_do_not_change_the_file(tmp_path: Path, count: int, parts: int) -> None:
    path = frames_file(tmp_path, count)
    extract_flow(path, tmp_path / "whole.h5", "dis")
    paths = [tmp_path / f"{part}.h5" for part in range(1, parts + 1)]
    for part, out in enumerate(paths, start=1):
        extract_flow(path, out, "dis", part=(part, parts))
    flow.join_parts(path, paths, tmp_path / "joined.h5")
    assert (tmp_path / "joined.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_parts_that_were_compressed_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = frames_file(tmp_path, 37)
    extract_flow(path, tmp_path / "whole.h5", "dis")
    paths = [tmp_path / "1.h5", tmp_path / "2.h5"]
    for part, out in enumerate(paths, start=1):
        with monkeypatch.context() as earlier:
            if part == 2:
                earlier.setattr(stage_files, "compression", lambda _: {"compression": "gzip"})
            extract_flow(path, out, "dis", part=(part, 2))
    flow.join_parts(path, paths, tmp_path / "joined.h5")
    assert (tmp_path / "joined.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


@given(count=st.integers(0, 10_000), parts=st.integers(1, 50))
def test_parts_are_consecutive_and_whole_chunks(count: int, parts: int) -> None:
    bounds = [flow.part_bounds(count, part, parts) for part in range(1, parts + 1)]
    assert (bounds[0][0], bounds[-1][1]) == (0, count)
    for (_, end), (begin, _) in itertools.pairwise(bounds):
        assert end == begin
        assert begin % flow.CHUNK == 0


def test_part_that_does_not_exist(tmp_path: Path) -> None:
    path = frames_file(tmp_path, 9)
    with pytest.raises(CrispError, match="part does not exist"):
        extract_flow(path, tmp_path / "part.h5", "dis", part=(3, 2))


def test_parts_that_do_not_fit(tmp_path: Path) -> None:
    path, other = frames_file(tmp_path / "a", 17), frames_file(tmp_path / "b", 17, (24, 32))
    one, two = tmp_path / "1.h5", tmp_path / "2.h5"
    extract_flow(path, one, "dis", part=(1, 2))
    for frames, method, part in [(path, "farneback", (2, 2)), (other, "dis", (2, 2)), (path, "dis", (1, 2))]:
        extract_flow(frames, two, method, part=part)
        with pytest.raises(CrispError, match=r"2\.h5[\s\S]*is not from the same flow as the other parts"):
            flow.join_parts(path, [one, two], tmp_path / "joined.h5")
    extract_flow(path, one, part=(1, 2), backend="cpu")
    extract_flow(path, two, part=(2, 2), backend="opencv")
    with pytest.raises(
        CrispError, match=r"is not from the same flow[\s\S]*'backend': 'cpu'[\s\S]*'backend': 'opencv'"
    ):
        flow.join_parts(path, [one, two], tmp_path / "joined.h5")
    assert not (tmp_path / "joined.h5").exists()


@pytest.fixture
def gpu_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU's solver on the CPU."""
    monkeypatch.setattr(gpu, "solve", functools.partial(gpu.solve, device="cpu"))


@pytest.mark.usefixtures("gpu_on_cpu")
def test_blocks_of_a_gpu_do_not_change_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = frames_file(tmp_path, 19, (30, 40))
    extract_flow(path, tmp_path / "whole.h5", backend="gpu")
    monkeypatch.setattr(flow, "GPU_BLOCK", 8)
    extract_flow(path, tmp_path / "blocks.h5", backend="gpu", workers=2)
    assert (tmp_path / "blocks.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    with stage_files.open_stage(tmp_path / "whole.h5", "flow") as file:
        assert file.attrs["backend"] == "gpu"
        assert re.fullmatch(r"opencv [\d.]+, torch [\d.]+.*", file.attrs["versions"])
        assert np.abs(flow.read_flow(file, 0, 19)[1:]).mean() > 0.1


def full(frames: np.ndarray) -> np.ndarray:  # noqa: ARG001
    raise DeviceFullError(Fault("flow backend gpu", "the GPU has too little free memory"))


def test_a_full_gpu_leaves_the_video_to_another_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = frames_file(tmp_path, 19, (12, 16))
    extract_flow(path, tmp_path / "auto.h5")
    monkeypatch.setattr(flow, "GPU_BLOCK", 8)
    real = functools.partial(gpu.solve, device="cpu")
    calls = iter([real, full])
    monkeypatch.setattr(gpu, "solve", lambda frames: next(calls)(frames))
    extract_flow(path, tmp_path / "f.h5", backend="gpu")
    assert next(calls, None) is None
    assert (tmp_path / "f.h5").read_bytes() == (tmp_path / "auto.h5").read_bytes(), "no flow of both"
    said = capsys.readouterr().err
    assert "the GPU has too little free memory" in said
    assert f"instead {flow.resolve_backend('auto')} computes {tmp_path / 'f.h5'}" in said


def test_a_full_gpu_fails_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "solve", full)
    with pytest.raises(DeviceFullError, match="too little free memory"):
        extract_flow(frames_file(tmp_path, 19), tmp_path / "f.h5", backend="gpu", part=(1, 2))
    assert not (tmp_path / "f.h5").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu(tmp_path: Path) -> None:
    path = frames_file(tmp_path, 3)
    with pytest.raises(CrispError, match=r"no GPU can be used[\s\S]*choose the backend"):
        extract_flow(path, tmp_path / "f.h5", backend="gpu")
    assert not (tmp_path / "f.h5").exists()
    extract_flow(path, tmp_path / "dis.h5", "dis", backend="gpu")  # OpenCV's alone
    with stage_files.open_stage(tmp_path / "dis.h5", "flow") as file:
        assert file.attrs["backend"] == "opencv"
