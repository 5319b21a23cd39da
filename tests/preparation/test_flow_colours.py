"""Flow as colours."""

from __future__ import annotations

import numpy as np
import pytest

from crisp.preparation.flow_colours import colour_wheel, flow_to_rgb


@pytest.mark.parametrize(
    ("vector", "colour"),
    [
        ((0, 0), (255, 255, 255)),
        ((2, 0), (255, 0, 0)),
        ((1, 0), (255, 128, 128)),
        ((9, 0), (255, 0, 0)),
        ((0, 2), (128, 255, 0)),
        ((-2, 0), (0, 255, 255)),
        ((0, -2), (128, 0, 255)),
    ],
)
def test_direction_is_hue_and_speed_saturation(
    vector: tuple[float, float], colour: tuple[int, int, int]
) -> None:
    found = flow_to_rgb(np.full((3, 4, 2), vector, np.float32), 2)
    assert (found.shape, found.dtype) == ((3, 4, 3), np.uint8)
    assert tuple(found[1, 2]) == colour


def test_wheel_shows_each_direction_where_it_points() -> None:
    wheel = colour_wheel(101)
    assert tuple(wheel[50, 100]) == (255, 0, 0, 255), "right"
    assert tuple(wheel[100, 50]) == (128, 255, 0, 255), "down"
    assert tuple(wheel[50, 50]) == (255, 255, 255, 255), "still"
    assert wheel[0, 0, 3] == 0, "transparent outside"
