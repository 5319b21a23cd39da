"""Format numbers in messages."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    Parameters
    ----------
    number : int
        Printed with thousands separators.
    noun : str
        In the singular.
    plural : str
        If not formed with an s.

    Returns
    -------
    str
        ``1 video``, ``1,200 videos``.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def few(names: Sequence[str], most: int) -> str:
    """Return the first `most` of many names: ``a, b and 1,000 more``."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def percent(value: float | None, spread: float | None = None) -> str:
    """Format a share in per cent, with its spread if there is one; a dash for None."""
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if spread is None else f"{100 * value:.1f} ± {100 * spread:.1f}"
