"""The studies that ship as config: they can be planned, and nothing but the videos is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from crisp.study import config as study
from crisp.study.load import load_study, resolve_study
from crisp.workflow import importing
from tests.workflow.conftest import ROOT, environment
from tests.workflow.test_workflow import clone, planned, snakemake

__all__ = ["clone"]
TTSTROKE = "config/ttstroke21.yaml"
SHIPPED = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "config").glob("**/*.yaml"))


@pytest.fixture
def campaign(clone: Path, make_video, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a data set in the campaign's layout of 2020, one video a set, imported as documented."""
    config = clone / "config"
    config.unlink()
    shutil.copytree(ROOT / "config", config)
    classes = yaml.safe_load((config / "ttstroke21.yaml").read_text())["classes"]
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


def test_ttstroke21_is_planned_after_the_import(campaign: Path) -> None:
    jobs = planned(snakemake(campaign, "-n", "--configfile", TTSTROKE))
    assert (jobs["frames"], jobs["flow"], jobs["train"]) == (3, 3, 18)
    checked = subprocess.run(
        ["crisp", "check", "--study", TTSTROKE],
        cwd=campaign,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_ttstroke21_has_all_models_once_poses_are_uncommented() -> None:
    text = (ROOT / TTSTROKE).read_text()
    uncommented = re.sub(r"^( +)# (poses: \S+ #|- \{)", r"\1\2", text, flags=re.MULTILINE)
    loaded = resolve_study(yaml.safe_load(uncommented))
    assert {variant.model for variant in loaded.variants} == set(study.STREAMS)
    assert len(loaded.variants) == 9
    assert all(variant.size == (100, 120, 120) for variant in loaded.variants)
    assert loaded.config["dataset"]["poses"] == "data/ttstroke21-poses"


@pytest.mark.parametrize("config", [path for path in SHIPPED if path != TTSTROKE])
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
