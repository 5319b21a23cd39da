"""`make clean` takes what CRISP made, and nothing that a person put beside it."""

from __future__ import annotations

import subprocess
from pathlib import Path

MAKEFILE = Path(__file__).parents[1] / "Makefile"
MADE = (
    "results/studies/s/study.json",
    "results/volumes/d/v/frames.h5",
    "data/demo/player-01.mp4",
    "data/demo/truth/player-01.npz",
    ".snakemake/log/x.log",
)
OWN = ("results/notes.txt", "results/thesis/plot.png", "data/demo/match-01.mp4", "data/lab/match.mp4")


def clean(folder: Path, *names: str) -> list[str]:
    """The files that are left of these."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    subprocess.run(["make", "-f", str(MAKEFILE), "clean"], cwd=folder, check=True, capture_output=True)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_a_person_put_there_stays(tmp_path: Path) -> None:
    assert clean(tmp_path, *MADE, *OWN) == sorted(OWN)


def test_empty_folders_go(tmp_path: Path) -> None:
    assert clean(tmp_path, *MADE) == []
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "data/demo").exists()
