"""The flow method of an import goes by frame rate and width, and is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crisp.preparation import flow
from crisp.study.importers import flow_settings
from crisp.study.tables import VideoRow


def rows(*rates: float, step: int = 1) -> list[VideoRow]:
    return [VideoRow(f"v{rate}", "v.mp4", 1, 100, "0" * 64, rate, frame_step=step) for rate in rates]


def keys(width: int, method: str = "deepflow") -> dict[str, Any]:
    return {
        "preparation": {"width": width, "upscale": False},
        "defaults": {"size": [8, 8, 8], "flow": method},
    }


@pytest.mark.parametrize(
    ("given", "videos", "said"),
    [
        (keys(320), rows(30, 120), "30 frames per second"),
        ({}, rows(29.97), "29.97 frames per second"),
        (keys(320), rows(120, step=4), "30 frames per second"),
        (keys(128), rows(120), "128 px"),
        (keys(128), rows(0), "128 px"),
    ],
)
def test_deepflow_is_replaced_where_it_misses_fast_strokes(
    given: dict[str, Any], videos: list[VideoRow], said: str
) -> None:
    found = flow_settings.follow(given, videos, "quick")
    assert found["preparation"] == {
        **given.get("preparation", {}),
        "flow_methods": ["disfine"],
        "roi": {"threshold": 0.125},
        "stabilise": "auto",
    }
    assert found["defaults"] == {**given.get("defaults", {}), "flow": "disfine"}
    line = f"flow: {said}: DeepFlow misses fast strokes, taking disfine, see docs/flow.md"
    assert flow_settings.notes(found, videos) == [line]
    assert found["defaults"]["flow"] in flow.METHODS


@pytest.mark.parametrize(
    ("given", "videos"),
    [(keys(320), rows(120)), (keys(240), rows(100)), ({}, rows(0)), ({}, []), (keys(96, "dis"), rows(30))],
)
def test_other_methods_stay(given: dict[str, Any], videos: list[VideoRow]) -> None:
    expected = {**given, "preparation": {**given.get("preparation", {}), "stabilise": "auto"}}
    assert flow_settings.follow(given, videos, "quick") == expected
    assert flow_settings.notes(given, videos) == []


def test_the_published_method_stays_and_is_said() -> None:
    assert flow_settings.follow({}, rows(30), "published") == {}
    [line] = flow_settings.notes({}, rows(30))
    assert line.endswith("taken as published; disfine would follow them, see docs/flow.md")


def test_unused_videos_do_not_count() -> None:
    slow = replace(rows(30)[0], use=False)
    assert flow_settings.notes({}, [*rows(120), slow]) == []
