"""How long the rest of a run takes."""

from __future__ import annotations

import pytest

from crisp.workflow.time_left import TimeLeft


def test_the_mean_of_finished_jobs_counts() -> None:
    left = TimeLeft({"frames": 4}, {})
    assert left.seconds(0) is None
    left.finished("frames", 2)
    left.finished("frames", 4)
    assert left.seconds(6) == 2 * 3


def test_a_rule_without_finished_jobs_counts_by_what_is_expected_here() -> None:
    left = TimeLeft({"frames": 2, "train": 1}, {"frames": 10, "train": 100})
    left.finished("frames", 5)  # twice as fast as expected
    assert left.seconds(5) == 5 + 50


def test_a_rule_that_nobody_expects_counts_as_the_shortest() -> None:
    left = TimeLeft({"frames": 1, "split": 1}, {"frames": 10, "train": 100})
    left.finished("frames", 10)
    assert left.seconds(10) == 10


def test_jobs_beside_each_other() -> None:
    left = TimeLeft({"frames": 6}, {})
    for _ in range(2):
        left.finished("frames", 4)
    assert left.seconds(4) == 4 * 4 / 2


def test_trainings_run_one_at_a_time() -> None:
    left = TimeLeft({"frames": 4, "train": 2}, {"frames": 4, "train": 40}, ["train"])
    for _ in range(4):
        left.finished("frames", 4)
    assert left.seconds(4) == 2 * 40


def test_what_runs_is_partly_done() -> None:
    left = TimeLeft({"frames": 1, "train": 1}, {"frames": 1, "train": 60}, ["train"])
    left.finished("frames", 1)
    assert left.seconds(21, [("train", 20)]) == pytest.approx(40)
    assert left.seconds(101, [("train", 100)]) == 0
