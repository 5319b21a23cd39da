"""The workflow as a whole: the plan of a fresh clone, its profiles, and how faults end a run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from crisp.study import tables
from crisp.study.annotations import read_annotation, write_annotation
from tests.workflow.conftest import ROOT, Run, Study, environment

PARTS = ("Snakefile", "workflow", "config", "crisp", "profiles", "slurm")
RULES = {
    name
    for path in (ROOT / "workflow").rglob("*.smk")
    for name in re.findall(r"^ *rule (\w+):", path.read_text(), re.MULTILINE)
}
PROFILES = sorted((ROOT / "profiles").glob("*/*.yaml"))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder like a fresh clone: what is tracked, and no data, results or records."""
    for part in PARTS:
        (tmp_path / part).symlink_to(ROOT / part)
    return tmp_path


def snakemake(folder: Path, *arguments: str) -> Run:
    done = subprocess.run(
        ["snakemake", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Run(done.returncode, done.stdout + done.stderr)


def planned(run: Run) -> dict[str, int]:
    """Jobs per rule, of the table that Snakemake prints, or with a profile CRISP."""
    assert run.code == 0, run.text
    return {
        rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)(?:  .*)?$", run.text, re.MULTILINE)
    }


def made(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".snakemake", *PARTS}


def test_fresh_clone_plans_the_whole_demo(clone: Path) -> None:
    rows = tables.read_videos(ROOT / "config/demo/videos.tsv")
    count = sum(row.use for row in rows)
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    trainings = len(study["variants"]) * len(study["seeds"])
    jobs = planned(snakemake(clone, "-j", "8", "-n"))
    total = jobs.pop("total")
    assert jobs == {
        **dict.fromkeys(("demo", "frames", "flow", "roi"), count),
        **dict.fromkeys(("train", "evaluate", "detect"), trainings),
        "quality": 20,
        **dict.fromkeys(("strokes", "split", "training_samples", "normalisation", "summary", "all"), 1),
    }
    assert total == sum(jobs.values())
    assert made(clone) == set(), "a dry run leaves nothing"


def test_demo_of_all_models_plans_the_poses_of_its_truth(clone: Path) -> None:
    count = sum(row.use for row in tables.read_videos(ROOT / "config/demo/videos.tsv"))
    jobs = planned(snakemake(clone, "-j", "8", "-n", "--configfile", "config/demo/models.yaml"))
    assert (jobs["demo"], jobs["pose"], jobs["train"]) == (count, count, 18)


def test_one_file_can_be_asked_for(clone: Path) -> None:
    jobs = planned(snakemake(clone, "-n", "results/volumes/demo/player-01/flow/deepflow.h5"))
    assert jobs == {"demo": 1, "frames": 1, "flow": 1, "total": 3}


@pytest.mark.parametrize("profile", ["slurm", "profiles/node", "profiles/local"])
def test_profile_plans_from_the_root_of_the_clone(clone: Path, profile: str) -> None:
    run = snakemake(clone, "--profile", profile, "-n", "results/volumes/demo/player-01/frames.h5")
    assert planned(run) == {"demo": 1, "frames": 1, "total": 2}


def test_lint_is_clean(clone: Path) -> None:
    run = snakemake(clone, "--lint")
    assert run.code == 0, run.text
    assert "in a good condition" in run.text


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_profile_names_rules_that_exist(path: Path) -> None:
    profile = yaml.safe_load(path.read_text())
    for key in ("set-threads", "set-resources", "set-resource-scopes", "groups"):
        named = profile.get(key, {})
        named = named if isinstance(named, dict) else [item.split(":")[0].split("=")[0] for item in named]
        assert set(named) <= RULES, key


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_profile_leaves_it_to_the_rules_how_many_gpus_they_ask_for(path: Path) -> None:
    """A number there would replace `training.gpus`."""
    named = yaml.safe_load(path.read_text()).get("set-resources", {})
    assert not [rule for rule, resources in named.items() if "gpu" in resources]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study: tiny\nclases: []\n", "study.yaml, top level: unknown key"),
        ("study: [\n", "Config file is not valid JSON or YAML"),
        ("- 1\n", "Config file must be given as JSON or YAML with keys at top level"),
    ],
)
def test_bad_config_ends_at_once(study: Study, text: str, message: str) -> None:
    (study.folder / "study.yaml").write_text(text)
    run = study.run(check=False)
    assert run.code != 0
    assert message in run.text
    assert "Traceback" not in run.text
    assert not run.jobs
    assert not (study.folder / "results").exists()


def test_missing_table_ends_at_once(study: Study) -> None:
    (study.folder / "tables/videos.tsv").unlink()
    run = study.run(check=False)
    assert run.code != 0
    assert "tables/videos.tsv: table is missing" in run.text
    assert "Traceback" not in run.text


def test_numbers_with_an_exponent_are_taken(study: Study) -> None:
    """Snakemake reads the study with a loader of its own, which gives 1e-5 as a text."""
    text = (study.folder / "study.yaml").read_text()
    (study.folder / "study.yaml").write_text(text.replace("batch_size: 4", "learning_rate: 1e-5"))
    assert study.run("-n").jobs["train"] == 2


def test_every_fault_is_told_before_any_job(study: Study) -> None:
    (study.folder / "data/tiny/v2.mp4").unlink()
    study.xml("v1").write_text("<video")
    first, *rest = read_annotation(study.xml("v3"))
    write_annotation(study.xml("v3"), [first._replace(label="Offensive Forehand Hti"), *rest])
    run = study.run(check=False)
    assert run.code != 0
    for words in (
        "data/tiny/v2.mp4: video v2 is missing",
        "tables/annotations/v1.xml: not well-formed XML",
        "tables/annotations/v3.xml, action 1: unknown class",
        "remedy: did you mean 'Offensive Forehand Hit'?",
    ):
        assert words in run.text
    assert "Traceback" not in run.text
    assert not run.jobs
    assert not list(study.folder.glob("results/**/*.h5"))


def test_corrupt_video_fails_alone(study: Study) -> None:
    """A file that is the one in the table but cannot be decoded."""
    study.spoil("v2")
    wanted = [
        study.stage_file(video, stage).relative_to(study.folder).as_posix()
        for video in ("v1", "v2")
        for stage in ("frames.h5", "flow/dis.h5", "roi/dis.h5")
    ]
    run = study.run("--keep-going", *wanted, check=False)
    assert run.code != 0
    assert dict(run.jobs) == {"frames": 2, "flow": 1, "roi": 1}
    assert "failed: frames v2 (results/studies/tiny/logs/frames/v2.log)\n" in run.text
    assert run.text.count("failed: ") == 1
    assert study.stage_file("v1", "roi/dis.h5").exists()
    assert not study.stage_file("v2", "frames.h5").exists()
    log = (study.folder / "results/studies/tiny/logs/frames/v2.log").read_text()
    assert "data/tiny/v2.mp4" in log
    assert "SHA-256" not in log
    assert "Traceback" not in run.text + log
    assert "frames/v2.log" in run.text
