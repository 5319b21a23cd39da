"""Labels in seconds land on the frames shown at these times, whatever the recording."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from crisp.core.errors import Fault
from crisp.preparation import video
from crisp.preparation.frames import extract_frames, read_times
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.importers import writer
from crisp.study.importers.discovery import AnnotatedInterval, Found, FoundVideo, Labels
from crisp.study.importers.presets import AUTO, Machine
from crisp.study.tables import read_videos
from tests import frame_coded

# Codec and ticks per second by container; the ticks of AVI are slots of frames, and empty ones null frames.
FORMS = {
    "avi": ("mpeg4", 0),
    "matroska": ("mpeg4", 1000),
    "mp4": ("libx264", 90_000),
    "mpegts": ("libx264", 90_000),
}
RATES = [Fraction(rate) for rate in (15, 24, 25, 30, 50, 60, 90)] + [Fraction(30000, 1001)]


def imported(
    folder: Path, name: str, seconds: list[tuple[float, float]], fps: float = 0
) -> tuple[list[Stroke], list[Fault]]:
    """The strokes of a video labelled in seconds, and the warnings of the import."""
    intervals = tuple(AnnotatedInterval(*bounds, "Hit", seconds=True) for bounds in seconds)
    found = Found([FoundVideo(name, labels=[Labels("classification", intervals=intervals)])])
    report = writer.Report("csv", folder)
    tables = folder / "tables"
    writer.write_dataset(
        found, folder, tables, folder / "link", False, AUTO, fps, lambda: Machine(1, False), no_cost, report
    )
    strokes = tables / "annotations" / "classification" / f"{Path(name).stem}.xml"
    return read_annotation(strokes), report.warnings


def no_cost(*_: object) -> None:
    """Of a study that nobody runs."""


@st.composite
def recordings(draw: st.DrawFn) -> tuple[str, Fraction, list[int]]:
    """A container, its tick, s, and time stamps in ticks: a rate, jitter, a late start, gaps."""
    form = draw(st.sampled_from(sorted(FORMS)))
    rate = draw(st.sampled_from(RATES))
    second = FORMS[form][1] or rate
    jitter = draw(st.sampled_from([0, 0.1, 0.4])) if form != "avi" else 0
    start = draw(st.sampled_from([0, 0.5, 1.234])) if form not in ("avi", "mpegts") else 0
    count = draw(st.integers(20, 60))
    gaps = draw(st.sets(st.integers(1, count - 1), max_size=3))
    ticks, slot = list[int](), 0.0
    for frame in range(count):
        slot += 1 + draw(st.floats(0.3, 20)) * (frame in gaps) if frame else 0
        late = draw(st.floats(0, jitter)) if frame else 0
        ticks.append(int(second * (Fraction(start) + Fraction(slot + late) / rate)))
    return form, 1 / Fraction(second), ticks


@settings(max_examples=30, deadline=None)
@given(recordings(), st.data())
def test_a_label_lands_on_the_frame_shown(
    recording: tuple[str, Fraction, list[int]], data: st.DataObject
) -> None:
    form, tick, ticks = recording
    shown = [float(tick * at) for at in ticks]
    with tempfile.TemporaryDirectory() as made:
        path = Path(made, "a.mp4")
        # Sound from the start, else a player would begin with the first picture.
        frame_coded.write(path, ticks, tick, FORMS[form][0], form, audio=ticks[0] > 0)
        numbers = [frame_coded.read(image) for image in video.frames(path)]
        begin = data.draw(st.integers(0, len(ticks) - 2))
        end = data.draw(st.integers(begin + 1, len(ticks) - 1))
        # In milliseconds, as most tools write them, and within the frame.
        at = [round(shown[frame], 3) for frame in (begin, end)]
        at += [0.6 * shown[frame] + 0.4 * shown[frame + 1] for frame in (begin, end - 1)]
        strokes, _ = imported(Path(made), path.name, [(at[0], at[1]), (at[2], at[1])])
        assert {numbers[stroke.begin] for stroke in strokes} == {begin}
        assert {stroke.end for stroke in strokes} == {end}
        extract_frames(path, Path(made, "frames.h5"))
        times = read_times(Path(made, "frames.h5"))
        assert [times.frame_at(time) for time in at] == [begin, end, begin, end - 1]


def test_what_is_done_is_reported(tmp_path: Path) -> None:
    ticks = [3000 * n for n in range(300)] + [900_000 + 3750 * n for n in range(60)]
    frame_coded.write(tmp_path / "a.mp4", ticks)
    strokes, warnings = imported(tmp_path, "a.mp4", [(9.0, 9.9), (11.0, 12.0)])
    assert strokes == [Stroke(270, 297, "Hit"), Stroke(324, 348, "Hit")]
    effect = "labels in seconds go by time stamps; frames are used in order at 30 frames per second"
    note = "variable frame rate, up to 14.8 frames off"
    assert f"{note}: {effect}" in [fault.what for fault in warnings]
    (row,) = read_videos(tmp_path / "tables" / "videos.tsv")
    assert (row.fps, row.timing) == (30, note)
    # Labels added later to a known video go by its time stamps as well.
    (tmp_path / "tables/annotations/classification/a.xml").unlink()
    assert imported(tmp_path, "a.mp4", [(11.0, 12.0)])[0] == [Stroke(324, 348, "Hit")]


def test_a_raw_stream_takes_the_given_rate(tmp_path: Path) -> None:
    frame_coded.write(tmp_path / "a.mjpeg", range(90), Fraction(1, 90), "mjpeg", "mjpeg")
    strokes, _ = imported(tmp_path, "a.mjpeg", [(0.5, 0.9)], fps=90)
    assert strokes == [Stroke(45, 81, "Hit")]
    (row,) = read_videos(tmp_path / "tables" / "videos.tsv")
    assert (row.fps, row.capture_fps) == (90, 90)
    assert row.timing == "no time stamps, frame rate as given"
