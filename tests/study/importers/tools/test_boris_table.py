"""Events as BORIS 7 and 8 export them, tabular and aggregated."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from crisp.study import importers
from crisp.study.annotations import Stroke
from tests.study.importers.tools import about, imported, refused, rows, strokes

pytestmark = pytest.mark.usefixtures("films")
TABULAR_7 = ["Time", "Media file path", "Total length", "FPS", "Subject", "Behavior", "Behavioral category"]
TABULAR_7 += ["Modifiers", "Comment", "Status"]
TABULAR_8 = ["Observation id", "Observation date", "Description", "Observation duration", "Observation type"]
TABULAR_8 += ["Source", "Time offset (s)", "Media duration (s)", "FPS", "Subject", "Behavior"]
TABULAR_8 += ["Behavioral category", "Modifier #1", "Modifier #2", "Behavior type", "Time", "Media file name"]
TABULAR_8 += ["Image index", "Image file path", "Comment"]
AGGREGATED_7 = ["Observation id", "Observation date", "Description", "Media file", "Total length", "FPS"]
AGGREGATED_7 += ["Subject", "Behavior", "Behavioral category", "Modifiers", "Behavior type", "Start (s)"]
AGGREGATED_7 += ["Stop (s)", "Duration (s)", "Comment start", "Comment stop"]
AGGREGATED_8 = ["Observation id", "Observation date", "Description", "Observation type", "Source"]
AGGREGATED_8 += ["Time offset (s)", "Coding duration", "Media duration (s)", "FPS (frame/s)", "Subject"]
AGGREGATED_8 += ["Observation duration by subject by observation", "Behavior", "Behavioral category"]
AGGREGATED_8 += ["Modifier #1", "Behavior type", "Start (s)", "Stop (s)", "Duration (s)", "Media file name"]
AGGREGATED_8 += ["Image index start", "Image index stop", "Comment start", "Comment stop"]
ONE = {"Source": "player #1:D:\\lab\\a.mp4|player #2:side.mp4", "Media duration (s)": "4.000|9.000"}
BOTH = {"Source": "player #1:a.mp4;day 2/Match é.mp4", "Media duration (s)": "4.000;2.000"}


def written(
    columns: list[str],
    *events: dict[str, str],
    name: str = "events.tsv",
    before: list[list[str]] | None = None,
    encoding: str = "utf-8",
) -> Path:
    path = Path("films", name)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerows([*(before or []), columns])
        writer.writerows([event.get(column, "") for column in columns] for event in events)
    return path


def state(label: str, status: str, time: str, subject: str = "", **more: str) -> dict[str, str]:
    """A row of either tabular export: their other columns differ."""
    about_it = {
        "Subject": subject,
        "Behavior": label,
        "Time": time,
        "Status": status,
        "Behavior type": status,
    }
    return {"Media file path": "/lab/a.mp4", **ONE, **about_it, **more}


def both(label: str, begin: str, end: str, subject: str = "", **more: str) -> dict[str, str]:
    """A row of either aggregated export."""
    about_it = {"Subject": subject, "Behavior": label, "Start (s)": begin, "Stop (s)": end}
    return {"Media file": "a.mp4", "Behavior type": "STATE", **ONE, **about_it, **more}


@pytest.mark.parametrize("name", ["events.tsv", "events.csv"])
@pytest.mark.parametrize("columns", [TABULAR_7, TABULAR_8])
def test_tabular(columns: list[str], name: str) -> None:
    before = [["Observation id", "game"], [], ["Player #1", "a.mp4"], ["independent variables"]]
    path = written(
        columns,
        state("Serve", "START", "0.400", "No focal subject"),
        state("Bounce", "POINT", "0.500"),
        state("Serve", "STOP", "0.800", "No focal subject"),
        state("Push", "START", "1.200", "Anna"),
        state("Serve", "START", "1.400"),
        state("Push", "STOP", "1.600", "Anna"),
        name=name,
        before=before if columns is TABULAR_7 else None,
    )
    assert importers.detect_layout(Path("films")) == importers.detect_layout(path) == "boris-events"
    report = imported(path)
    assert [one._replace(player="") for one in strokes()] == [Stroke(10, 20, "Serve"), Stroke(30, 40, "Push")]
    (fault,) = about(report, "2 labels skipped: no end (a point event)")
    first = 6 if columns is TABULAR_7 else 2
    assert fault.found == f"line {first + 1}, line {first + 4}"


@pytest.mark.parametrize("columns", [AGGREGATED_7, AGGREGATED_8])
def test_aggregated(columns: list[str]) -> None:
    report = imported(
        written(
            columns,
            both("Serve", "0.400", "0.800", "Anna", **{"Modifiers": "Topspin", "Modifier #1": "Topspin"}),
            both("Push", "1.200", "1.600", "Ben"),
            both("Bounce", "2.0", "2.0") | {"Behavior type": "POINT"},
            both("Bounce", "NA", "NA"),
        ),
        label_from=("label", "modifiers"),
    )
    assert strokes() == [Stroke(10, 20, "Serve Topspin", "Anna"), Stroke(30, 40, "Push", "Ben")]
    assert about(report, "1 label skipped: no end (a point event)")
    assert about(report, "1 label skipped: no time of its own")


def test_videos_that_follow_each_other() -> None:
    rows_8 = [both("Serve", "0.400", "0.800", **BOTH), both("Push", "4.400", "4.800", **BOTH)]
    imported(written(AGGREGATED_8, *rows_8))
    assert strokes("a") == [Stroke(10, 20, "Serve")]
    assert strokes("Match") == [Stroke(10, 20, "Push")]


def test_version_7_does_not_know_the_lengths_of_videos() -> None:
    second = {"Media file": "Match é.mp4"}
    path = written(AGGREGATED_7, both("Serve", "0.4", "0.8"), both("Push", "4.4", "4.8", **second))
    refused(
        path, "lengths of the videos that follow each other are not known[\\s\\S]*import the BORIS project"
    )


def test_observations_of_their_own_videos() -> None:
    one, two = {"Observation id": "one"}, {"Observation id": "two", "Media file": "MATCH É.mp4"}
    imported(
        written(AGGREGATED_7, both("Serve", "0.4", "0.8", **one), both("Push", "0.4", "0.8", **two)),
        player_from="observation",
    )
    assert {path: row.group for path, row in rows().items()} == {"a.mp4": "one", "day 2/Match é.mp4": "two"}


def test_live_observations_have_no_video() -> None:
    live = {"Media file": "NA", "Observation id": "live"}
    report = imported(written(AGGREGATED_7, both("Serve", "0.4", "0.8"), both("Push", "0.4", "0.8", **live)))
    assert about(report, "1 label skipped: no video file")[0].found == "line 3"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    imported(written(AGGREGATED_7, both("Défense", "0.4", "0.8"), encoding=encoding))
    assert strokes() == [Stroke(10, 20, "Défense")]


def test_ten_thousand_events() -> None:
    events = [both("Push", f"{n / 2500:.4f}", f"{n / 2500 + 0.3:.4f}", str(n % 5)) for n in range(10_000)]
    imported(written(AGGREGATED_8, *events))
    assert len(strokes()) > 400


def test_faults_name_their_lines() -> None:
    path = written(AGGREGATED_7, both("Serve", "soon", "0.8"), both("Serve", "0.4", "0.8"))
    refused(path, "films/events.tsv, line 2: bad start \\(s\\)[\\s\\S]*'soon'")
    path.write_text(path.read_text() + "a\tb\n")
    refused(path, "films/events.tsv, line 4: wrong number of cells")
    path.write_text("Subject,Behavior\n")
    refused(path, "table of BORIS events cannot be read", layout="boris-events")
    path.write_bytes(b"")
    refused(path, "an empty file", layout="boris-events")
