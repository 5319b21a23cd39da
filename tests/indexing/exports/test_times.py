"""Times of exports: at each of them the video shows the frame, whatever its time stamps are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pandas as pd
import pympi
import pytest
import webvtt

from crisp.indexing.exports import boris, csv_table, elan, overlay_video
from crisp.indexing.exports import webvtt as subtitles
from crisp.preparation import frames
from crisp.study.index_file import IndexedVideo, IndexFile, read_index, write_index
from tests import frame_coded
from tests.indexing.exports import sample

BEGINS = [1, 2, 59, 60, 61, 79, 80, 81, 100, 148]


def read_csv(path: Path) -> list[float]:
    return pd.read_csv(path)["begin_seconds"].tolist()


def read_elan(path: Path) -> list[float]:
    found = pympi.Elan.Eaf(str(path)).get_annotation_data_for_tier("strokes")
    return sorted(begin / 1000 for begin, *_ in found)


def read_boris(path: Path) -> list[float]:
    (observation,) = json.loads(path.read_text())["observations"].values()
    return [event[0] for event in observation["events"][::2]]


def read_subtitles(path: Path) -> list[float]:
    clocks = [cue.start.split(":") for cue in webvtt.read(str(path))]
    return [3600 * int(hours) + 60 * int(minutes) + float(seconds) for hours, minutes, seconds in clocks]


EXPORTS = [
    (csv_table.write, read_csv),
    (elan.write, read_elan),
    (boris.write, read_boris),
    (subtitles.write, read_subtitles),
]


@pytest.fixture(scope="module", params=frame_coded.STAMPS)
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> IndexFile:
    """The index of a video of each kind, with one stroke at each of some frames."""
    folder = tmp_path_factory.mktemp("index")
    path = frame_coded.write_kind(folder / request.param)
    stage_file = folder / "frames.h5"
    source = frames.extract_frames(path, stage_file)
    source.stamps = frames.read_times(stage_file).stamps
    strokes = [sample.stroke(begin, begin + 1, sample.CLASSES[0], "", 0.7, 0.2, 0.1) for begin in BEGINS]
    about = IndexedVideo.of(path.stem, path, source)
    content = replace(sample.index(path, strokes=strokes, truth=[]), video=about)
    write_index(folder / "index.json", content)
    return read_index(folder / "index.json")


def pictures(path: Path) -> list[tuple[float, int]]:
    """The time of each picture and the number in it."""
    with av.open(str(path)) as container:
        return [
            (frame.time, frame_coded.read(frame.to_ndarray(format="rgb24")))
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize(("write", "read"), EXPORTS)
def test_begin_is_when_the_frame_is_shown(
    tmp_path: Path, index: IndexFile, write: Callable, read: Callable
) -> None:
    write(tmp_path / "export", index)
    drawn = pictures(Path(index.video.path))
    # The times of exports are rounded to milliseconds.
    shown = [max(n for time, n in drawn if time <= at + 0.0006) for at in read(tmp_path / "export")]
    assert shown == BEGINS


def test_index_has_times_only_where_the_rate_does_not_give_them(index: IndexFile) -> None:
    constant = index.video.id == "constant"
    assert ("times" in index.to_json()["video"]) is not constant
    stamps = frame_coded.STAMPS[Path(index.video.path).name]
    assert [index.times.time_of(n) for n in range(len(stamps))] == pytest.approx(stamps, abs=2e-5)
    assert index.video.duration == pytest.approx(index.times.time_of(len(stamps)), abs=0.0005)


def test_overlay_shows_each_frame_at_its_time(tmp_path: Path, index: IndexFile) -> None:
    overlay_video.write(tmp_path / "overlay.mp4", index)
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx(frame_coded.STAMPS[Path(index.video.path).name], abs=3e-5)
