"""The commands that ``crisp run`` and ``crisp report`` stand for, and what keeps them from being given."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest
import yaml

from crisp.core.errors import CrispError
from crisp.study.config import Study
from crisp.study.load import resolve_study
from crisp.workflow import run, run_record
from tests.workflow.test_plan import CONTENT

ROOT = Path(__file__).parents[2]
STUDY = Path("my/study.yaml")


def test_in_a_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    words = "snakemake --configfile my/study.yaml --profile profiles/local"
    assert run.command(STUDY) == words.split()
    words = "snakemake --configfile my/study.yaml --profile profiles/slurm --cores 4 -n --until roi"
    assert run.command(STUDY, "slurm", 4, ["-n", "--until", "roi"]) == words.split()


def test_elsewhere_the_clone_of_the_package_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Snakefile").write_text("rule other: shell: 'true'")  # of another workflow
    words = run.command(STUDY)
    assert words[words.index("--snakefile") + 1] == str(ROOT / "Snakefile")
    assert words[words.index("--profile") + 1] == str(ROOT / "profiles/local")


def test_no_clone_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "CLONE", tmp_path / "site-packages")
    with pytest.raises(CrispError, match=r"Snakefile: no CRISP workflow in this folder\n.*\n.*\n.*clone"):
        run.command(STUDY)


def test_profiles_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(run, "PROFILES", (tmp_path,))
    with pytest.raises(CrispError, match=r"(?s)profile is missing.*local, node, slurm.*found: our-site"):
        run.command(STUDY, "our-site")
    (tmp_path / "our-site").mkdir()
    assert "our-site" in run.command(STUDY, "our-site")
    assert str(tmp_path / "our-site") in run.command(STUDY, str(tmp_path / "our-site"))


def test_this_python_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/bin")
    assert run_record.environment()["PATH"].endswith(":/bin")
    assert (Path(run_record.environment()["PATH"].split(":")[0]) / "python").exists()


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    STUDY.parent.mkdir()
    STUDY.write_text(yaml.safe_dump(CONTENT))
    return resolve_study(CONTENT)


def on_record(study: Study, pid: int, started: float) -> None:
    """Put a head on record."""
    found = run_record.Head(os.uname().nodename, pid, started, [], "0" * 32, "", "")
    run_record.record(study).parent.mkdir(parents=True)
    run_record.record(study).write_text(json.dumps(asdict(found)))


def test_nothing_in_the_way(study: Study) -> None:
    run.check_free(study, STUDY)


def test_a_run_that_was_cut_off(study: Study) -> None:
    on_record(study, os.getpid(), 0.0)
    with pytest.raises(CrispError, match=r"(?s)was interrupted.*crisp recover --study my/study.yaml"):
        run.check_free(study, STUDY)


def test_a_run_that_goes_on(study: Study) -> None:
    on_record(study, os.getpid(), psutil.Process().create_time())
    with pytest.raises(CrispError, match="another run is in progress"):
        run.check_free(study, STUDY)
