"""Lists in the form of Kinetics, by its published description."""

from __future__ import annotations

import pandas as pd
import pytest

from crisp.core.errors import CrispError
from crisp.study.annotations import Stroke
from crisp.workflow import importing
from tests.study.importers.lists.conftest import Clips
from tests.study.importers.lists.imported import classes, labels

ROWS = [
    ("playing tennis", "--abcdefghi", 12, 22, "train"),
    ("playing tennis", "bbbbbbbbbbb", 0, 10, "train"),
    ("archery", "ccccccccccc", 3, 13, "train"),
    ("archery", "ddddddddddd", 3, 13, "validate"),
    ("archery", "eeeeeeeeeee", 3, 13, "test"),
]
TABLE = pd.DataFrame(ROWS, columns=["label", "youtube_id", "time_start", "time_end", "split"])


def names() -> list[str]:
    return [f"videos/{label}/{name}_{begin:06}_{end:06}.mp4" for label, name, begin, end, _ in ROWS]


def test_clips_and_their_splits(clips: Clips) -> None:
    folder = clips(names())
    TABLE.to_csv(folder / "kinetics.csv", index=False)
    report = importing.import_dataset(folder, "tt")
    assert report.layout == "kinetics"
    splits = ["train", "train", "train", "validation", "test"]
    assert classes() == {
        name: (row[0], split) for name, row, split in zip(names(), ROWS, splits, strict=True)
    }


def test_a_list_for_each_split(clips: Clips) -> None:
    folder = clips(names())
    for split, rows in TABLE.groupby("split"):
        rows.drop(columns="split").to_csv(folder / f"kinetics_{split}.csv", index=False)
    importing.import_dataset(folder, "tt")
    assert sorted(split for _, split in classes().values()) == ["test", *["train"] * 3, "validation"]


def test_uncut_videos(clips: Clips) -> None:
    folder = clips(["xxxxxxxxxxx.mp4"])
    rows = [("archery", "xxxxxxxxxxx", 0, 0.2, "train"), ("archery", "xxxxxxxxxxx", 0.28, 0.4, "train")]
    pd.DataFrame(rows, columns=TABLE.columns).to_csv(folder / "list.csv", index=False)
    importing.import_dataset(folder, "tt")
    assert labels() == {("xxxxxxxxxxx.mp4", ""): [Stroke(0, 5, "archery"), Stroke(7, 10, "archery")]}


def test_bad_lines(clips: Clips) -> None:
    folder = clips(names())
    TABLE.to_csv(folder / "kinetics.csv", index=False)
    with (folder / "kinetics.csv").open("a") as file:
        file.write("archery,x,5,5,train\narchery,x,5,soon,train\narchery,x,5,9,play\n")
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt")
    assert [(fault.where.rsplit(" ")[-1], fault.what) for fault in error.value.faults] == [
        ("7", "empty or negative interval"),
        ("8", "bad bound"),
        ("9", "unknown split"),
    ]
