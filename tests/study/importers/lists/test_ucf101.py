"""Lists in the form of UCF101, by its published description."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.study.load import load_study
from crisp.workflow import importing
from tests.study.importers.lists.conftest import Clips
from tests.study.importers.lists.imported import classes, groups

NAMES = [
    f"UCF-101/{name}/v_{name}_g{group:02}_c01.avi"
    for name in ("Archery", "Basketball")
    for group in range(1, 5)
]


@pytest.fixture
def folder(clips: Clips) -> Path:
    folder = clips(NAMES)
    lists = folder / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Archery\r\n2 Basketball\r\n")
    for number, tested in (("01", "g04"), ("02", "g01")):
        listed = [name.removeprefix("UCF-101/") for name in NAMES]
        train = [f"{name} {1 + ('Basketball' in name)}" for name in listed if tested not in name]
        (lists / f"trainlist{number}.txt").write_text("\r\n".join(train))
        (lists / f"testlist{number}.txt").write_text("\r\n".join(name for name in listed if tested in name))
    return folder


def test_the_first_split(folder: Path) -> None:
    report = importing.import_dataset(folder, "tt")
    assert report.layout == "ucf101"
    assert report.notes[:2] == [
        "note: split 01 of 01, 02 is taken; for another, import testlist02.txt",
        "note: the lists have no validation part; 2 groups of the training part are for validation",
    ]
    found = classes()
    assert {path: label for path, (label, _) in found.items()} == {name: name.split("/")[1] for name in NAMES}
    assert {path for path, (_, split) in found.items() if split == "test"} == {
        name for name in NAMES if "g04" in name
    }
    assert sorted(split for _, split in found.values()) == [
        *["test"] * 2,
        *["train"] * 4,
        *["validation"] * 2,
    ]
    assert groups()[NAMES[0]] == "v_Archery_g01"
    study = load_study("config/tt/study.yaml")
    assert (study.split_method, study.classes) == ("given", ("Archery", "Basketball"))
    assert importing.import_dataset(folder, "tt").added == []


def test_another_split_by_its_list(folder: Path) -> None:
    importing.import_dataset(folder / "ucfTrainTestlist" / "trainlist02.txt", "tt")
    assert {path for path, (_, split) in classes().items() if split == "test"} == {
        name for name in NAMES if "g01" in name
    }


def test_clips_that_are_not_there_are_counted(folder: Path) -> None:
    (folder / NAMES[3]).unlink()
    (warning,) = [one for one in importing.import_dataset(folder, "tt").warnings if "listed" in one.what]
    assert warning.what == "1 listed video is not there and not imported"
    assert warning.found == NAMES[3].removeprefix("UCF-101/")
    assert len(classes()) == 7


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("Archery/v_Archery_g01_c01.avi 2", "bad line"),
        ("v_Archery_g01_c01.avi", "bad line"),
        ("Basketball/v_Archery_g01_c01.avi 2", "is listed twice"),
    ],
)
def test_bad_lists(folder: Path, line: str, what: str) -> None:
    path = folder / "ucfTrainTestlist" / "trainlist01.txt"
    path.write_text(f"{path.read_text()}\n{line}\n")
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt")
    (fault,) = error.value.faults
    assert fault.where == f"{path}, line 7"
    assert what in fault.what
    assert not Path("config").exists()
