"""Which flow jobs ask for a GPU."""

from __future__ import annotations

import re

import pytest

from tests.workflow.conftest import STUDY, Study


def flow_jobs(study: Study, **preparation: object) -> list[tuple[str, str, int, int]]:
    """(rule, method, GPUs, threads) of the flow jobs of a dry run."""
    study.configure(preparation={**STUDY["preparation"], **preparation})
    text = study.run("-n", "--cores", "4", "--until", "flow").text
    found = []
    for rule, job in re.findall(r"^(?:local)?rule (flow\w*):\n((?: +.*\n)+)", text, re.MULTILINE):
        threads = re.search(r"threads: (\d+)", job)
        found.append(
            (
                rule,
                re.search(r"method=(\w+)", job)[1],
                int(re.search(r"\bgpu=(\d+)", job)[1]),
                int(threads[1]) if threads else 1,
            )
        )
    return sorted(set(found))


@pytest.mark.parametrize(("backend", "gpus", "threads"), [("auto", 0, 1), ("opencv", 0, 1), ("gpu", 1, 2)])
def test_deepflow_alone_and_only_when_asked(study: Study, backend: str, gpus: int, threads: int) -> None:
    jobs = flow_jobs(study, flow_methods=["deepflow", "dis"], flow_backend=backend)
    assert jobs == [("flow", "deepflow", gpus, threads), ("flow", "dis", 0, 1)]


def test_parts_and_not_what_joins_them(study: Study) -> None:
    jobs = flow_jobs(study, flow_methods=["deepflow", "dis"], flow_backend="gpu", scatter_seconds=60 / 25 / 2)
    assert jobs == [
        ("flow", "deepflow", 0, 1),
        ("flow", "dis", 0, 1),
        ("flow_part", "deepflow", 1, 2),
        ("flow_part", "dis", 0, 1),
    ]
