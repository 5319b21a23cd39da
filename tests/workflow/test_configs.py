"""The studies that ship as config: they can be planned, and nothing but the videos is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from crisp.evaluation.detection import kernel_frames
from crisp.study.load import load_study, resolve_study
from crisp.workflow import importing
from tests.workflow.conftest import ROOT, environment
from tests.workflow.test_workflow import clone, planned, snakemake

__all__ = ["clone"]
TTSTROKE = ["config/ttstroke21-published.yaml", "config/ttstroke21-recommended.yaml"]
SHIPPED = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "config").glob("**/*.yaml"))


@pytest.fixture
def campaign(clone: Path, make_video, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a data set in the campaign's layout of 2020, one video a set, imported as documented."""
    config = clone / "config"
    config.unlink()
    shutil.copytree(ROOT / "config", config)
    classes = yaml.safe_load((clone / TTSTROKE[0]).read_text())["classes"]
    data = clone / "data/ttstroke21"
    for number, part in enumerate(("train", "validation", "test")):
        make_video(data / f"videos/{number}.mp4", frames=300, fps=120, seed=number)
        actions = "".join(
            f'<action begin="{2 * index}" end="{2 * index + 2}" move="{name}"/>'
            for index, name in enumerate(classes[1:])
        )
        xml = data / f"classificationTask/{part}/{number}.xml"
        xml.parent.mkdir(parents=True)
        xml.write_text(f"<video>{actions}</video>")
    monkeypatch.chdir(clone)
    importing.import_dataset(Path("data/ttstroke21"), "ttstroke21", Path("config"), preset="published")
    return clone


@pytest.mark.parametrize(("config", "trainings"), [(TTSTROKE[0], 9), (TTSTROKE[1], 27)])
def test_ttstroke21_is_planned_after_the_import(campaign: Path, config: str, trainings: int) -> None:
    jobs = planned(snakemake(campaign, "-n", "--configfile", config))
    assert (jobs["frames"], jobs["flow"], jobs["train"]) == (3, 3, trainings)
    checked = subprocess.run(
        ["crisp", "check", "--study", config],
        cwd=campaign,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("config", TTSTROKE)
def test_ttstroke21_has_all_models_once_poses_are_uncommented(config: str) -> None:
    text = (ROOT / config).read_text()
    uncommented = re.sub(r"^( +)# (poses: \S+ #|- \{)", r"\1\2", text, flags=re.MULTILINE)
    loaded = resolve_study(yaml.safe_load(uncommented))
    published = {"rgb", "flow", "twin", "pose", "three-stream", "i3d"}
    assert {variant.model for variant in loaded.variants} == published
    assert len(loaded.variants) == 12
    assert all(variant.size == (100, 120, 120) for variant in loaded.variants)
    assert loaded.config["dataset"]["poses"] == "data/ttstroke21-poses"
    assert {loaded.training_of(loaded.variant(name)).weight_decay for name in ("twin", "i3d")} == {0.005}
    assert loaded.training_of(loaded.variant("three-stream")).weight_decay == 0.05


def test_published_optimisation_is_the_published_one() -> None:
    made = load_study(ROOT / TTSTROKE[0])
    twin = made.variant("twin")
    assert (twin.init, twin.double_softmax) == ("torch", True)
    settings = made.training_of(twin)
    assert (settings.learning_rate, settings.weight_decay, settings.batch_size) == (0.001, 0.005, 10)
    assert (settings.momentum, settings.nesterov, settings.optimiser) == (0.5, True, "sgd")
    windows = [kernel_frames(seconds, 120) for seconds in (made.detection.smoothing, made.detection.gaussian)]
    assert windows == [150, 201]


@pytest.mark.parametrize("config", [path for path in SHIPPED if path not in TTSTROKE])
def test_shipped_study_is_planned(clone: Path, config: str) -> None:
    loaded = load_study(ROOT / config)
    jobs = Counter(planned(snakemake(clone, "-n", "--configfile", config)))
    assert jobs["train"] == len(loaded.variants) * len(loaded.seeds)
    assert jobs["flow"] == len(loaded.used) * len(loaded.flow_methods)


def test_flow_study_is_complete() -> None:
    variants = load_study(ROOT / "config/flow-study.yaml").variants
    assert len({(one.model, one.flow, one.norm_method) for one in variants}) == len(variants) == 2 * 3 * 3
    assert all(one.name == f"{one.model}-{one.flow}-{one.norm_method}" for one in variants)
    groups = load_study(ROOT / "config/flow-study.yaml").flow_groups
    assert {model: len(group) for model, group in groups.items()} == {"flow": 9, "twin": 9}
