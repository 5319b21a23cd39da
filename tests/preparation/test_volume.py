"""The volume links the stage files beside it; a pack needs none of them."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from crisp.core.errors import CrispError
from crisp.preparation import volume
from crisp.preparation.volume import pack_volume
from tests import stagefiles

RGB = np.random.default_rng(0).integers(0, 256, (20, 6, 8, 3), np.uint8)
NAMES = ["flow/dis", "flow_stats/dis", "mask", "rgb", "roi/dis"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A video's stage files and its volume."""
    folder = stagefiles.write(tmp_path / "v", RGB)
    volume.join_volume(folder / "v.h5", ["dis"])
    return folder


def datasets(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path, "r") as file:
        return {name: file[name][:] for name in NAMES}


def test_links_follow_when_the_folder_moves(folder: Path, tmp_path: Path) -> None:
    before = datasets(folder / "v.h5")
    np.testing.assert_array_equal(before["rgb"], RGB)
    folder.rename(tmp_path / "elsewhere")
    after = datasets(tmp_path / "elsewhere" / "v.h5")
    for name in NAMES:
        np.testing.assert_array_equal(after[name], before[name])


def test_members_and_attributes(folder: Path) -> None:
    with h5py.File(folder / "v.h5", "r") as file:
        found: list[str] = []
        file.visit_links(lambda name: found.append(name) if not isinstance(file[name], h5py.Group) else None)
        assert sorted(found) == NAMES
        assert file["flow/dis"].attrs["scale"] == 1 / 128
        assert file.attrs["fps"] == 2
        assert list(file.attrs["flow_methods"]) == ["dis"]
        link = file.get("flow/dis", getlink=True)
        assert (link.filename, link.path) == ("flow/dis.h5", "flow")


def test_same_bytes_whenever_it_is_written(folder: Path, tmp_path: Path) -> None:
    pack_volume(folder / "v.h5", tmp_path / "packed.h5")
    before = [(folder / "v.h5").read_bytes(), (tmp_path / "packed.h5").read_bytes()]
    time.sleep(1.1)  # HDF5 counts seconds
    volume.join_volume(folder / "v.h5", ["dis"])
    pack_volume(folder / "v.h5", tmp_path / "packed.h5")
    assert [(folder / "v.h5").read_bytes(), (tmp_path / "packed.h5").read_bytes()] == before


def test_pack_is_equal_and_by_itself(folder: Path, tmp_path: Path) -> None:
    before = datasets(folder / "v.h5")
    pack_volume(folder / "v.h5", tmp_path / "packed.h5")
    shutil.rmtree(folder)
    pack_volume(tmp_path / "packed.h5", tmp_path / "again.h5")
    for path in (tmp_path / "packed.h5", tmp_path / "again.h5"):
        after = datasets(path)
        for name in NAMES:
            np.testing.assert_array_equal(after[name], before[name])
        with h5py.File(path, "r") as file:
            assert file.attrs["fps"] == 2
            assert file["flow/dis"].attrs["scale"] == 1 / 128


@pytest.mark.parametrize("name", ["frames.h5", "flow/dis.h5", "roi/dis.h5"])
def test_missing_stage_file_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CrispError, match=rf"{name}: stage file is missing"):
        volume.join_volume(folder / "new.h5", ["dis"])
    assert not (folder / "new.h5").exists()
    with pytest.raises(CrispError, match=rf"{name}: stage file is missing"):
        pack_volume(folder / "v.h5", tmp_path / "packed.h5")
    assert not (tmp_path / "packed.h5").exists()


def test_damaged_stage_file_is_not_packed(folder: Path, tmp_path: Path) -> None:
    with h5py.File(folder / "frames.h5", "r") as file:
        place = file["rgb"].id.get_chunk_info(0)
    content = bytearray((folder / "frames.h5").read_bytes())
    content[place.byte_offset + place.size // 2] ^= 1
    (folder / "frames.h5").write_bytes(content)
    with pytest.raises(CrispError, match="dataset rgb differs"):
        pack_volume(folder / "v.h5", tmp_path / "packed.h5")
    assert not (tmp_path / "packed.h5").exists()


def test_refresh_joins_the_methods_of_the_present_frames(folder: Path) -> None:
    """Flow of a video that has been replaced since is left out, flow whose ROI is not ready, too."""
    with h5py.File(folder / "frames.h5", "r") as file:
        present = file["rgb"].attrs["sha256"]
    for method, source in (("dis", present), ("farneback", present), ("tvl1", "of other frames")):
        for stage in ("flow", "roi"):
            if method != "dis":
                shutil.copy(folder / stage / "dis.h5", folder / stage / f"{method}.h5")
        with h5py.File(folder / "flow" / f"{method}.h5", "r+") as file:
            file.attrs["frames_sha256"] = source
    shutil.copy(folder / "flow" / "dis.h5", folder / "flow" / "pcaflow.h5")
    volume.refresh_volume(folder / "v.h5")
    with h5py.File(folder / "v.h5", "r") as file:
        assert list(file.attrs["flow_methods"]) == ["dis", "farneback"]
        assert sorted(file["roi"]) == ["dis", "farneback"]


def test_refresh_sees_a_method_that_ends_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = [(["dis"], False), (["dis", "late"], False), (["dis", "late"], True)]
    found = iter([*states, states[-1]])
    written: list[tuple[list[str], bool]] = []
    monkeypatch.setattr(volume, "_prepared", lambda _: next(found))
    monkeypatch.setattr(volume, "join_volume", lambda _, methods, pose: written.append((methods, pose)))
    volume.refresh_volume(folder / "v.h5")
    assert written == states


def test_poses_of_the_present_frames_are_linked_and_packed(folder: Path, tmp_path: Path) -> None:
    points = np.random.default_rng(1).normal(size=(20, 14, 3)).astype(np.float32)
    stagefiles.write(tmp_path / "other", RGB, pose=points)
    shutil.copy(tmp_path / "other" / "pose.h5", folder / "pose.h5")
    volume.refresh_volume(folder / "v.h5")
    pack_volume(folder / "v.h5", tmp_path / "packed.h5")
    for path in (folder / "v.h5", tmp_path / "packed.h5"):
        with h5py.File(path, "r") as file:
            np.testing.assert_array_equal(file["pose"][:], points)
    with h5py.File(folder / "pose.h5", "r+") as file:
        file.attrs["frames_sha256"] = "of other frames"
    volume.refresh_volume(folder / "v.h5")
    with h5py.File(folder / "v.h5", "r") as file:
        assert "pose" not in file


def test_files_of_regions_are_linked_and_packed(folder: Path, tmp_path: Path) -> None:
    for name in ("left", "Player-2"):
        shutil.copy(folder / "roi/dis.h5", folder / f"roi/dis@{name}.h5")
    volume.refresh_volume(folder / "v.h5")
    pack_volume(folder / "v.h5", tmp_path / "packed.h5")
    with h5py.File(tmp_path / "packed.h5", "r") as file:
        assert sorted(file["roi"]) == ["dis", "dis@Player-2", "dis@left"]
        assert {"mask", "mask@left"} <= set(file)


@pytest.mark.parametrize(
    ("stage", "left"),
    [
        ("frames", []),
        ("flow", ["frames.h5"]),
        ("roi", ["flow/dis.h5", "frames.h5"]),
        ("pose", ["flow/dis.h5", "frames.h5", "roi/dis.h5"]),
        ("volume", ["flow/dis.h5", "frames.h5", "pose.h5", "roi/dis.h5"]),
    ],
)
def test_remove_from(folder: Path, stage: str, left: list[str]) -> None:
    shutil.copy(folder / "roi" / "dis.h5", folder / "pose.h5")
    gone = volume.remove_from(folder, "v", stage)
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.h5"))
    assert found == left
    assert len(gone) + len(left) == 5


def test_remove_from_leaves_other_files(folder: Path) -> None:
    names = [
        "flow/dis.part-one.h5",
        "flow/mine.h5",
        "frames.h5.txt",
        "other.h5",
        "roi/dis.h5.bak",
        "roi/v.h5/x",
    ]
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("mine")
    part = folder / "flow/dis.part-1-of-2.h5"
    part.touch()
    assert part in volume.remove_from(folder, "v", "frames")
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert sorted(path.relative_to(folder).as_posix() for path in left) == names


def test_remove_from_unknown_stage(folder: Path) -> None:
    with pytest.raises(CrispError, match="unknown stage"):
        volume.remove_from(folder, "v", "training")
    assert (folder / "frames.h5").exists()


@pytest.mark.parametrize(
    "target", ["../frames.h5", "/dev/zero", "roi/../../frames.h5", "other/frames.h5", "frames"]
)
def test_links_to_other_files_than_the_stage_files_beside_it(
    folder: Path, tmp_path: Path, target: str
) -> None:
    shutil.copy(folder / "frames.h5", folder.parent / "frames.h5")
    with h5py.File(folder / "v.h5", "r+") as file:
        del file["rgb"]
        file["rgb"] = h5py.ExternalLink(target, "rgb")
    with pytest.raises(CrispError, match=r"v\.h5: stage file cannot be read") as error:
        pack_volume(folder / "v.h5", tmp_path / "packed.h5")
    assert error.value.faults[0].found == "rgb is a link, whose content is elsewhere"
    assert not (tmp_path / "packed.h5").exists()


def test_links_to_what_a_stage_file_does_not_hold(folder: Path, tmp_path: Path) -> None:
    with h5py.File(folder / "v.h5", "r+") as file:
        del file["rgb"]
        file["rgb"] = h5py.ExternalLink("frames.h5", "none")
    with pytest.raises(CrispError, match=r"frames\.h5, dataset none: damaged data"):
        pack_volume(folder / "v.h5", tmp_path / "packed.h5")
    assert not (tmp_path / "packed.h5").exists()
