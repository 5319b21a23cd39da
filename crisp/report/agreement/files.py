"""The files of a comparison of annotators, and what it prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crisp.core.files import write_json
from crisp.report.agreement.annotated import Annotated
from crisp.report.agreement.comparison import Agreement
from crisp.report.agreement.disagreements import Disagreement
from crisp.report.agreement.page import write_agreement_page
from crisp.report.agreement.plot import plot_agreement

TABLE, FIGURES, PICTURE, PAGE = "disagreements.tsv", "agreement.json", "agreement.png", "agreement.html"
ORIGINS = "merged_labels.tsv"
LINKED = (
    "Each linked time opens the viewer: correct the annotation there with the other annotator's strokes, "
    "save it, and add it to annotations.tsv as a row of the annotator adjudicated."
)
UNLINKED = "crisp agree makes this page with a link from each disagreement of a study to the viewer."


def write_agreement(
    folder: Path,
    annotated: Annotated,
    agreement: Agreement,
    disagreements: Sequence[Disagreement],
    links: Mapping[int, str],
) -> Path:
    """Write figures, picture and page.

    Parameters
    ----------
    folder : Path
    annotated : Annotated
    agreement : Agreement
    disagreements : sequence of Disagreement
    links : mapping
        URL of the viewer page of each disagreement, by rank.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    CrispError
        If a file cannot be written.
    """
    write_json(folder / FIGURES, figures(annotated, agreement))
    plot_agreement(folder / PICTURE, agreement)
    note = LINKED if links else UNLINKED
    write_agreement_page(folder / PAGE, annotated, agreement, disagreements, folder / PICTURE, note, links)
    return folder / PAGE


def figures(annotated: Annotated, agreement: Agreement) -> dict[str, Any]:
    """Return the content of ``agreement.json``, with the fields of `Agreement` and of `Annotated`."""
    parts = [name for name in Agreement._fields if name not in ("groups", "confusion")]
    return {
        "annotators": list(annotated.annotators),
        "alone": annotated.alone,
        "warnings": annotated.warnings,
        "class_names": list(annotated.classes),
        **{name: _plain(getattr(agreement, name)) for name in parts},
        "confusion": agreement.confusion.tolist(),
    }


def _plain(part: Any) -> Any:
    """Convert named tuples to dicts, and what holds them."""
    if hasattr(part, "_asdict"):
        return {name: _plain(value) for name, value in part._asdict().items()}
    if isinstance(part, dict):
        return {name: _plain(value) for name, value in part.items()}
    return [_plain(value) for value in part] if isinstance(part, list | tuple) else part


def summary_text(annotated: Annotated, agreement: Agreement, disagreements: Sequence[Disagreement]) -> str:
    """Return what a comparison found, in a few lines for a terminal.

    Parameters
    ----------
    annotated : Annotated
    agreement : Agreement
    disagreements : sequence of Disagreement

    Returns
    -------
    str
    """

    def of(name: str) -> str:
        value, bounds, *_ = agreement.alpha[name]
        if value is None:
            return "not defined"
        return f"{value:.2f}" + (f" ({bounds[0]:.2f} to {bounds[1]:.2f})" if bounds else "")

    lines = [
        f"{annotated.where}: {', '.join(annotated.annotators)}; videos of two or more: {agreement.videos}",
        f"Krippendorff's alpha: frames {of('frames')}, classes of strokes {of('strokes')}",
        f"disagreements: {len(disagreements)}",
    ]
    return "\n".join([*(f"warning: {warning}" for warning in annotated.warnings), *lines])
