"""A missing config file of Snakemake is told in one message, where Snakemake shows a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.workflow import config_files

ROOT = Path(__file__).parents[2]
SNAKEFILE = str(ROOT / "Snakefile")


def test_snakemake_ends_with_the_message(tmp_path: Path) -> None:
    snakemake = [
        sys.executable,
        "-c",
        "import sys; sys.argv[0] = 'snakemake'; from snakemake.cli import main; main()",
    ]
    done = subprocess.run(
        [*snakemake, "--snakefile", SNAKEFILE, "-n", "--configfile", "none.yaml", "--cores", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("crisp: none.yaml: study file is missing")
    assert f"the path is relative to the working folder, {tmp_path}" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("option", ["--configfile", "--configfiles"])
@pytest.mark.parametrize("given", [["a.yaml"], ["a.yaml", "b.yaml", "-n"], [SNAKEFILE, "a.yaml"]])
def test_each_missing_file_is_told(option: str, given: list[str]) -> None:
    with pytest.raises(CrispError) as error:
        config_files.check(["/bin/snakemake", "-s", SNAKEFILE, "--cores", "2", option, *given])
    assert [fault.where for fault in error.value.faults] == [word for word in given if word.endswith(".yaml")]


@pytest.mark.parametrize(
    "words",
    [
        ["snakemake", "-s", SNAKEFILE, "--configfile", SNAKEFILE],
        ["snakemake", "-s", SNAKEFILE, "-n"],
        ["snakemake", "-s", "elsewhere/Snakefile", "--configfile", "none.yaml"],
        ["snakemake", "-s", SNAKEFILE, "--configfile"],
        ["pytest", "-s", SNAKEFILE, "--configfile", "none.yaml"],
        [],
    ],
)
def test_other_commands_pass(words: list[str]) -> None:
    assert config_files.look(words) is None
