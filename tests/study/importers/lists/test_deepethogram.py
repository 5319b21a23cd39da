"""Tables of DeepEthogram, which pandas writes: a row for each frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crisp.core.errors import CrispError
from crisp.study.annotations import Stroke
from crisp.workflow import importing
from tests.study.importers.lists.conftest import Clips
from tests.study.importers.lists.imported import labels


def table(rows: dict[str, list[int]]) -> pd.DataFrame:
    busy = np.array(list(rows.values())).max(axis=0)
    return pd.DataFrame({"background": np.where(busy < 0, -1, 1 - busy), **rows})


SERVE = [1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0]
DRIVE = [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1]


def test_runs_of_frames_are_strokes(clips: Clips) -> None:
    folder = clips(["DATA/a/a.mp4", "DATA/b/b.avi"])
    table({"serve": SERVE, "drive": DRIVE}).to_csv(folder / "DATA/a/a_labels.csv")
    unlabelled = [-1] * 4 + SERVE[4:]
    table({"serve": unlabelled, "drive": [-1] * 4 + DRIVE[4:]}).to_csv(folder / "DATA/b/b_labels.csv")
    report = importing.import_dataset(folder, "tt")
    assert report.layout == "deepethogram"
    assert labels() == {
        ("DATA/a/a.mp4", ""): [
            Stroke(0, 2, "serve"),
            Stroke(3, 5, "drive"),
            Stroke(6, 9, "serve"),
            Stroke(10, 12, "drive"),
        ],
        ("DATA/b/b.avi", ""): [
            Stroke(0, 4, "Unknown"),
            Stroke(4, 5, "drive"),
            Stroke(6, 9, "serve"),
            Stroke(10, 12, "drive"),
        ],
    }
    assert "note: 4 frames not labelled (-1): their class is Unknown" in report.notes


def test_bad_cells(clips: Clips) -> None:
    folder = clips(["a.mp4"])
    path = folder / "a_labels.csv"
    table({"serve": SERVE}).to_csv(path)
    path.write_text(path.read_text().replace("\n5,1,0\n", "\n5,1,maybe\n"))
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt")
    (fault,) = error.value.faults
    assert (fault.where, fault.what, fault.found) == (f"{path}, line 7, column serve", "bad value", "'maybe'")


def test_rows_beyond_the_video(clips: Clips) -> None:
    folder = clips(["a.mp4"])
    table({"serve": [*SERVE, 0, 1, 1], "drive": [*DRIVE, 1, 0, 0]}).to_csv(folder / "a_labels.csv")
    warnings = importing.import_dataset(folder, "tt").warnings
    # One ends with the last frame and goes on, one begins after it.
    told = [one.what for one in warnings if "video" in one.what]
    assert told == ["1 label cut at the end of the video", "1 label left out, after the video"]
    assert labels()["a.mp4", ""][-1] == Stroke(10, 12, "drive")
