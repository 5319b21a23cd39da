"""The command that goes on is CRISP's own, whatever a record says; nothing else is executed or ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
import yaml

from crisp.core import files
from crisp.core.errors import CrispError
from crisp.study import config, load
from crisp.workflow import recovery, run_record
from tests.lab import CONTENT
from tests.workflow.test_run_record import dead, put

ROOT = Path(__file__).parents[2]
STUDY = Path("study.yaml")
HARMLESS = "-j 2 --keep-going --retries 2 --until roi flow --resources gpu=1 mem_mb=4000 --quiet"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Study:
    monkeypatch.chdir(tmp_path)
    STUDY.write_text(yaml.safe_dump(CONTENT))
    return load.resolve_study(CONTENT)


def command(*arguments: str) -> list[str]:
    return recovery.command(replace(dead(), arguments=list(arguments)), STUDY)


@pytest.mark.usefixtures("tiny")
def test_command_is_built_anew() -> None:
    words = command("--configfile", "study.yaml", "--profile", "slurm", *HARMLESS.split())
    assert words[:5] == ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "study.yaml"]
    assert words[5:7] == ["--profile", str(ROOT / "profiles/slurm")]
    harmless = "--jobs 2 --retries 2 --until roi flow --quiet --resources gpu=1 mem_mb=4000"
    assert " ".join(words[7:]) == f"--keep-going --rerun-incomplete {harmless}"


@pytest.mark.usefixtures("tiny")
def test_targets_and_snakefile_of_our_own() -> None:
    words = command(
        "-s", str(ROOT / "Snakefile"), "results/a.h5", "--configfile", str(STUDY.absolute()), "-c", "all"
    )
    assert words[-4:] == ["--cores", "all", "--", "results/a.h5"]
    assert words[words.index("--profile") + 1] == "none"


def test_command_without_a_study_file_is_the_demos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert (
        recovery.command(replace(dead(), arguments=["-j", "2"]), Path("config/config.yaml"))[0] == "snakemake"
    )
    with pytest.raises(CrispError, match=r"expected: --configfile config/demo/models.yaml"):
        recovery.command(replace(dead(), arguments=["-j", "2"]), Path("config/demo/models.yaml"))


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    "words",
    [
        ["--configfile", "other.yaml"],
        ["--configfile", "study.yaml", "other.yaml"],
        ["-s", "evil.smk"],
        ["--snakefile", "Snakefile"],
        ["--profile", "evil"],
        ["--profile", "/tmp"],
        ["--profile", "../profiles/local"],
        ["--config", "study=x"],
        ["--directory", "/tmp"],
        ["--delete-all-output"],
        ["--jobscript", "evil.sh"],
        ["--wrapper-prefix", "file:evil"],
        ["--keep-goin"],
        ["--resources", "gpu=__import__('os').getpid()"],
        ["--default-resources", "mem_mb=[x for x in ()]"],
        ["--set-resources", "train:gpu=exit()"],
        ["--executor", "evil"],
        ["--logger", "evil"],
        ["-j", "2;ls"],
        ["--cores", "-1"],
        ["--", "--config=x"],
        ["-j", "2", "$(ls)"],
    ],
    ids=" ".join,
)
def test_what_is_not_taken_over(words: list[str]) -> None:
    Path("evil").mkdir()
    Path("evil/profile.yaml").touch()
    Path("Snakefile").touch()
    own = [] if "--configfile" in words else ["--configfile", "study.yaml"]
    with pytest.raises(
        CrispError, match=r"cannot be repeated from its record[\s\S]*crisp recover --no-run"
    ) as error:
        command(*own, *words)
    assert "Traceback" not in str(error.value)


def test_nothing_is_ended_where_the_command_cannot_be_built(tiny: config.Study) -> None:
    gone = replace(dead(), arguments=["--configfile", "other.yaml"])
    left = subprocess.Popen(["sleep", "600"], env={**os.environ, run_record.MARK: gone.mark})
    put(tiny, gone)
    try:
        with pytest.raises(CrispError, match="cannot be repeated"):
            recovery.recover(tiny, STUDY)
        assert left.poll() is None
        assert run_record.record(tiny).exists()
    finally:
        left.kill()


def test_recovery_ends_unlocks_and_unlocks(tiny: config.Study, capfd: pytest.CaptureFixture[str]) -> None:
    gone = replace(dead(), arguments=["--configfile", "study.yaml", "-j", "2"])
    left = subprocess.Popen(["sleep", "600"], env={**os.environ, run_record.MARK: gone.mark})
    put(tiny, gone)
    Path("videos.tsv").write_text((ROOT / "config/demo/videos.tsv").read_text())
    Path("annotations.tsv").write_text("video\tpath\ttask\tsplit\n")
    words = recovery.recover(tiny, STUDY)
    assert words == recovery.command(gone, STUDY)
    assert not psutil.pid_exists(left.pid)
    assert "1 of its jobs were still running" in capfd.readouterr().out
    assert not run_record.record(tiny).exists()
    assert recovery.recover(tiny, STUDY) is None


ALONE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def can_be_alone() -> bool:
    """Whether a test may have processes of its own, apart from those of the machine."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


PROGRAM = """
import os, subprocess, sys
others = [subprocess.Popen(["sleep", "60"], env={**os.environ, **more}) for more in ({}, {"CRISP_HEAD": ""})]
done = subprocess.run([sys.executable, "-m", "crisp.cli", "recover", "--study", "study.yaml"], timeout=50)
print(done.returncode, [other.poll() for other in others])
"""


@pytest.mark.skipif(not can_be_alone(), reason="needs the right to a namespace of processes of its own")
@pytest.mark.parametrize("mark", [None, "", 0, [], "a\n"])
def test_record_without_a_mark_ends_no_process(tiny: config.Study, mark: object) -> None:
    files.write_json(run_record.record(tiny), {**asdict(dead()), "mark": mark})
    program = PROGRAM.replace('"-m", "crisp.cli"', '"-c", "from crisp.cli import main; main()"')
    done = subprocess.run(
        [*ALONE, sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout.splitlines()[-1:] == ["1 [None, None]"], done.stderr
    assert "head.json, mark: not a record of a run" in done.stderr
    assert json.loads(run_record.record(tiny).read_text())["mark"] == mark
