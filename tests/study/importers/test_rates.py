"""One working frame rate for all videos of a study."""

from __future__ import annotations

import pytest

from crisp.study.importers import rates
from crisp.study.tables import VideoRow


def rows(*fps: float, **cells: object) -> list[VideoRow]:
    return [
        VideoRow(f"v{number}", f"v{number}.mp4", 1, 100, "0" * 64, rate, **cells)
        for number, rate in enumerate(fps)
    ]


@pytest.mark.parametrize(
    ("fps", "seconds", "rate", "steps"),
    [
        ([25, 25], 1, 25, [1, 1]),
        ([120, 120], 1, 30, [4, 4]),
        ([240], 1, 30, [8]),
        ([50], 1, 25, [2]),
        ([240], 0.1, 240, [1]),  # of a stroke of 24 frames half would be too few
        ([120], 0.3, 60, [2]),
        ([30, 60, 120], 1, 30, [1, 2, 4]),
        ([29.97, 30, 59.94], 1, 29.97, [1, 1, 2]),
        ([25, 30, 30], 1, 30, [1, 1, 1]),  # 25 is left, and told
    ],
)
def test_steps(fps: list[float], seconds: float, rate: float, steps: list[int]) -> None:
    new = rows(*fps)
    found = rates.working_rate(new, [], True, seconds)
    assert found == pytest.approx(rate)
    assert [rates.step(row, found) for row in new] == steps


def test_published_keeps_every_frame_of_the_slowest_cameras() -> None:
    new = rows(120, 240)
    rate = rates.working_rate(new, [], False, 1)
    assert [rates.step(row, rate) for row in new] == [1, 2]


def test_videos_that_are_added_follow_those_that_are_there() -> None:
    old = rows(120, frame_step=4)
    assert rates.working_rate(rows(60, 60), old, True, 1) == 30


def test_other_rates_are_told() -> None:
    new = rows(30, 30, 25, 60)
    (fault,) = rates.odd("videos.tsv", new, rates.working_rate(new, [], True, 1))
    assert (fault.where, fault.what) == ("videos.tsv, column fps", "videos of different frame rates")
    assert fault.found == "1 of 25 fps: v2"
    assert rates.odd("videos.tsv", rows(30, 29.97), 30) == []


def test_no_rate_is_known() -> None:
    new = rows(0)
    assert rates.working_rate(new, [], True, 1) == 0
    assert rates.step(new[0], 0) == 1
