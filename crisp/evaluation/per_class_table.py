"""Write the page of per-class metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crisp.core.html_table import write_page
from crisp.core.words import percent


def per_class_table(path: str | Path, metrics: Mapping[str, Any], title: str = "Figures per class") -> None:
    """Write the metrics per class and super-class as a self-contained HTML page.

    Parameters
    ----------
    path : path-like
        Page to write.
    metrics : mapping
        Content of a ``metrics.json``.
    title : str
        Heading of the page.

    Raises
    ------
    CrispError
        If the file cannot be written (see `crisp.core.files.replacing`).
    """
    sets = {"": metrics, **metrics["super_classes"]}
    body = [
        [
            f"{of}: {name}" if of else name,
            str(figures["support"]),
            *(percent(figures[key]) for key in ("precision", "recall", "f1")),
        ]
        for of, every in sets.items()
        for name, figures in every["per_class"].items()
    ]
    accuracies = ", ".join(
        f"{percent(every['accuracy'])}{f' by super-class {of}' if of else ''} ({_between(every['interval'])})"
        for of, every in sets.items()
    )
    note = (
        f"Decision rule {metrics['decision']}; {metrics['n']} labelled strokes. Figures in %; "
        "– if undefined: no stroke of the class, or none predicted. "
        f"Accuracy, with its 95 % interval: {accuracies}. "
        f"Mean class recall {percent(metrics['mean_class_recall'])}. Class among the top "
        f"{', '.join(f'{k}: {percent(share)}' for k, share in metrics['top_k'].items())}."
    )
    write_page(path, title, note, ["Class", "Samples", "Precision", "Recall", "F1"], body)


def _between(interval: Sequence[float] | None) -> str:
    return "–" if interval is None else " to ".join(map(percent, interval))
