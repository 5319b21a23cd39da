"""What is asked of SLURM; what it answers is tested on a real one, in ``tests/slurm``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from crisp.core.errors import CrispError
from crisp.workflow import slurm_preflight


class Resources(dict[str, Any]):
    """Snakemake's resources are read by key and by attribute."""

    __getattr__ = dict.__getitem__


def job(**resources: Any) -> SimpleNamespace:
    return SimpleNamespace(threads=4, resources=Resources(resources))


@pytest.mark.parametrize(
    ("resources", "options"),
    [
        ({"mem_mb": 8000, "runtime": 720}, {"--mem 8000", "-t 720", "--cpus-per-task=4"}),
        ({"gpu": 1}, {"--gpus=1"}),
        ({"gpu": 0, "gres": "gpu:1"}, {"--gres=gpu:1"}),
        ({"slurm_partition": "short", "slurm_account": "lab"}, {"-p short", "-A lab"}),
        ({"slurm_extra": "--requeue"}, {"--requeue"}),
    ],
)
def test_request_is_what_would_be_submitted(resources: dict[str, Any], options: set[str]) -> None:
    line = slurm_preflight.request(job(**resources), None)
    assert line.startswith("sbatch ")
    assert line.endswith(" --wrap true")
    assert {option for option in options if f" {option}" in line} == options
    assert ("--gpus" in line) == bool(resources.get("gpu"))


@pytest.mark.parametrize(
    ("memory", "advice"),
    [(8000, "evaluate:mem_mb=4000; a smaller size"), (3000, "")],
)
def test_refusal_says_what_was_asked_for(monkeypatch: pytest.MonkeyPatch, memory: int, advice: str) -> None:
    nodes = SimpleNamespace(stdout="main (cpus 4, MB 4000, gres gpu:1, time infinite)\n" * 3)
    monkeypatch.setattr(slurm_preflight, "_run", lambda _: nodes)
    asking = [
        SimpleNamespace(**vars(job(mem_mb=memory, disk_mb=100, runtime=120, gpu=1)), name="evaluate"),
        SimpleNamespace(**vars(job(mem_mb=1000, slurm_partition="short")), name="detect"),
    ]
    said = str(
        slurm_preflight._fault(
            "Requested node configuration is not available", asking, {"": {"mem_mb": 4000}}
        )
    )
    assert "rejects jobs of detect, evaluate\n" in said
    assert said.count("main (cpus 4, MB 4000") == 1
    assert (
        "not available. Asked for: detect: threads=4, mem_mb=1000, slurm_partition=short; "
        f"evaluate: threads=4, mem_mb={memory}, disk_mb=100, runtime=120, gpu=1\n" in said
    )
    assert ("--set-resources" in said) == bool(advice)
    assert advice in said


def test_without_slurm_it_says_where_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CrispError, match="no sbatch squeue scancel scontrol sinfo") as error:
        slurm_preflight.check_requests([], None)
    assert "login node" in str(error.value)


@pytest.mark.parametrize(
    ("command", "age", "accounting", "refused"),
    [
        ("squeue", 300, False, False),
        ("squeue", 60, False, True),
        ("squeue", 60, True, False),
        ("sacct", 300, False, True),
        ("sacct", 300, True, False),
    ],
)
def test_run_that_could_not_see_its_jobs_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, command: str, age: int, accounting: bool, refused: bool
) -> None:
    monkeypatch.setattr(slurm_preflight.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(slurm_preflight, "get_min_job_age", lambda: age)
    disabled = "Slurm accounting storage is disabled"
    monkeypatch.setattr(
        slurm_preflight,
        "_complaint",
        lambda line: disabled if line.startswith("sacct") and not accounting else "",
    )
    monkeypatch.setattr(slurm_preflight, "_limits", dict)
    settings = SimpleNamespace(status_command=command, init_seconds_before_status_checks=30)
    if not refused:
        assert slurm_preflight.check_requests([], settings) == {}
        return
    with pytest.raises(CrispError, match=r"when a job ends[\s\S]*squeue and a MinJobAge of at least 90 s"):
        slurm_preflight.check_requests([], settings)
