"""Terminals and locales of other encodings: no command fails for a text that they cannot show."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from tests.cli.test_cli import VERBS, environment
from tests.lab import MakeVideo

LATIN = {"PYTHONIOENCODING": "iso-8859-1"}
ASCII = {"PYTHONIOENCODING": "ascii"}
C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # file names are ASCII as well
TERMINALS = pytest.mark.parametrize("terminal", [LATIN, ASCII, C], ids=["latin", "ascii", "C"])
ROWS = ["Rück.mp4,0,10,Rückhand", "Rück.mp4,20,30,Подача", "卓球.mp4,0,10,Rückhand", "卓球.mp4,20,30,Подача"]


def crisp(*arguments: str, **terminal: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "crisp", *arguments],
        env=environment(**terminal),
        capture_output=True,
        timeout=300,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    return done


@TERMINALS
def test_commands_of_a_data_set(
    terminal: dict[str, str], tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "Übung"
    for name in (unicodedata.normalize("NFD", "Rück.mp4"), "卓球.mp4"):
        make_video(folder / name, frames=50)
    rows = ["video,begin,end,label", *ROWS, "fehlt-ß.mp4,0,10,Подача"]
    (folder / "strokes.csv").write_text("\n".join(rows), encoding="utf-8")
    done = crisp("import", "Übung", "--name", "d", "--preset", "quick", **terminal)
    assert done.returncode == 0
    assert b"added: config/d/study.yaml" in done.stdout
    study = ("--study", "config/d/study.yaml")
    (Path("data/d") / "卓球.mp4").rename("data/d/weg.mp4")
    for verb in ("scan", "check"):
        done = crisp(verb, *study, **terminal)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b" is missing" in done.stderr
    done = crisp("check", "--json", *study, **terminal)
    faults = json.loads(done.stdout.decode("ascii"))["faults"]
    assert "data/d/卓球.mp4" in [fault["where"] for fault in faults]
    assert json.loads(crisp("doctor", "--json", **terminal).stdout.decode("ascii"))


@TERMINALS
def test_help_and_faults(terminal: dict[str, str]) -> None:
    done = crisp("check", "--study", "fehlt/übung.yaml", **terminal)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"crisp: fehlt/")
    done = crisp("--help", **terminal)
    assert done.returncode == 0
    assert all(f" {verb} ".encode() in done.stdout for verb in VERBS)


def test_names_are_shown_as_the_terminal_can() -> None:
    for terminal, shown in ((LATIN, b"\xfc"), (ASCII, b"\\xfc"), (C, b"\\xfc"), ({}, "ü".encode())):
        assert shown + b"bung.yaml: " in crisp("check", "--study", "fehlt/übung.yaml", **terminal).stderr
