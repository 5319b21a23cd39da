"""The first part of a file as text, by which label files of a common suffix are recognised."""

from __future__ import annotations

from pathlib import Path

from crisp.study.importers.table_file import decoded

HEAD = 64 * 1024  # bytes


def head(path: Path, *suffixes: str) -> str:
    """Return the first part of a file with one of these suffixes; empty for others, and if it is no text."""
    if path.suffix.lower() not in suffixes or not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            return decoded(file.read(HEAD))[0]
    except (OSError, ValueError):
        return ""
