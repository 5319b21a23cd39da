"""Progress: lines in a log, a bar on a terminal, the items untouched."""

from __future__ import annotations

import pytest

from crisp.core import progress


def test_lines_in_a_log(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    assert list(progress.progress(iter("abc"), "frames", "game.mp4", 3)) == ["a", "b", "c"]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("game.mp4: 1 of 3 frames, ")
    assert lines[0].endswith(" left")
    assert lines[-1].startswith("game.mp4: 3 frames in ")
    assert len(lines) == 4


def test_a_short_job_logs_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.progress([], "frames", "none")) == []
    assert capsys.readouterr().err == "none: 0 frames in 0.0 s\n"


@pytest.mark.parametrize(
    ("unit", "singular"), [("epochs", "epoch"), ("blocks of 8 frames", "block of 8 frames")]
)
def test_one_of_a_unit(capsys: pytest.CaptureFixture[str], unit: str, singular: str) -> None:
    assert list(progress.progress("a", unit, "job")) == ["a"]
    assert capsys.readouterr().err.startswith(f"job: 1 {singular} in ")


def test_slow_work_is_told_in_seconds_an_item(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 40.0, 50.0, 51.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(progress.progress(range(2), "epochs", "twin")) == [0, 1]
    assert capsys.readouterr().err.splitlines() == ["twin: 1 epoch, 40.0 s each", "twin: 2 epochs in 51.0 s"]


def test_time_left(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 30.0, 31.0, 32.0, 33.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert len(list(progress.progress(range(3), "epochs", "twin", 3))) == 3
    assert capsys.readouterr().err.splitlines()[0] == "twin: 1 of 3 epochs, 30.0 s each, 01:00 left"


def test_a_bar_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(progress.progress(range(5), "frames", "game", 5)) == list(range(5))
    assert "game" in capsys.readouterr().err


def test_errors_pass(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        list(progress.progress((1 // n for n in (1, 0)), "frames"))
    assert capsys.readouterr().err == ""
