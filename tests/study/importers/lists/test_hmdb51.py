"""Lists in the form of HMDB51, by its published description."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.workflow import importing
from tests.study.importers.lists.conftest import Clips
from tests.study.importers.lists.imported import classes, groups

NAMES = [
    f"{film}_{label}_u_nm_np1_fr_goo_{number}.avi"
    for label in ("brush_hair", "wave")
    for number, film in enumerate(("A&B#1", "Old_Film", "Old_Film", "Third"))
]


def folder_of(clips: Clips) -> Path:
    folder = clips(f"{'wave' if 'wave' in name else 'brush_hair'}/{name}" for name in NAMES)
    for label in ("brush_hair", "wave"):
        for split in (1, 2):
            parts = [2, 1, 1, 1] if split == 1 else [1, 1, 0, 2]
            listed = [name for name in NAMES if label in name]
            lines = [f"{name} {part} " for name, part in zip(listed, parts, strict=True)]
            (folder / f"{label}_test_split{split}.txt").write_text("\n".join(lines))
    return folder


def test_the_first_split(clips: Clips) -> None:
    report = importing.import_dataset(folder_of(clips), "tt")
    assert report.layout == "hmdb51"
    found = {path.split("/")[1]: both for path, both in classes().items()}
    assert {name: label for name, (label, _) in found.items()} == {
        name: "wave" if "wave" in name else "brush hair" for name in NAMES
    }
    assert {name for name, (_, split) in found.items() if split == "test"} == {NAMES[0], NAMES[4]}
    # Clips of one film are in one part.
    assert {found[NAMES[at]][1] for at in (1, 2, 5, 6)} | {found[NAMES[3]][1]} == {"train", "validation"}
    assert len({found[NAMES[at]][1] for at in (1, 2, 5, 6)}) == 1
    assert groups()[f"wave/{NAMES[5]}"] == "Old_Film"


def test_another_split_leaves_out_what_it_does_not_use(clips: Clips) -> None:
    folder = folder_of(clips)
    report = importing.import_dataset(folder / "wave_test_split2.txt", "tt")
    assert "note: 2 clips of no part of split 2 left out" in report.notes
    assert {path.split("/")[1] for path, (_, split) in classes().items() if split == "test"} == {
        NAMES[3],
        NAMES[7],
    }


def test_a_bad_line(clips: Clips) -> None:
    folder = folder_of(clips)
    path = folder / "wave_test_split1.txt"
    path.write_text("a.avi 3\n")
    with pytest.raises(CrispError, match=r"wave_test_split1.txt, line 1: bad line[\s\S]*0, 1 or 2"):
        importing.import_dataset(folder, "tt")
