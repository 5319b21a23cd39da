"""The clip cache: it changes nothing but where clips come from, is bounded, and never stale."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from crisp.clips import cache as caches
from crisp.clips import cache_folder
from crisp.clips.cache import Cache
from crisp.clips.dataset import ClipDataset
from crisp.clips.normalisation import Normalisation
from crisp.clips.reader import ClipReader
from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.study.samples import Sample
from crisp.study.variants import Variant
from tests import stagefiles

SIZE = (8, 16, 16)
COUNT, HEIGHT, WIDTH = 60, 40, 64
SCALE = Normalisation("normal", 5, 5)


def write(folder: Path, seed: int = 0) -> Path:
    random = np.random.default_rng(seed)
    return stagefiles.write(
        folder,
        random.integers(0, 256, (COUNT, HEIGHT, WIDTH, 3), dtype=np.uint8),
        random.normal(0, 3, (COUNT, HEIGHT, WIDTH, 2)),
        mask=(random.random((COUNT, HEIGHT, WIDTH)) < 0.3).astype(np.uint8),
        roi=random.uniform((0, 0), (WIDTH, HEIGHT), (COUNT, 2)),
        pose=random.uniform((0, 0, 0), (WIDTH, HEIGHT, 1), (COUNT, 14, 3)),
    )


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write(tmp_path / "v")


def variant(model: str, pose_norm: str = "crop") -> Variant:
    return Variant.from_config(
        {
            "name": model,
            "model": model,
            "size": list(SIZE),
            "flow": stagefiles.METHOD,
            **dict.fromkeys(("attention", "double_softmax"), False),
            "augmentation": True,
            "flip": True,
            "spread": 0.0,
            "norm_method": "normal",
            "pose_norm": pose_norm,
            "init": "he",
            "init_from": "",
        }
    )


def dataset(
    video: Path, cache: Cache | None, model: str = "twin", augment: bool = True, pose_norm: str = "crop"
) -> ClipDataset:
    samples = [
        Sample("v", 10 * number, 10 * number + 14, "Hit", "stroke", f"v:{number}") for number in range(5)
    ]
    kind = variant(model, pose_norm)
    readers = {"v": ClipReader(video, kind.streams, stagefiles.METHOD, pose_norm)}
    made = ClipDataset(samples, ["Hit"], readers, kind, SCALE, 3, augment, cache)
    made.epoch = 1
    return made


def reserved(path: Path, limit: int, *sets: ClipDataset) -> Cache:
    """A cache in a folder, for these data sets."""
    made = Cache(path, limit)
    for one in sets:
        one.cache = made
    made.reserve(one.wanted(index) for one in sets for index in range(len(one)))
    return made


def clips(made: ClipDataset) -> Iterator[torch.Tensor]:
    for index in range(len(made)):
        yield from made[index][0].values()


def used(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*.npy"))


@pytest.mark.parametrize("augment", [True, False])
@pytest.mark.parametrize("model", ["rgb", "flow", "twin", "pose", "three-stream"])
def test_clips_are_the_same_with_and_without(video: Path, tmp_path: Path, model: str, augment: bool) -> None:
    plain = list(clips(dataset(video, None, model, augment)))
    kept = dataset(video, None, model, augment)
    reserved(tmp_path / "cache", 2**30, kept)
    for _ in ("read and kept", "mapped"):
        assert all(torch.equal(*both) for both in zip(clips(kept), plain, strict=True))


def test_poses_in_the_players_frame_are_kept_as_such(video: Path, tmp_path: Path) -> None:
    """Beside those in px, which another variant of the same folder has kept."""
    plain = list(clips(dataset(video, None, "pose", pose_norm="player")))
    for pose_norm in ("image", "player"):
        kept = dataset(video, None, "pose", pose_norm=pose_norm)
        reserved(tmp_path / "cache", 2**30, kept)
        found = list(clips(kept))
        assert used(tmp_path / "cache") >= sum(
            caches.bytes_of(kept.wanted(index)) for index in range(len(kept))
        )
    assert all(torch.equal(*both) for both in zip(found, plain, strict=True))


def test_each_frame_is_read_once(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = dataset(video, None)
    reserved(tmp_path / "cache", 2**30, kept)
    before = list(clips(kept))
    monkeypatch.setattr(stage_files, "read_rows", None)  # nothing more is read
    assert all(torch.equal(*both) for both in zip(clips(kept), before, strict=True))
    kept.epoch = 2
    assert not all(torch.equal(*both) for both in zip(clips(kept), before, strict=True))


def test_variants_share_what_they_have_in_common(video: Path, tmp_path: Path) -> None:
    twin = dataset(video, None)
    reserved(tmp_path / "cache", 2**30, twin)
    list(clips(twin))
    files = set((tmp_path / "cache").rglob("*.npy"))
    rgb = dataset(video, None, "rgb")
    reserved(tmp_path / "cache", 2**30, rgb)
    list(clips(rgb))
    assert set((tmp_path / "cache").rglob("*.npy")) == files


def test_sizes_are_known_beforehand(video: Path, tmp_path: Path) -> None:
    kept = dataset(video, None, "three-stream")
    reserved(tmp_path / "cache", 2**30, kept)
    list(clips(kept))
    expected = sum(caches.bytes_of(kept.wanted(index)) for index in range(len(kept)))
    assert expected <= used(tmp_path / "cache") < 1.05 * expected


def test_what_does_not_fit_is_read_anew(
    video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plain = list(clips(dataset(video, None)))
    kept = dataset(video, None)
    limit = 3 * caches.bytes_of(kept.wanted(0)) + 5000
    reserved(tmp_path / "cache", limit, kept)
    assert "3 of 5 regions fit" in capfd.readouterr().err
    assert all(torch.equal(*both) for both in zip(clips(kept), plain, strict=True))
    assert 0 < used(tmp_path / "cache") <= limit


def test_two_trainings_together_stay_within_the_limit(video: Path, tmp_path: Path) -> None:
    """Both find an empty folder, and each would fill it."""
    one, other = dataset(video, None), dataset(write(tmp_path / "w", seed=1), None)
    plain = list(clips(one)), list(clips(other))
    limit = 6 * caches.bytes_of(one.wanted(0)) + 5000
    for kept in (one, other):
        reserved(tmp_path / "cache", limit, kept)
    for kept, expected in zip((one, other), plain, strict=True):
        assert all(torch.equal(*both) for both in zip(clips(kept), expected, strict=True))
    assert limit / 2 < used(tmp_path / "cache") <= limit


def test_the_longest_unused_files_make_room(video: Path, tmp_path: Path) -> None:
    """Of the cache alone: other files in its folder do not count and stay, however old and large."""
    folder = tmp_path / "cache" / "00"
    folder.mkdir(parents=True)
    kept = dataset(video, None)
    needed = 5 * caches.bytes_of(kept.wanted(0))
    foreign = [folder / "thesis.npy", folder.parent / "project/thesis.docx", folder.parent / "notes"]
    names = [f"{number:064x}.npy" for number in range(3)]
    foreign[1].parent.mkdir()
    for age, path in enumerate([*(folder / name for name in names), *foreign]):
        path.write_bytes(bytes(needed // 4))
        os.utime(path, (1e9 - age, 1e9 - age))
    (folder / "old folder").mkdir()
    reserved(tmp_path / "cache", needed * 5 // 4 + 5000, kept)
    assert [path.name for path in folder.glob("0*.npy")] == names[:1]
    assert all(path.exists() for path in (*foreign, folder / "old folder"))
    list(clips(kept))
    assert used(tmp_path / "cache") > needed, "what is not the cache's takes no room of it"


def test_things_in_the_way_end_the_cache_not_the_training(
    video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plain = list(clips(dataset(video, None)))
    kept = dataset(video, None)
    for name in caches.names(kept.wanted(0)).values():
        (tmp_path / "cache" / name).mkdir(parents=True)
    reserved(tmp_path / "cache", 2**30, kept)
    assert all(torch.equal(*both) for both in zip(clips(kept), plain, strict=True))
    assert capfd.readouterr().err.count("continues without the clip cache") == 1


def test_replaced_volume_is_told(video: Path, tmp_path: Path) -> None:
    """The training began with other values; in its cache they would go under a wrong name."""
    kept = dataset(video, None)
    reserved(tmp_path / "cache", 2**30, kept)
    kept[0]
    write(video, seed=1)
    kept[0]  # from the cache
    with pytest.raises(CrispError, match="file has changed since this training began"):
        kept[1]


def test_new_volume_gets_files_of_its_own(video: Path, tmp_path: Path) -> None:
    kept = dataset(video, None)
    reserved(tmp_path / "cache", 2**30, kept)
    first = list(clips(kept))
    write(video, seed=1)
    again = dataset(video, None)
    reserved(tmp_path / "cache", 2**30, again)
    second = list(clips(again))
    assert all(torch.equal(*both) for both in zip(second, clips(dataset(video, None)), strict=True))
    assert not any(torch.equal(*both) for both in zip(first, second, strict=True))


def test_torn_file_is_made_again(video: Path, tmp_path: Path) -> None:
    kept = dataset(video, None)
    reserved(tmp_path / "cache", 2**30, kept)
    before = list(clips(kept))
    for path in (tmp_path / "cache").rglob("*.npy"):
        path.write_bytes(path.read_bytes()[:100])
    assert all(torch.equal(*both) for both in zip(clips(kept), before, strict=True))


def test_full_disk_ends_the_cache_not_the_training(video: Path, tmp_path: Path) -> None:
    """In a process whose files may not grow beyond 4 kB, as on a full disk."""
    program = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
import torch
from tests.clips import test_cache
plain = list(test_cache.clips(test_cache.dataset(Path({str(video)!r}), None)))
kept = test_cache.dataset(Path({str(video)!r}), None)
test_cache.reserved(Path({str(tmp_path / "cache")!r}), 2**30, kept)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
assert all(torch.equal(*both) for both in zip(test_cache.clips(kept), plain, strict=True))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("continues without the clip cache") == 1
    assert not list((tmp_path / "cache").rglob("*.tmp-*"))


def test_size_is_bounded_by_what_is_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cache_folder.VARIABLE, str(tmp_path / "mine"))
    assert Cache.of_size(0) is None
    assert not (tmp_path / "mine").exists()
    small, large = Cache.of_size(2**-10), Cache.of_size(1e9)
    assert small is not None
    assert large is not None
    assert small.limit == 2**20
    free = caches.shutil.disk_usage(tmp_path).free
    assert large.limit == pytest.approx(free / 2, rel=0.05)
    assert large.path.parent == tmp_path / "mine"
