"""HDF5 files that name other files or declare what they do not hold: nothing of either is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from crisp.core import hdf5, stage_files
from crisp.core.errors import CrispError
from crisp.preparation.poses import read_poses

SECRET = "another user's line\n" * 40


def external(file: h5py.File, name: str, secret: Path) -> None:
    file.create_dataset(name, (5,), "S32", external=[(str(secret), 0, 160)])


def virtual(file: h5py.File, name: str, secret: Path) -> None:
    with h5py.File(secret.with_suffix(".h5"), "w") as other:
        other["x"] = np.full(5, b"secret")
    layout = h5py.VirtualLayout((5,), "S6")
    layout[:] = h5py.VirtualSource(secret.with_suffix(".h5"), "x", (5,))
    file.create_virtual_dataset(name, layout)


def external_link(file: h5py.File, name: str, secret: Path) -> None:
    with h5py.File(secret.with_suffix(".h5"), "w") as other:
        other["x"] = np.full(5, b"secret")
    file[name] = h5py.ExternalLink(str(secret.with_suffix(".h5")), "x")


def soft_link(file: h5py.File, name: str, secret: Path) -> None:
    external_link(file, "elsewhere", secret)
    file[name] = h5py.SoftLink("/elsewhere")


def huge(file: h5py.File, name: str, _: Path) -> None:
    file.create_dataset(name, (10**12, 5), "f8", chunks=(1, 5))


def huge_chunk(file: h5py.File, name: str, _: Path) -> None:
    file.create_dataset(name, (1, 5), "f8", maxshape=(None, 5), chunks=(10**7, 5), compression="gzip")


HOSTILE = [external, virtual, external_link, soft_link, huge, huge_chunk]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


@pytest.mark.parametrize("inner", ["", "group/", "a/b/c/"])
@pytest.mark.parametrize("make", HOSTILE)
def test_refused_wherever_it_is(
    tmp_path: Path, secret: Path, make: Callable[[h5py.File, str, Path], None], inner: str
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        make(file, f"{inner}x", secret)
    with pytest.raises(ValueError, match=r"content|declares"):
        hdf5.opened(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+"):
        pass  # it was closed


def test_what_is_in_the_file_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/x"] = np.arange(6)
        file["group/again"] = file["group/x"]
        file["group/itself"] = file["group"]
        file.create_dataset(
            "zeros", data=np.zeros((2000, 50_000), np.uint8), chunks=(100, 50_000), compression=9
        )
        file["empty"] = h5py.Empty("f8")
    with hdf5.opened(tmp_path / "a.h5", hdf5.GZIP) as file:
        np.testing.assert_array_equal(hdf5.dataset(file, "group/again")[:], np.arange(6))
        assert hdf5.dataset(file, "zeros").shape == (2000, 50_000), "as densely packed as gzip can"
        for name, told in (("group", "group is no dataset"), ("none", "no dataset none")):
            with pytest.raises(ValueError, match=told):
                hdf5.dataset(file, name)


@pytest.mark.parametrize("make", HOSTILE)
@pytest.mark.parametrize("part", ["tracks", "node_names"])
def test_poses_of_sleap(
    tmp_path: Path, secret: Path, part: str, make: Callable[[h5py.File, str, Path], None]
) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        content = {
            "tracks": np.zeros((1, 2, 5, 3)),
            "point_scores": np.zeros((1, 5, 3)),
            "node_names": [b"a"] * 5,
        }
        for name in content.keys() - {part}:
            file[name] = content[name]
        make(file, part, secret)
    with pytest.raises(CrispError, match=r"v\.h5: pose file cannot be read") as error:
        read_poses(tmp_path / "v.h5", 3)
    assert "another user" not in str(error.value)


@pytest.mark.parametrize("make", HOSTILE)
def test_poses_of_deeplabcut(
    tmp_path: Path, secret: Path, make: Callable[[h5py.File, str, Path], None]
) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        make(file, "df_with_missing/table", secret)
    with pytest.raises(CrispError, match=r"v\.h5: pose file cannot be read") as error:
        read_poses(tmp_path / "v.h5", 3)
    assert "another user" not in str(error.value)


@pytest.mark.parametrize("make", HOSTILE)
@pytest.mark.parametrize("kind", ["frames", "volume"])
def test_stage_files(
    tmp_path: Path, secret: Path, kind: str, make: Callable[[h5py.File, str, Path], None]
) -> None:
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        file.attrs.update({"schema": stage_files.SCHEMA, "kind": kind, "complete": True})
        make(file, "rgb", secret)
    with pytest.raises(CrispError, match=r"frames\.h5: stage file cannot be read") as error:
        stage_files.open_stage(tmp_path / "frames.h5", kind)
    assert "delete" not in error.value.faults[0].remedy, "CRISP did not make it"
