"""Flow of an imported study: DeepFlow misses fast strokes where few pictures or pixels show them.

`benchmarks/flow_motion.py` measures it; docs/flow.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crisp.study import schema
from crisp.study.tables import VideoRow

RATE, WIDTH = 100.0, 240  # frames per second and px from which DeepFlow follows a fast hand
FAST = "disfine"
THRESHOLD = 0.125  # of the ROI: flow that is not smoothed away needs half of the usual
USUAL = "deepflow"  # as published, and the default


def follow(keys: dict[str, Any], rows: Sequence[VideoRow], preset: str) -> dict[str, Any]:
    """Take out the motion of moving cameras, and replace DeepFlow if it would miss fast strokes.

    Parameters
    ----------
    keys : dict
        Keys that the preset sets in a study.
    rows : sequence of VideoRow
        Rows of ``videos.tsv``.
    preset : str
        ``published`` keeps its keys.

    Returns
    -------
    dict
        Keys with changes.
    """
    if preset == "published":
        return keys
    preparation = {**keys.get("preparation", {}), "stabilise": "auto"}
    if _method(keys) != USUAL or not _missed(keys, rows):
        return {**keys, "preparation": preparation}
    return {
        **keys,
        "preparation": {**preparation, "flow_methods": [FAST], "roi": {"threshold": THRESHOLD}},
        "defaults": {**keys.get("defaults", {}), "flow": FAST},
    }


def notes(keys: dict[str, Any], rows: Sequence[VideoRow]) -> list[str]:
    """Return what an import says of the method: a line if DeepFlow misses, or would miss, fast strokes."""
    missed, chosen = _missed(keys, rows), _method(keys)
    if not missed or chosen not in (USUAL, FAST):
        return []
    taken = f"taking {FAST}" if chosen == FAST else f"taken as published; {FAST} would follow them"
    return [f"flow: {missed}: DeepFlow misses fast strokes, {taken}, see docs/flow.md"]


def _method(keys: dict[str, Any]) -> str:
    return str(keys.get("defaults", {}).get("flow", USUAL))


def _missed(keys: dict[str, Any], rows: Sequence[VideoRow]) -> str:
    """Return why DeepFlow misses fast strokes; empty if it does not, or no frame rate is known."""
    width = keys.get("preparation", {}).get("width", schema.defaults("preparation")["width"])
    fps = min((row.working_fps for row in rows if row.use and row.fps), default=RATE)
    if fps >= RATE and width >= WIDTH:
        return ""
    return f"{fps:.4g} frames per second" if fps < RATE else f"{width} px"
