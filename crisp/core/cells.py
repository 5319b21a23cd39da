"""Escape table cells for spreadsheets, where a name like ``=HYPERLINK(...)`` must stay a name.

An apostrophe before it marks it as text when CRISP writes; it is removed when CRISP reads.
"""

from __future__ import annotations

FORMULAS = tuple("=+-@\t\r\n＝＋－＠")  # first characters that spreadsheets interpret as a formula


def guarded(value: object) -> object:
    """Escape a cell: mark text that a spreadsheet would evaluate; leave numbers unchanged."""
    if isinstance(value, str) and value.lstrip("'").startswith(FORMULAS) and not _is_number(value):
        return f"'{value}"
    return value


def plain(cell: str) -> str:
    """Return the text of a cell as it was before `guarded`."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULAS) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
