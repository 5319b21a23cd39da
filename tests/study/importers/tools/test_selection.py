"""Which labels are strokes, whose, and of which class: by options of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core.errors import CrispError
from crisp.study.annotations import Stroke
from crisp.study.importers.tools.label_file import Event, LabelFile
from crisp.study.importers.tools.selection import Selection
from crisp.workflow import importing
from tests.study.importers.tools import rows, strokes, test_elan

pytestmark = pytest.mark.usefixtures("films")


def command(*options: str) -> str:
    test_elan.saved(test_elan.document(A=[(0, 400, "Hit")], B=[(200, 800, "Push")], C=[(0, 800, "talk")]))
    given = ["import", "films/labels.eaf", "--name", "tt", *options]
    done = CliRunner().invoke(application.app, given)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("tiers", [["--tier", "A", "--tier", "B"], ["--tier", "A, B"]])
def test_options(tiers: list[str]) -> None:
    command(*tiers, "--player-from", "tier", "--label-from", "label,tier")
    assert strokes() == [Stroke(0, 10, "Hit A", "A"), Stroke(5, 20, "Push B", "B")]


def test_without_options_all_is_taken_and_told() -> None:
    assert "the labels of 3 tiers are taken as strokes" in command()
    assert [one.label for one in strokes()] == ["Hit", "talk", "Push"]
    assert rows()["a.mp4"].group == ""


def test_the_options_of_no_selection() -> None:
    assert importing.selection() is None
    assert importing.selection([], "label", "subject", 0) is None
    assert importing.selection(["a,b", "c"], "", "none", 24) == Selection(
        ("a", "b", "c"), player_from="none", fps=24
    )


def test_an_unknown_tier_ends_with_one_message() -> None:
    with pytest.raises(
        CrispError, match="--tier: no label is in this tier\n    expected: one of A, B, C\n    found: D"
    ):
        command("--tier", "D")
    assert not Path("config").exists()


def test_parts_of_one_thing_are_joined_where_class_and_player_stay() -> None:
    parts = [(0, 5, "x", "1"), (5, 9, "x", "2"), (9, 12, "y", "2"), (13, 15, "y", "2")]
    events = [
        Event(begin, end, {"label": label, "who": who}, "track 0", seconds=False)
        for begin, end, label, who in parts
    ]
    file = LabelFile(Path("a.xml"))

    def bounds(**chosen: str) -> list[tuple[float, float]]:
        return [(one.begin, one.end) for one in Selection(**chosen).intervals(events, file)]  # type: ignore[arg-type]

    assert bounds() == [(0, 9), (9, 12), (13, 15)]
    assert bounds(player_from="who") == [(0, 5), (5, 9), (9, 12), (13, 15)]
    assert [one.end for one in Selection(fps=10).intervals(events, file)] == [0.9, 1.2, 1.5]


@pytest.mark.parametrize(
    ("begin", "end", "label", "reason"),
    [
        (1.0, 1.0, "A", "no end"),
        (2.0, 1.0, "A", "the end is before the begin"),
        (-2.0, -1.0, "A", "no end"),
        (0.0, 1e12, "A", "later than any video lasts"),
        (0.0, 1.0, " \n", "no class"),
        (0.0, 1.0, "A\x07", "control characters"),
        (0.0, 1.0, "A\ud800", "control characters"),
        (float("nan"), float("nan"), "A", "no time of its own"),
    ],
)
def test_what_is_no_stroke_is_counted(begin: float, end: float, label: str, reason: str) -> None:
    file = LabelFile(Path("a.eaf"))
    assert Selection().intervals([Event(begin, end, {"label": label}, "here")] * 3, file) == []
    (fault,) = file.faults
    assert fault.what.startswith("3 labels skipped: ")
    assert reason in fault.what
    assert fault.found == "here"
