"""Plot the agreement of annotators."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from crisp.core.plotting import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    annotate,
    heading,
    legend,
    line_height,
    picture,
    wrapped,
)
from crisp.report.agreement.comparison import Agreement, Coefficient, Person

MOST_PAIRS, MOST_PEOPLE = 12, 20  # more would make the picture too tall


def plot_agreement(path: str | Path, agreement: Agreement) -> None:
    """Plot agreement beyond chance with its intervals, and each annotator's deviations from the others.

    Parameters
    ----------
    path : path-like
        PNG file to write.
    agreement : Agreement
        Of many pairs, those with the lowest kappa of frames are shown; of many annotators the first.
    """
    pairs = sorted(agreement.pairs, key=lambda pair: 2 if pair.frames.value is None else pair.frames.value)
    rows = [("all (alpha)", agreement.alpha["frames"], agreement.alpha["strokes"])]
    rows += [
        (f"{pair.first}, {pair.second} (kappa)", pair.frames, pair.classes) for pair in pairs[:MOST_PAIRS]
    ]
    people = agreement.people[:MOST_PEOPLE]
    names = [name for name, *_ in rows] + [one.name for one in people]
    height = line_height(names, 0.36)
    sizes = [height * len(rows) + 0.9, height * len(people) * 1.3 + 0.9]
    with picture(path, 8.4, sum(sizes) + 0.6) as figure:
        heading(figure, "Agreement of the annotators")
        upper, lower = figure.subplots(2, 1, height_ratios=sizes)
        _coefficients(upper, rows)
        _people(lower, people)
        legend(figure, upper, lower)


def _coefficients(axes: Axes, rows: Sequence[tuple[str, Coefficient, Coefficient]]) -> None:
    for place, (_, frames, strokes) in enumerate(rows):
        for one, shift, colour, label in (
            (frames, -0.12, BLUE, "frames"),
            (strokes, 0.12, ORANGE, "classes of strokes of both"),
        ):
            if one.value is None:
                continue
            if one.interval:
                axes.plot(one.interval, [place + shift] * 2, color=colour)
            axes.plot(one.value, place + shift, "o", color=colour, label=label)
    _rows(axes, [name for name, *_ in rows])
    values = [one.value for _, *both in rows for one in both if one.value is not None]
    axes.set_xlim(
        min([0, *values, *(low for _, *both in rows for one in both for low in one.interval or [])]), 1.02
    )
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel("Agreement beyond chance, with 95 % interval over videos")
    if not values:
        annotate(axes, "not defined")


def _people(axes: Axes, people: Sequence[Person]) -> None:
    bars = (
        ("missed", BLUE, [(one.missed, one.expected) for one in people]),
        ("alone", GREEN, [(one.alone, one.strokes) for one in people]),
        ("other class", ORANGE, [(one.other_class, one.labelled) for one in people]),
    )
    for number, (label, colour, counts) in enumerate(bars):
        places = [place + 0.25 * (number - 1) for place in range(len(people))]
        shares = [count / of if of else 0 for count, of in counts]
        axes.barh(places, shares, 0.22, color=colour, label=label)
    _rows(axes, [one.name for one in people])
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_xlabel("Strokes that differ from those of the other annotators")


def _rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), wrapped(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
