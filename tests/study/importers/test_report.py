"""The report of an import names the command that imports the same with another preset."""

from __future__ import annotations

import shlex
from pathlib import Path

from crisp.study.importers.class_changes import parse
from crisp.study.importers.report import Report
from crisp.study.importers.tools.selection import Selection


def test_the_command_repeats_all_options() -> None:
    selection = Selection(tiers=("left", "right"), player_from="tier", fps=29.97)
    changes = parse(["fh drive=Forehand drive"], ["Comment"])
    options = ["--group", "^([a-z]+)-", *selection.options(), *changes.options()]
    command = Report("elan", Path("my clips"), options).command("club-full", "full")
    assert shlex.split(command) == [
        "crisp",
        "import",
        "my clips",
        "--name",
        "club-full",
        "--preset",
        "full",
        "--group",
        "^([a-z]+)-",
        "--tier",
        "left,right",
        "--player-from",
        "tier",
        "--label-fps",
        "29.97",
        "--map",
        "fh drive=Forehand drive",
        "--ignore",
        "Comment",
    ]


def test_usual_settings_are_not_repeated() -> None:
    assert Selection().options() == []
    assert parse([], []).options() == []
