"""The page of a comparison of annotators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from crisp.core.html_table import Link, Picture, Table, write_tables
from crisp.core.words import counted
from crisp.report.agreement.annotated import Annotated
from crisp.report.agreement.comparison import Agreement, Coefficient, Spread
from crisp.report.agreement.disagreements import LEAST_BOUNDS, Disagreement, said

MOST_ROWS = 100  # disagreements on the page; the table holds all
MOST_PAIRS, MOST_CONFUSIONS = 50, 20
NOTHING = "–"


def write_agreement_page(
    path: str | Path,
    annotated: Annotated,
    agreement: Agreement,
    disagreements: Sequence[Disagreement],
    picture: Path,
    note: str,
    links: Mapping[int, str] | None = None,
) -> None:
    """Write the figures, the picture and the first `MOST_ROWS` disagreements as an HTML page.

    Parameters
    ----------
    path : path-like
        Page to write.
    annotated : Annotated
    agreement : Agreement
    disagreements : sequence of Disagreement
    picture : Path
        PNG file that the page shows.
    note : str
        What to do with the disagreements.
    links : mapping, optional
        URL of the viewer page of each disagreement, by rank.

    Raises
    ------
    CrispError
        If the page cannot be written.
    """
    unlisted = len(disagreements) - MOST_ROWS
    tables = [
        _overall(agreement),
        _pairs(agreement),
        _bounds(agreement),
        _people(agreement),
        _classes(agreement),
        _confusions(annotated, agreement),
        _disagreements(disagreements, links or {}, annotated.annotators),
    ]
    text = (
        f"{annotated.where}: {counted(len(annotated.annotators), 'annotator')}, "
        f"{counted(agreement.videos, 'video')} of two or more. Two strokes are the same if their temporal "
        f"intersection over union is at least {agreement.iou:g}. Kappa and alpha: "
        "1 = agreement, 0 = as by chance; in brackets the 95 % interval by bootstrap over videos. Of "
        "frames, no stroke is a category; of strokes, only those that both have are compared. "
        f"{note}{f' {unlisted:,} more disagreements are in disagreements.tsv.' if unlisted > 0 else ''}"
    )
    warnings = " ".join(f"{warning[:1].upper()}{warning[1:]}." for warning in annotated.warnings)
    caption = "Agreement beyond chance, and how each annotator deviates from the others"
    write_tables(
        path,
        "Agreement of the annotators",
        " ".join(filter(None, [text, warnings])),
        [table for table in tables if table.rows],
        [Picture(picture, caption)],
    )


def _figure(one: Coefficient) -> str:
    if one.value is None:
        return NOTHING
    return f"{one.value:.2f}" + (f" ({one.interval[0]:.2f} to {one.interval[1]:.2f})" if one.interval else "")


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} % ({count} of {of})" if of else NOTHING


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.1f} %"


def _spread(one: Spread | None) -> str:
    return f"{one.middle:+.0f} ({one.low:+.0f} to {one.high:+.0f})" if one else NOTHING


def _overall(agreement: Agreement) -> Table:
    rows = [
        [
            of.capitalize(),
            _figure(agreement.alpha[of]),
            _figure(agreement.fleiss[of]),
            _percent(agreement.alpha[of].agreed),
        ]
        for of in ("frames", "strokes")
    ]
    headings = ["Ratings", "Krippendorff's alpha", "Fleiss' kappa", "Agreeing pairs"]
    return Table(headings, rows, caption="All annotators")


def _pairs(agreement: Agreement) -> Table:
    headings = [
        "First",
        "Second",
        "Videos",
        "Strokes",
        "Of both",
        "Kappa of frames",
        "Kappa of classes",
        "Same class",
    ]
    rows = [
        [
            pair.first,
            pair.second,
            str(pair.videos),
            f"{pair.strokes[0]}, {pair.strokes[1]}",
            f"{pair.matched} ({_percent(pair.found)})",
            _figure(pair.frames),
            _figure(pair.classes),
            _percent(pair.classes.agreed),
        ]
        for pair in agreement.pairs[:MOST_PAIRS]
    ]
    return Table(headings, rows, caption="Pairs of annotators: Cohen's kappa")


def _bounds(agreement: Agreement) -> Table:
    headings = ["First", "Second", "Strokes", "Begin", "End"]
    rows = [
        [pair.first, pair.second, str(pair.matched), _spread(pair.begin), _spread(pair.end)]
        for pair in agreement.pairs[:MOST_PAIRS]
        if pair.begin
    ]
    caption = f"How much later the second one's bounds are, {agreement.unit}: median (5 to 95 %)"
    return Table(headings, rows, caption=caption)


def _people(agreement: Agreement) -> Table:
    headings = ["Annotator", "Videos", "Strokes", "Missed", "Alone", "Other class", "Begin", "End"]
    rows = [
        [
            one.name,
            str(one.videos),
            str(one.strokes),
            _share(one.missed, one.expected),
            _share(one.alone, one.strokes),
            _share(one.other_class, one.labelled),
            _spread(one.begin),
            _spread(one.end),
        ]
        for one in agreement.people
    ]
    caption = (
        "Each annotator and the others: missed of the strokes that more than half of the others have, "
        "strokes that nobody else has, another class than most of the others, bounds later than "
        f"their median, {agreement.unit}"
    )
    return Table(headings, rows, caption=caption)


def _classes(agreement: Agreement) -> Table:
    headings = ["Class", "Pairs", "Not a stroke for the other", "Same class", "Confused with", "Times"]
    rows = [
        [
            one.name,
            str(one.pairs),
            _share(one.missed, one.pairs),
            _share(one.same, one.pairs - one.missed),
            one.confused or NOTHING,
            str(one.confusions),
        ]
        for one in agreement.classes
    ]
    return Table(headings, rows, caption="Classes: each stroke of an annotator and each other annotator")


def _confusions(annotated: Annotated, agreement: Agreement) -> Table:
    counts = np.triu(agreement.confusion, 1)
    order = sorted(zip(*np.nonzero(counts), strict=True), key=lambda cell: -counts[cell])
    rows = [
        [annotated.classes[row], annotated.classes[column], str(counts[row, column])]
        for row, column in order[:MOST_CONFUSIONS]
    ]
    return Table(
        ["Class", "Confused with", "Times"], rows, caption="Most frequent confusions between annotators"
    )


def _disagreements(
    found: Sequence[Disagreement], links: Mapping[int, str], annotators: Sequence[str]
) -> Table:
    rows = []
    for one in found[:MOST_ROWS]:
        begin = f"frame {one.begin}" if one.seconds is None else f"{one.seconds:.2f} s"
        target = links.get(one.rank)
        words = "; ".join(f"{name}: {said(one, name)}" for name in annotators if name in one.strokes)
        rows.append(
            [
                str(one.rank),
                one.video,
                Link(begin, target) if target else begin,
                one.kind,
                words,
                _percent(one.agreeing),
                NOTHING if one.iou is None else f"{one.iou:.2f}",
            ]
        )
    caption = f"Disagreements, the most disputed first; bounds differ below an overlap of {LEAST_BOUNDS:g}"
    return Table(
        ["Rank", "Video", "Time", "Kind", "Annotated as", "Agreeing pairs", "Overlap"], rows, caption=caption
    )
