"""Text in tables that people open with a spreadsheet, where a name like ``=HYPERLINK(...)`` must stay a name.

An apostrophe before it makes it text, in what CRISP writes; what CRISP reads loses it again.
"""

from __future__ import annotations

FORMULAS = tuple("=+-@\t\r\n＝＋－＠")  # first characters that spreadsheets take for a formula's


def guarded(value: object) -> object:
    """A cell to write: text that a spreadsheet would compute is marked as text, numbers are as they are."""
    if isinstance(value, str) and value.lstrip("'").startswith(FORMULAS) and not _is_number(value):
        return f"'{value}"
    return value


def plain(cell: str) -> str:
    """The text of a cell as it was before `guarded`."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULAS) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
