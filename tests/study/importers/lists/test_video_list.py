"""Lists of mmaction2 and PySlowFast: a video and its class in each line."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.workflow import importing
from tests.study.importers.lists.conftest import Clips
from tests.study.importers.lists.imported import classes

NAMES = [f"videos/my {label} {number}.mp4" for label in ("serve", "drive") for number in range(4)]


def lists(folder: Path, form: str = "{} {}", base: str = "") -> None:
    """Of each class, three clips to train and one to validate."""
    lines = [form.format(base + name, int("drive" in name)) for name in NAMES]
    (folder / "mine_train_list_videos.txt").write_text("\n".join(lines[0:3] + lines[4:7]))
    (folder / "mine_val_list_videos.txt").write_text("\n".join([lines[3], lines[7], ""]))


@pytest.mark.parametrize(
    ("form", "base"), [("{} {}", ""), ("{},{}", ""), ("{}\t{}", "/data/kinetics/"), ("{} {}", "C:\\clips\\")]
)
def test_lists_of_numbers(clips: Clips, form: str, base: str) -> None:
    folder = clips(NAMES)
    lists(folder, form, base)
    (folder / "label_map.txt").write_text("Serve\nDrive\n")
    report = importing.import_dataset(folder, "tt")
    assert report.layout == "video-list"
    assert {path: label for path, (label, _) in classes().items()} == {
        name: "Drive" if "drive" in name else "Serve" for name in NAMES
    }
    # The validation list of such data sets is what they report on.
    assert {path for path, (_, split) in classes().items() if split == "test"} == {NAMES[3], NAMES[7]}
    assert report.notes[:2] == [
        "note: the lists have no labelled test part; their validation part is the test part",
        "note: the lists have no validation part; 2 videos of the training part are for validation",
    ]


def test_classes_without_names_are_numbered(clips: Clips) -> None:
    folder = clips(NAMES)
    lists(folder)
    report = importing.import_dataset(folder, "tt")
    assert {label for label, _ in classes().values()} == {"class 0", "class 1"}
    assert any(fault.what == "classes have no names" for fault in report.warnings)


def test_one_list_of_names(clips: Clips) -> None:
    folder = clips(NAMES)
    (folder / "all.txt").write_text("\n".join(f"{name}, {name[10:15]}" for name in NAMES))
    importing.import_dataset(folder / "all.txt", "tt")
    assert set(classes().values()) == {("serve", ""), ("drive", "")}


def test_bad_lines(clips: Clips) -> None:
    folder = clips(NAMES)
    lists(folder)
    (folder / "label_map.txt").write_text("Serve\n")
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt")
    assert [fault.where.rsplit("/")[-1] for fault in error.value.faults] == [
        *(f"mine_train_list_videos.txt, line {line}" for line in (4, 5, 6)),
        "mine_val_list_videos.txt, line 2",
    ]
    assert error.value.faults[0].expected == "a video and its class, 0 to 0"


def test_other_texts_are_no_lists(clips: Clips) -> None:
    folder = clips(NAMES[:1])
    (folder / "notes.txt").write_text("Recorded on Monday.\nRain in the afternoon.\n")
    assert importing.import_dataset(folder, "tt").layout == "videos"
