"""Estimate the remaining time of a run, from finished jobs and the planned times of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from statistics import mean


class TimeLeft:
    """Estimate the remaining time of a run.

    A rule with finished jobs in this run uses their mean. For other rules the expected seconds are
    scaled by the ratio of actual to expected times so far, as the expected times refer to another
    machine.

    Parameters
    ----------
    jobs : mapping of str to int
        Number of jobs of the run, by rule.
    expected : mapping of str to float
        Expected seconds per job, by rule; a missing rule counts as the shortest.
    alone : collection of str
        Rules whose jobs run one at a time, whatever the number of cores.
    """

    def __init__(
        self, jobs: Mapping[str, int], expected: Mapping[str, float], alone: Collection[str] = ()
    ) -> None:
        self._left = Counter(jobs)
        shortest = min(expected.values(), default=0.0)
        self._expected = {rule: expected.get(rule, shortest) for rule in jobs if expected}
        self._alone = frozenset(alone)
        self._took: dict[str, list[float]] = {}

    def finished(self, rule: str, seconds: float) -> None:
        """Record a finished job."""
        self._left[rule] -= 1
        self._took.setdefault(rule, []).append(seconds)

    def seconds(self, elapsed: float, running: Collection[tuple[str, float]] = ()) -> float | None:
        """Estimate the time to the end of the run.

        Parameters
        ----------
        elapsed : float
            Seconds since the first job started.
        running : collection of (str, float)
            Rule and elapsed seconds of the running jobs.

        Returns
        -------
        float or None
            Seconds; None if no job times are known.
        """
        together = alone = 0.0
        for rule, count in self._left.items():
            if count <= 0:
                continue
            each = self._each(rule)
            if each is None:
                return None
            # A job that takes longer than the mean counts as finished.
            done = sum(min(each, so_far) for name, so_far in running if name == rule)
            if rule in self._alone:
                alone += count * each - done
            else:
                together += count * each - done
        return together / self._beside(elapsed, running) + alone

    def _each(self, rule: str) -> float | None:
        if took := self._took.get(rule):
            return mean(took)
        known = [name for name in self._took if name in self._expected]
        hoped = sum(self._expected[name] * len(self._took[name]) for name in known)
        if rule not in self._expected or not hoped:
            return None
        return self._expected[rule] * sum(sum(self._took[name]) for name in known) / hoped

    def _beside(self, elapsed: float, running: Collection[tuple[str, float]]) -> float:
        """Return the average number of jobs run in parallel, at least one."""
        busy = sum(map(sum, self._took.values())) + sum(so_far for _, so_far in running)
        return max(1.0, busy / elapsed) if elapsed else 1.0
