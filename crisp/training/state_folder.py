"""The folder of a training's resume state: which files belong to it and may be overwritten or deleted.

The folder can be set by hand (``crisp train --state``), so it may contain other files.
"""

from __future__ import annotations

import re
from pathlib import Path

from crisp.core.errors import fail
from crisp.core.files import TEMPORARY
from crisp.core.unreadable import made_by_workflow
from crisp.training import checkpoints

SAVED = r"(last|best|best-[0-9]+)\.pt"
OWN = re.compile(rf"({SAVED}|history\.csv|curves\.png)({TEMPORARY})?")
BEST = re.compile(r"best-[0-9]+\.pt")


def check(state: Path) -> None:
    """Reject a folder with other files.

    Raises
    ------
    CrispError
        If it is outside the workflow's results, not empty, and holds anything but a training state.
    """
    if made_by_workflow(state / "last.pt") or not state.exists():
        return
    found = sorted(state.iterdir()) if state.is_dir() else [state]
    strange = [path.name for path in found if not OWN.fullmatch(path.name)]
    whole = [path for path in found if not re.search(f"{TEMPORARY}$", path.name)]
    if whole and not strange and not any(map(checkpoints.of_training, whole)):
        strange = ["no file that a training has saved"]
    if strange:
        raise fail(
            state,
            "holds other files than the state of a training",
            "an empty or missing folder, or one that crisp train made",
            ", ".join(strange[:5]),
            "choose another --state",
        )


def bests(state: Path) -> list[Path]:
    """Return the files of best weights."""
    return [path for path in state.glob("best-*.pt") if BEST.fullmatch(path.name)]


def clear(state: Path) -> None:
    """Delete all files of the state; checkpoints go last, as the folder is no state without them."""
    own = [path for path in state.glob("*") if OWN.fullmatch(path.name)]
    for path in sorted(own, key=lambda path: (path.suffix == ".pt", path.name == "last.pt")):
        path.unlink(missing_ok=True)
