"""Features of a frozen network: those of its windows, computed once per view, and anew when they must be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml

from crisp.cli import application
from crisp.clips import windows
from crisp.clips.augmentation import Draw
from crisp.clips.dataset import clip_readers
from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.preparation import volume
from crisp.study import tables
from crisp.study.config import Study
from crisp.study.tables import VideoRow
from crisp.training import features
from crisp.training.features import FrozenNetwork, write_features
from crisp.workflow import split_samples
from tests import frozen, trainable

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return frozen.write_weights(tmp_path_factory.mktemp("weights") / "mc3_18.pth")


@pytest.fixture
def small(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    trainable.build()
    return frozen.frozen_study(weights)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of windows of each call of the network."""
    calls: list[int] = []
    work = FrozenNetwork.features

    def counted(self: FrozenNetwork, clips: torch.Tensor) -> np.ndarray:
        calls.append(len(clips))
        return work(self, clips)

    monkeypatch.setattr(FrozenNetwork, "features", counted)
    return calls


def network(study: Study) -> FrozenNetwork:
    return FrozenNetwork(study, study.variant("frozen"), CPU)


def test_features_are_those_of_each_window(small: Study) -> None:
    made = network(small)
    found = made.of("v")
    begins = windows.grid(trainable.FRAMES, 8)
    assert (found.shape, found.dtype) == ((len(begins), 512), np.float32)
    reader = clip_readers(small, made.variant, ["v"])["v"]
    for index in (0, 7, 22, len(begins) - 1):
        clip = torch.from_numpy(reader.clip(Draw(int(begins[index])), (8, 8, 8))["rgb"])[None]
        with torch.inference_mode():
            (expected,) = made.model.features({"rgb": clip})
        np.testing.assert_allclose(found[index], expected[0].numpy(), rtol=1e-4, atol=1e-5)
    assert np.ptp(found, axis=0).max() > 0.01


def test_features_are_computed_once(small: Study, computed: list[int]) -> None:
    first = network(small)
    kept = first.of("v")
    assert (sum(computed), first.computed) == (len(kept), 1)
    again = network(small)
    np.testing.assert_array_equal(again.of("v"), kept)
    assert (sum(computed), again.computed) == (len(kept), 0)
    assert "model" not in vars(again), "not even built"


def test_volume_links_features(small: Study, tmp_path: Path) -> None:
    kept = network(small).of("v")
    folder, name = small.volumes / "v", f"features/{small.variant('frozen').backbone}"
    volume.pack_volume(folder / "v.h5", tmp_path / "packed.h5")
    for path in (folder / "v.h5", tmp_path / "packed.h5"):
        with h5py.File(path, "r") as file:
            np.testing.assert_array_equal(file[name][:], kept)
            assert (file[name].attrs["window"], file[name].attrs["stride"]) == (8, 2)
    assert volume.remove_from(folder, "v", "features") == [folder / "v.h5", folder / f"{name}.h5"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    with h5py.File(path, "r") as file:
        place = file["features"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[place.byte_offset + place.size // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink, lambda path: path.write_text("not HDF5")])
def test_damaged_features_are_computed_anew(
    small: Study, computed: list[int], damage: Callable[[Path], None]
) -> None:
    kept = network(small).of("v")
    path = small.stage_file("v", "features", small.variant("frozen").backbone)
    damage(path)
    np.testing.assert_array_equal(network(small).of("v"), kept)
    assert sum(computed) == 2 * len(kept)
    stage_files.open_stage(path, "features").close()


def test_damaged_features_stop_no_volume(small: Study) -> None:
    network(small).of("v")
    cut(small.stage_file("v", "features", small.variant("frozen").backbone))
    volume.refresh_volume(small.volumes / "v/v.h5")
    with h5py.File(small.volumes / "v/v.h5", "r") as file:
        assert "features" not in file


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("changed", ["frames", "weights", "mirrored"])
def test_features_of_other_inputs_are_computed_anew(
    weights: Path, tmp_path: Path, computed: list[int], changed: str
) -> None:
    shutil.copy(weights, tmp_path / "own.pth")
    study = frozen.frozen_study(Path("own.pth"))
    before = network(study).of("v")
    if changed == "frames":
        trainable.prepare(study, seed=1)
    elif changed == "weights":
        frozen.write_weights(tmp_path / "own.pth", seed=8)
    else:
        row = replace(study.videos["v"], facing="left")
        tables.write_videos("videos.tsv", [row])
        study = frozen.frozen_study(Path("own.pth"))
    after = network(study).of("v")
    assert sum(computed) == 2 * len(before)
    assert not np.allclose(after, before)


@pytest.mark.usefixtures("small")
def test_networks_have_files_of_their_own(weights: Path) -> None:
    names = [
        frozen.frozen_study(weights, **keys).variant("frozen").backbone
        for keys in (
            {},
            {"dropout": 0.5},
            {"size": [16, 8, 8]},
            {"network_size": [2, 24, 24]},
            {"model": "r3d_18"},
        )
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 4


def test_regions_have_features_of_their_own(small: Study, weights: Path, computed: list[int]) -> None:
    row = VideoRow("v", "v.mp4", frames=trainable.FRAMES, fps=120, regions="left=0,0,0.5,1; right=0.5,0,1,1")
    tables.write_videos("videos.tsv", [row])
    roi = small.volumes / "v/roi" / f"{small.variant('frozen').flow}.h5"
    for region, x in (("left", 4.0), ("right", 8.0)):
        there = roi.with_name(f"{roi.stem}@{region}.h5")
        shutil.copy(roi, there)
        with h5py.File(there, "r+") as file:
            file["roi"][:] = x
            file["roi"].attrs["sha256"] = f"of {region}"
    study = frozen.frozen_study(weights)
    made = network(study)
    left, right = made.of("v@left"), made.of("v@right")
    assert made.computed == 2
    assert not np.allclose(left, right)
    name = study.variant("frozen").backbone
    with h5py.File(study.volumes / "v/v.h5", "r") as file:
        assert sorted(file["features"]) == [f"{name}@left", f"{name}@right"]
    np.testing.assert_array_equal(network(study).of("v@left"), left)
    assert sum(computed) == len(left) + len(right)


def test_record_lists_the_windows(small: Study, capsys: pytest.CaptureFixture[str]) -> None:
    write_features(small, small.variant("frozen"), ["v"], "cpu")
    record = json.loads(small.features_record(small.variant("frozen")).read_text())
    assert record == {"features": small.variant("frozen").backbone, "windows": {"v": 46}}
    assert "frozen: 46 windows of 1 video, 1 computed now" in capsys.readouterr().err


def test_weights_that_cannot_be_used(small: Study, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(CrispError, match="no weights"):
        network(frozen.frozen_study(tmp_path / "none.pth"))
    given = torch.load(weights)
    last = "layer4.1.conv2.1.weight"
    torch.save({key: value for key, value in given.items() if key != last}, tmp_path / "fewer.pth")
    torch.save({**given, last: torch.full_like(given[last], torch.inf)}, tmp_path / "infinite.pth")
    for name, what in (("fewer", "weights are of another network"), ("infinite", "no finite features")):
        with pytest.raises(CrispError, match=what):
            network(frozen.frozen_study(tmp_path / f"{name}.pth")).of("v")
    assert not list((small.volumes / "v").glob("features/*"))


@pytest.mark.usefixtures("small")
def test_command_takes_frozen_variants_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    study = frozen.frozen_study(Path("own.pth"))
    Path("study.yaml").write_text(yaml.safe_dump(study.config))
    called: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        features, "write_features", lambda _, one, views, __: called.append((one.name, views))
    )
    monkeypatch.setattr(split_samples.SplitSamples, "trained_on", ["v"])
    command = ["features", "--study", "study.yaml"]
    application.app(command, standalone_mode=False)
    application.app([*command, "frozen"], standalone_mode=False)
    assert called == [("frozen", ["v"])] * 2
    with pytest.raises(CrispError, match=r"network is not frozen[\s\S]*found: rgb"):
        application.app([*command, "rgb", "frozen"], standalone_mode=False)
