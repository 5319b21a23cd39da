"""The workflow runs in a folder that is no clone: deployed by snakedeploy, or as a module by its path."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import ROOT, Run, Study, environment

MODULE = """
configfile: "{study}"

module crisp:
    snakefile: "{root}/Snakefile"
    config: config

use rule * from crisp
"""


def execute(folder: Path, *command: str, **variables: str) -> Run:
    """Run a command in a folder; it must succeed."""
    done = subprocess.run(
        command, cwd=folder, env={**environment(), **variables}, capture_output=True, text=True, timeout=300
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    return Run(done.returncode, text)


def of_the_demo(folder: Path) -> Run:
    """A dry run of the demo in a folder with nothing but a copy of its configuration."""
    shutil.copytree(ROOT / "config", folder / "config")
    return execute(folder, "snakemake", "-s", str(ROOT / "Snakefile"), "-n")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a clone of the repository")
def test_deployed_by_snakedeploy(tmp_path: Path) -> None:
    """The committed workflow, from where git finds it instead of on GitHub."""
    hosted, folder, plain = tmp_path / "hosted", tmp_path / "deployed", tmp_path / "plain"
    plain.mkdir()
    execute(tmp_path, "git", "clone", "--quiet", "--bare", str(ROOT), str(hosted / "lab/crisp"))
    execute(hosted / "lab/crisp", "git", "tag", "--force", "v0")
    git = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{hosted}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    source = "https://github.com/lab/crisp"
    execute(tmp_path, "snakedeploy", "deploy-workflow", source, str(folder), "--tag", "v0", **git)
    written = (folder / "workflow/Snakefile").read_text()
    assert 'github("lab/crisp", path="workflow/Snakefile", tag="v0")' in written
    jobs = execute(folder, "snakemake", "-n", **git).jobs
    assert jobs["frames"] == 22
    assert jobs == of_the_demo(plain).jobs


def test_as_a_module(study: Study) -> None:
    """Its jobs, and that they have the study as the run started with it."""
    (study.folder / "Snakefile").write_text(MODULE.format(study="study.yaml", root=ROOT))
    assert execute(study.folder, "snakemake", "-n").jobs == study.run("-n").jobs
    jobs = execute(study.folder, "snakemake", "-j", "2", "results/studies/tiny/strokes.tsv").jobs
    assert set(jobs) == {"frames", "strokes"}
    assert (study.folder / "results/studies/tiny/study.json").exists()


def test_catalog_has_the_files_of_standardized_usage() -> None:
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"]["report"] is True
    assert (ROOT / "workflow/Snakefile").exists()
    assert (ROOT / "config/README.md").exists()
    assert {"snakemake", "workflow"} <= set((ROOT / "README.md").read_text().lower().split())
