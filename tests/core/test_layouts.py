"""Stage files with a good head and other content: one message each, before any value is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from crisp.clips.reader import ClipReader
from crisp.core import layouts, stage_files
from crisp.core.errors import CrispError
from crisp.preparation import flow, frames, volume
from crisp.preparation.roi import extract_roi
from crisp.preparation.volume import pack_volume
from crisp.report import video_quality_plot
from tests import stagefiles

COUNT, HEIGHT, WIDTH = 20, 12, 16
Spoil = Callable[[h5py.File], object]
FILES = {"frames": "frames.h5", "flow": "flow/dis.h5", "roi": "roi/dis.h5", "pose": "pose.h5"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rgb = np.zeros((COUNT, HEIGHT, WIDTH, 3), np.uint8)
    return stagefiles.write(tmp_path / "v", rgb, pose=np.ones((COUNT, 14, 3)))


def instead(name: str, *shape: int, dtype: str = "f4", **options: Any) -> Spoil:
    """Another dataset in the place of one, of zeros that are written unless `options` keep them away."""

    def spoil(file: h5py.File) -> None:
        del file[name]
        data = {} if "chunks" in options or np.prod(shape) > 10**6 else {"data": np.zeros(shape, dtype)}
        file.create_dataset(name, shape, dtype, **data, **options).attrs["sha256"] = "0"
        file[name].attrs["scale"] = 1 / 128

    return spoil


def elsewhere(name: str, link: object) -> Spoil:
    def spoil(file: h5py.File) -> None:
        del file[name]
        file[name] = link

    return spoil


def attribute(where: str, name: str, value: object) -> Spoil:
    def spoil(file: h5py.File) -> None:
        file[where].attrs[name] = value

    return spoil


HUGE = 10**12
SPOILT: dict[str, tuple[str, Spoil]] = {
    "rgb missing": ("frames", lambda file: file.pop("rgb")),
    "rgb a group": ("frames", lambda file: (file.pop("rgb"), file.create_group("rgb"))),
    "rgb a number": ("frames", instead("rgb", dtype="u1")),
    "rgb without colours": ("frames", instead("rgb", COUNT, HEIGHT, WIDTH, dtype="u1")),
    "rgb of floats": ("frames", instead("rgb", COUNT, HEIGHT, WIDTH, 3)),
    "rgb of texts": ("frames", instead("rgb", 1, 1, 1, 3, dtype="S5")),
    "rgb of no frame": ("frames", instead("rgb", 0, HEIGHT, WIDTH, 3, dtype="u1")),
    "rgb without end": ("frames", instead("rgb", HUGE, HEIGHT, WIDTH, 3, dtype="u1")),
    "rgb never written": ("frames", instead("rgb", 10**7, 9, 9, 3, dtype="u1", chunks=(16, 9, 9, 3))),
    "rgb a mile wide": ("frames", instead("rgb", 1, 1, HUGE, 3, dtype="u1")),
    "rgb in one huge chunk": (
        "frames",
        instead("rgb", 10**6, 60, 60, 3, dtype="u1", chunks=(350_000, 60, 60, 3)),
    ),
    "rgb of another file": ("frames", elsewhere("rgb", h5py.ExternalLink("flow/dis.h5", "flow"))),
    "rgb a link": ("frames", elsewhere("rgb", h5py.SoftLink("/rgb"))),
    "rgb in any file": (
        "frames",
        instead(
            "rgb", COUNT, HEIGHT, WIDTH, 3, dtype="u1", external=[("/etc/passwd", 0, 10**5)], chunks=None
        ),
    ),
    "no rate": ("frames", attribute("/", "fps", 0.0)),
    "rate NaN": ("frames", attribute("/", "fps", np.nan)),
    "rate a text": ("flow", attribute("/", "fps", "fast")),
    "rates": ("roi", attribute("/", "fps", [25.0, 25.0])),
    "no checksum": ("frames", attribute("rgb", "sha256", 7)),
    "flow of three components": ("flow", instead("flow", COUNT, HEIGHT, WIDTH, 3, dtype="i2")),
    "flow of floats": ("flow", instead("flow", COUNT, HEIGHT, WIDTH, 2)),
    "scale NaN": ("flow", attribute("flow", "scale", np.nan)),
    "scale huge": ("flow", attribute("flow", "scale", 1e300)),
    "mask of another length": ("roi", instead("mask", COUNT - 1, HEIGHT, WIDTH, dtype="u1")),
    "no centres": ("roi", lambda file: file.pop("roi")),
    "centres of an earlier version": ("roi", instead("roi", COUNT, 2)),
    "centres of doubles": ("roi", instead("roi", COUNT, 2, 2, dtype="f8")),
    "statistics of another length": ("roi", instead("flow_stats", 3, 6)),
    "statistics without end": ("roi", instead("flow_stats", HUGE, 6)),
    "pose of 13 joints": ("pose", instead("pose", COUNT, 13, 3)),
}


@pytest.mark.parametrize(("kind", "spoil"), SPOILT.values(), ids=SPOILT)
def test_spoilt_stage_file(folder: Path, kind: str, spoil: Spoil) -> None:
    path = folder / FILES[kind]
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(CrispError) as error:
        stage_files.open_stage(path, kind)
    for fault in error.value.faults:
        assert fault.where.startswith(str(path))
        assert "delete" not in fault.remedy  # it may be somebody's
        assert fault.found


def test_good_stage_files_have_no_fault(folder: Path) -> None:
    for kind, name in FILES.items():
        with h5py.File(folder / name) as file:
            assert list(layouts.faults(file, kind)) == []


def rows(name: str, value: float) -> Spoil:
    def spoil(file: h5py.File) -> None:
        file[name][...] = np.full(file[name].shape, value)

    return spoil


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -17.0])
def test_centres_that_are_nowhere(folder: Path, value: float) -> None:
    with h5py.File(folder / FILES["roi"], "r+") as file:
        rows("roi", value)(file)
    reader = ClipReader(folder, ["flow"], stagefiles.METHOD)
    with pytest.raises(CrispError, match="damaged data"):
        reader.centres((8, 8))
    with pytest.raises(CrispError, match="damaged data"):
        reader.region(0, 4, (4, 8, 8))


def test_statistics_that_are_no_numbers(folder: Path) -> None:
    with h5py.File(folder / FILES["roi"], "r+") as file:
        rows("flow_stats", np.nan)(file)
    with stage_files.open_stage(folder / FILES["roi"], "roi") as file, pytest.raises(CrispError, match="NaN"):
        stage_files.read_rows(file["flow_stats"], 0, 3)


@pytest.mark.parametrize("value", [np.nan, -1.0, "many", [1, 2], h5py.Empty("f4")])
def test_facts_of_another_type(folder: Path, value: object) -> None:
    with h5py.File(folder / FILES["frames"], "r+") as file:
        file.attrs["decoded_frames"] = value
    with pytest.raises(CrispError, match="attribute decoded_frames: damaged data"):
        frames.described(folder / FILES["frames"])


def test_flow_of_a_picture_of_another_size(folder: Path, tmp_path: Path) -> None:
    other = stagefiles.write(tmp_path / "w", np.zeros((COUNT, HEIGHT, WIDTH + 1, 3), np.uint8))
    with h5py.File(folder / FILES["frames"]) as file, h5py.File(other / FILES["flow"], "r+") as motion:
        motion.attrs["frames_sha256"] = file["rgb"].attrs["sha256"]
    with pytest.raises(CrispError, match="flow does not belong to"):
        extract_roi(folder / FILES["frames"], other / FILES["flow"], tmp_path / "roi.h5", 0.6, 0.25)
    assert not (tmp_path / "roi.h5").exists()


def test_stage_files_of_several_videos_are_not_drawn(folder: Path, tmp_path: Path) -> None:
    other = stagefiles.write(tmp_path / "w", np.zeros((COUNT - 1, HEIGHT, WIDTH, 3), np.uint8))
    for flow_of, roi_of in ((other, folder), (folder, other)):
        paths = folder / FILES["frames"], flow_of / FILES["flow"], roi_of / FILES["roi"]
        with pytest.raises(CrispError, match="does not belong to"):
            video_quality_plot.read_preparation(*paths, [])


def test_part_of_a_flow_that_does_not_tell_its_method(folder: Path, tmp_path: Path) -> None:
    with h5py.File(folder / FILES["flow"], "r+") as file:
        del file.attrs["method"]
    with pytest.raises(CrispError, match="attribute method: damaged data"):
        flow.join_parts(folder / FILES["frames"], [folder / FILES["flow"]], tmp_path / "flow.h5")


@pytest.mark.parametrize("link", ["../secret.h5", "/tmp/frames.h5", "flow/../../frames.h5", "other.h5"])
def test_volume_that_takes_from_elsewhere_is_not_packed(folder: Path, link: str) -> None:
    volume.join_volume(folder / "v.h5", [stagefiles.METHOD])
    with h5py.File(folder / "v.h5", "r+") as file:
        elsewhere("rgb", h5py.ExternalLink(link, "rgb"))(file)
    with pytest.raises(CrispError, match="rgb is a link, whose content is elsewhere"):
        pack_volume(folder / "v.h5", folder / "packed.h5")
    assert not (folder / "packed.h5").exists()


def test_shapes_in_words() -> None:
    shapes = {kind: str(next(iter(of.values()))) for kind, of in layouts.LAYOUTS.items() if of}
    assert shapes["frames"] == "(frames, height, width, 3) of uint8"
    assert shapes["features"] == "(frames, width) of float32"
    assert shapes["pose"] == "(frames, 14, 3) of float32"
