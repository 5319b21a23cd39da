"""Tables as self-contained HTML pages: light or dark, for the report and phones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from crisp.core.files import replacing

# Headings of text columns; all other columns hold numbers, aligned right.
WORDS = {
    "Variant",
    "Split",
    "Decision",
    "Class",
    "First",
    "Second",
    "Method",
    "Backend",
    "Versions",
    "Video",
    "Time",
    "Annotated",
    "Predicted",
    "Likely error",
    "Rule",
    "Longest job",
    "Part",
    "Key",
    "Value",
}
LONGEST_LINE = 16  # letters of a text cell that stay on one line
WIDE, FULL = 12, 26  # letters of a cell that takes two columns, or a whole line, on a narrow page
FEW_COLUMNS = 6  # fit on a tablet in portrait

# On a narrow page each row is a block of its cells, each below its heading.
NARROW = """  table.{size}, .{size} tbody {{ display: block; }}
  .{size} thead, .{size} td:empty {{ display: none; }}
  .{size} tr {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(6em, 1fr)); gap: .3em .9em;
    padding: .6em 0; border-bottom: 1px solid var(--line); }}
  .{size} .remarked {{ border: 0; padding-bottom: .2em; }}
  .{size} .remarked + tr {{ padding-top: 0; }}
  .{size} td {{ display: block; padding: 0; border: 0; text-align: left; }}
  .{size} td[data-name]::before {{ content: attr(data-name); display: block; font-size: .8em;
    color: var(--muted); white-space: normal; }}
  .{size} .wide {{ grid-column: span 2; }}
  .{size} .full, .{size} .remark {{ grid-column: 1 / -1; }}"""
STYLE = f""":root {{
  color-scheme: light dark;
  --ground: light-dark(#ffffff, #14181d);
  --text: light-dark(#19202b, #e7eaef);
  --muted: light-dark(#5a6575, #a3aebd);
  --line: light-dark(#dfe4ea, #323b47);
  --strong: light-dark(#8a94a3, #6b7685);
  --accent: light-dark(#1f5fd0, #7fa9ff);
  --alert: light-dark(#a33a08, #ffb27a);
}}
body {{ font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--ground);
  margin: clamp(1em, 3vw, 2em); }}
h1 {{ font-size: 1.25em; margin: 0 0 .3em; overflow-wrap: anywhere; }}
p {{ color: var(--muted); max-width: 60em; margin: 0 0 1.2em; overflow-wrap: anywhere; }}
a {{ color: var(--accent); }}
div {{ overflow-x: auto; margin: 0 0 1.6em; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; font-weight: 600; padding-bottom: .3em; }}
th, td {{ padding: .35em .55em; text-align: right; vertical-align: top;
  border-bottom: 1px solid var(--line); }}
th {{ vertical-align: bottom; border-bottom: 2px solid var(--strong); }}
th:first-child, td:first-child {{ padding-left: 0; }}
td {{ white-space: nowrap; }}
small {{ display: block; }}
.left {{ text-align: left; }}
.long {{ white-space: normal; overflow-wrap: anywhere; min-width: 9em; }}
.remarked td {{ border-bottom: 0; padding-bottom: 0; }}
.remark {{ text-align: left; white-space: normal; color: var(--alert); padding-top: 0; }}
@media (max-width: 34em) {{
{NARROW.format(size="few")}
}}
@media (max-width: 72em) {{
{NARROW.format(size="many")}
}}"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
<h1>{title}</h1>
<p>{note}</p>
{tables}
</html>
"""


class Link(NamedTuple):
    """A table cell that links to another page."""

    text: str
    target: str


Cells = Sequence[str | Link]


class Table(NamedTuple):
    """A table: `headings`, `rows` with one cell per heading, and `remarks` with one text per row or empty."""

    headings: Sequence[str]
    rows: Sequence[Cells]
    remarks: Sequence[str] = ()
    caption: str = ""


def write_page(
    path: str | Path,
    title: str,
    note: str,
    headings: Sequence[str],
    body: Iterable[Cells],
    remarks: Sequence[str] = (),
) -> None:
    """Write one table as an HTML page that needs no other files except those it links to.

    Parameters
    ----------
    path : path-like
        Page to write.
    title, note : str
        Its heading, and an introduction to the table.
    headings : sequence of str
        Headings in `WORDS` are for text columns, the others for numbers.
    body : iterable of sequences
        Cells of each row, as many as headings.
    remarks : sequence of str, optional
        A text for each row, printed on a separate line below it; empty for none.

    Raises
    ------
    CrispError
        If the file cannot be written (see :func:`crisp.core.files.replacing`).
    """
    write_tables(path, title, note, [Table(headings, list(body), remarks)])


def write_tables(path: str | Path, title: str, note: str, tables: Iterable[Table]) -> None:
    """Write several tables as one HTML page that needs no other files except those it links to.

    Parameters
    ----------
    path : path-like
        Page to write.
    title, note : str
        Its heading, and an introduction to the tables.
    tables : iterable of Table

    Raises
    ------
    CrispError
        If the file cannot be written (see :func:`crisp.core.files.replacing`).
    """
    page = PAGE.format(
        title=escape(title), note=escape(note), style=STYLE, tables="\n".join(map(_table, tables))
    )
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")


def _table(table: Table) -> str:
    size = "few" if len(table.headings) <= FEW_COLUMNS else "many"
    caption = f"<caption>{escape(table.caption)}</caption>\n" if table.caption else ""
    heads = "".join(f"<th{_class([*_side(name)])}>{escape(name)}</th>" for name in table.headings)
    remarks = table.remarks or [""] * len(table.rows)
    lines = [_row(table.headings, cells, remark) for cells, remark in zip(table.rows, remarks, strict=True)]
    return (
        f'<div><table class="{size}">\n{caption}<thead><tr>{heads}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody>\n</table></div>"
    )


def _row(headings: Sequence[str], cells: Cells, remark: str) -> str:
    line = "".join(_cell(name, cell) for name, cell in zip(headings, cells, strict=True))
    if not remark:
        return f"<tr>{line}</tr>"
    wide = f'<td class="remark" colspan="{len(headings)}">{escape(remark)}</td>'
    return f'<tr class="remarked">{line}</tr>\n<tr>{wide}</tr>'


def _cell(name: str, cell: str | Link) -> str:
    words = cell.text if isinstance(cell, Link) else cell
    sides = _side(name)
    content = escape(words)
    if not sides and " (" in words:  # the spread over folds is printed below that over seeds
        head, _, tail = content.partition(" (")
        content = f"{head} <small>({tail}</small>"
    if isinstance(cell, Link):
        content = f'<a href="{escape(cell.target)}" target="_blank">{content}</a>'
    # Keep a number with its unit, and the parts of a short name, on one line.
    long = ["long"] if sides and len(words) > LONGEST_LINE else []
    size = ["full"] if len(words) > FULL else ["wide"] if len(words) > WIDE else []
    return f'<td{_class([*sides, *long, *size])} data-name="{escape(name)}">{content}</td>'


def _side(heading: str) -> list[str]:
    return ["left"] if heading in WORDS else []


def _class(names: Sequence[str]) -> str:
    return f' class="{" ".join(names)}"' if names else ""
