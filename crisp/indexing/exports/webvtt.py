"""WebVTT: stroke names as subtitles for video players and web pages."""

from __future__ import annotations

from html import escape
from pathlib import Path

from crisp.core.files import replacing
from crisp.study.index_file import IndexFile


def write(path: Path, index: IndexFile) -> None:
    """Write the strokes of an index as subtitles: player, label, and the model's probability in percent."""
    time_of = index.times.time_of
    cues = [
        f"{number}\n{_time(time_of(one.begin))} --> {_time(time_of(one.end))}\n"
        f"{_voice(one.player)}{escape(one.label, quote=False)}{_sureness(one.probability)}\n"
        for number, one in enumerate(index.strokes, start=1)
    ]
    with replacing(path) as beside:
        beside.write_text("\n".join(["WEBVTT\n", *cues]), encoding="utf-8", newline="\n")


def _voice(player: str) -> str:
    """Return who is meant: as a voice, which few video players show, and in words."""
    return f"<v {player}>{player}: " if player else ""


def _sureness(probability: float | None) -> str:
    return "" if probability is None else f" {probability:.0%}"


def _time(seconds: float) -> str:
    """Format a time as ``01:02:03.004``."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
