"""Models of other people: whatever a file says, it is refused before anything is built, written or run."""

from __future__ import annotations

import copy
import math
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from crisp import models
from crisp.core.errors import CrispError
from crisp.study import schema
from crisp.study.schema import defaults
from crisp.study.variants import FORMER, Variant
from crisp.training import checkpoints, torch_files
from tests.core.test_pickles import LISTS, TUPLES

CPU = torch.device("cpu")
CLASSES = ["Hit", "Push", "Negative"]
QUANTILES = {"0.01": 0.5, "0.1": 1.0, "0.25": 2.0, "0.5": 3.0, "0.75": 4.0, "0.9": 5.0, "0.99": 6.0}


def content() -> dict[str, Any]:
    """A model's file as a training writes it."""
    variant = {"name": "rgb", **defaults("defaults"), "model": "rgb", "size": [8, 8, 8]}
    preparation = {"width": 96, "upscale": False, "fps": 25.0, "roi_alpha": 0.6, "roi_threshold": 0.25}
    norm = {
        "kind": "normal",
        "x": 2.0,
        "y": 3.0,
        "frames": 9,
        "floor": [1.0, 1.0],
        "moving_share": [0.5, 1.0],
    }
    return {
        "schema": checkpoints.MODEL_SCHEMA,
        "crisp": "1.0",
        "torch": "2.0",
        "variant": variant,
        "classes": CLASSES,
        "normalisation": {**norm, "warning": ""},
        "preparation": {**preparation, "roi_power": 16.0, "flow_backend": "auto", "pose_estimator": ""},
        "detection": defaults("detection"),
        "negative_class": "Negative",
        "decision": "gaussian",
        "training": defaults("training"),
        "seed": 1,
        "epoch": 4,
        "digest": "0" * 64,
        "init_from": {"path": "a.pt", "variant": variant, "classes": CLASSES, "epoch": 2, "init_from": {}},
        "calibration": {
            "temperature": 1.5,
            "remark": "",
            "samples": 20,
            "before": {"nll": 0.5, "ece": 0.1, "bins": [[3, 0.5, 0.5]]},
            "after": {},
        },
        "reference": {
            "shape": [1.3, 1.8],
            "width": 320,
            "motion": QUANTILES,
            "features": {
                "mean": torch.zeros(500),
                "components": torch.zeros(4, 500),
                "variances": torch.ones(4),
                "rest": 0.1,
                "distances": QUANTILES,
            },
        },
        "model": models.build(Variant.from_config(variant), len(CLASSES)).state_dict(),
    }


HONEST = content()


def changed(*places: tuple[str, Any]) -> dict[str, Any]:
    """An honest file's content with other values at places such as ``variant.size``."""
    found = copy.deepcopy(HONEST)
    for place, value in places:
        inner = found
        *outer, last = place.split("/")
        for key in outer:
            inner = inner[key]
        inner[last] = value
    return found


def test_honest_file_and_files_of_before_a_key_was_made(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(HONEST, path)
    model, about = checkpoints.load_model(path, CPU)
    assert all(torch.equal(value, HONEST["model"][name]) for name, value in model.state_dict().items())
    assert about == {key: value for key, value in about.items() if key in HONEST} | {
        "reference": about["reference"]
    }
    before = copy.deepcopy(HONEST)
    for key in ("detection", "negative_class", "calibration", "reference", "init_from"):
        del before[key]
    for key in ("roi_power", "flow_backend", "pose_estimator"):
        del before["preparation"][key]
    for key in ("attention", "spread", "pose_norm", "flip", "init", "init_from"):
        del before["variant"][key]
    torch.save(before, path)
    _, about = checkpoints.load_model(path, CPU)
    assert about["variant"] == HONEST["variant"] | FORMER
    assert about["detection"] == HONEST["detection"]


ODD = (math.nan, math.inf, -1, 10**400, "3", None, [1], True, {})
NO_TEXT = tuple(value for value in ODD if not isinstance(value, str))
OUTSIDE = "../../outside/deepflow"
CONTROL = ("a\x00", "a\x0b", "a\x1b[31m", "a\n", "a\r", "a\ud800", "a\uffff", "a\u2028")
BAD: list[tuple[str, Any]] = [
    *(("variant/flow", value) for value in (OUTSIDE, "/deepflow", "", "dis/../x", "deepflow\n", *ODD)),
    *(("variant/name", value) for value in ("../x", "a/b", "", "x\n", *NO_TEXT)),
    *(("variant/size", value) for value in ([8, 8], [8, 8, 8, 8], [8, 8, 8.5], [8, 8, 0], [10**9] * 3, *ODD)),
    ("variant/size", [4096, 4096, 4096]),
    *(("variant/model", value) for value in ("pose", "twin", "other", *ODD)),
    *(("variant/attention", value) for value in (True, 1, "no")),
    ("variant/other", 1),
    ("variant", []),
    *(("classes", [value, "b", "c"]) for value in (*CONTROL, "", "b", "x" * 500, *NO_TEXT)),
    *(("classes", value) for value in ([], ["a"], ["a", "b"], "abc", [f"c{n}" for n in range(2000)], *ODD)),
    *((f"preparation/{key}", value) for key in ("width", "fps", "roi_alpha", "roi_threshold", "roi_power")
      for value in (*ODD, 1e300)),
    ("preparation/fps", 1e-300),
    *(("preparation/flow_backend", value) for value in ("../x", "a b", *NO_TEXT)),
    ("preparation/pose_estimator", "os.system"),
    *((f"detection/{key}", value) for key in HONEST["detection"] for value in (*ODD, 1e300)),
    *(("training/batch_size", value) for value in (0, 2.5, 10**12, *ODD)),
    *(("calibration/temperature", value) for value in (0, 1e-300, *ODD)),
    ("calibration/before/nll", math.nan),
    *((f"normalisation/{key}", value) for key in ("x", "y") for value in (0, *ODD)),
    ("normalisation/floor", [1.0]),
    ("normalisation/floor", [1.0, math.nan]),
    ("normalisation", {"kind": "normal"}),
    *((f"reference/{key}", value) for key in ("shape", "width", "motion", "features")
      for value in (math.nan, math.inf, -1, "3", [1], {"0.1": 1.0})),
    *((f"reference/features/{key}", value) for key in ("mean", "components", "variances")
      for value in (torch.zeros(3), torch.full_like(HONEST["reference"]["features"][key], math.nan), [0.0])),
    ("reference/features/rest", 0),
    *((key, value) for key in ("decision", "init_from") for value in (OUTSIDE, *ODD[:-1])),
    *((key, value) for key in ("negative_class", "digest") for value in NO_TEXT),
    *((key, value) for key in ("seed", "epoch") for value in ODD),
    *((key, value) for key in ("crisp", "torch", "negative_class", "digest") for value in CONTROL),
    ("init_from/path", "a\x1b[31m"),
    ("init_from/init_from", {"init_from": {"variant": {"name": "../x"}}}),
]  # fmt: skip


def refused(path: Path, saved: Any) -> str:
    """What is said of a file with that content; the file stays, and nothing is made beside it."""
    torch.save(saved, path)
    before = path.read_bytes()
    with pytest.raises(CrispError) as error:
        checkpoints.load_model(path, CPU)
    (fault,) = error.value.faults
    assert fault.where == str(path)
    assert fault.found
    assert len(str(fault)) < 1000
    assert fault.remedy.isprintable()
    assert str(fault).replace("\n", "").isprintable()
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == before
    return str(fault)


@pytest.mark.parametrize(("place", "value"), [pytest.param(*bad, id=f"{n}") for n, bad in enumerate(BAD)])
def test_odd_values(tmp_path: Path, place: str, value: Any) -> None:
    refused(tmp_path / "model.pt", changed((place, value)))


WEIGHT = "model/trunk.dense.weight"
SHAPE = HONEST["model"]["trunk.dense.weight"].shape
TENSORS: dict[str, Any] = {
    "another shape": torch.zeros(SHAPE[0], SHAPE[1] + 1),
    "none": torch.zeros(0),
    "NaN": torch.full(SHAPE, math.nan),
    "infinite": torch.full(SHAPE, math.inf),
    "whole numbers": torch.zeros(SHAPE, dtype=torch.int64),
    "of one number": torch.zeros(1).expand(SHAPE),
    "without memory": torch.zeros(SHAPE, device="meta"),
    "sparse": torch.zeros(SHAPE).to_sparse(),
    "a list": torch.zeros(SHAPE).tolist(),
    "nothing": None,
}


@pytest.mark.parametrize("name", TENSORS)
def test_weights_that_are_none(tmp_path: Path, name: str) -> None:
    refused(tmp_path / "model.pt", changed((WEIGHT, TENSORS[name])))


def test_weights_that_are_missing_unknown_or_of_a_huge_model(tmp_path: Path) -> None:
    assert "weights are missing or unknown: other" in refused(
        tmp_path / "model.pt", changed(("model/other", torch.zeros(1)))
    )
    without = changed()
    del without["model"]["head.bias"]
    assert "weights are missing or unknown: head.bias" in refused(tmp_path / "model.pt", without)
    # 20 TB: refused by the weights that are there, before any are made.
    huge = changed(("variant/size", [4096, 4096, 4096]))
    assert "expected [500, 10737418240] of torch.float32, found [500, 80]" in refused(
        tmp_path / "model.pt", huge
    )


def of_pickle(path: Path, pickled: bytes, **how: Any) -> Path:
    """A file of torch's layout that holds this pickle."""
    torch.save(HONEST, path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (name,) = (name for name in parts if name.endswith("data.pkl"))
    with zipfile.ZipFile(path, "w", **how) as archive:
        for other, part in {**parts, name: pickled or parts[name]}.items():
            archive.writestr(other, part)
    return path


class Runs:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch ran",)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: of_pickle(path, LISTS + b"."),
        lambda path: of_pickle(path, b"\x80\x04}" + TUPLES[2:] + b"Ns."),
        lambda path: of_pickle(path, pickle.dumps(Runs())),
        lambda path: of_pickle(path, b"\x80\x02cbuiltins\nbytearray\n(L99999999999L\ntR."),
        lambda path: of_pickle(path, b"", compression=zipfile.ZIP_DEFLATED),
        lambda path: torch.save(HONEST, path, _use_new_zipfile_serialization=False),
        lambda path: path.write_bytes(pickle.dumps(HONEST)),
    ],
)
def test_files_of_other_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "model.pt")
    with pytest.raises(CrispError, match=r"model\.pt: model cannot be read"):
        checkpoints.load_model(tmp_path / "model.pt", CPU)
    assert list(tmp_path.iterdir()) == [tmp_path / "model.pt"]


def test_every_key_that_a_training_writes_has_a_rule() -> None:
    for part in ("detection", "training"):
        assert HONEST[part].keys() == schema.schema()["properties"][part]["properties"].keys()
    torch_files.check(HONEST)
    torch_files.check(HONEST, "/$defs/complete")


@pytest.mark.parametrize(
    "key", ["normalisation", "decision", "training", "preparation/width", "preparation/fps"]
)
def test_what_inference_needs(tmp_path: Path, key: str) -> None:
    saved = changed()
    *outer, last = key.split("/")
    del (saved[outer[0]] if outer else saved)[last]
    assert f"'{last}' is a required property" in refused(tmp_path / "model.pt", saved)
