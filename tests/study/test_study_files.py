"""Which study a verb takes: by path, by name, or as the only one of the working folder; never the demo's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from crisp.core.errors import CrispError, Fault
from crisp.study.study_files import find_study
from tests.lab import CONTENT


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what a clone holds: the demo, the tutorial, and a file that is no study."""
    monkeypatch.chdir(tmp_path)
    generated = {"dataset": {**CONTENT["dataset"], "generate": "demo"}}
    write("config/config.yaml", study="demo", **generated)
    write("config/demo/detection.yaml", study="demo-detection", **generated)
    write("config/tutorial/study.yaml", study="tutorial", **generated)
    Path("config/environment.yaml").write_text("name: demo\n")
    return tmp_path


def write(path: str, **changes: Any) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(yaml.safe_dump({**CONTENT, **changes}))


def fault(given: str) -> Fault:
    with pytest.raises(CrispError) as error:
        find_study(given)
    (found,) = error.value.faults
    return found


@pytest.mark.parametrize("place", ["study.yaml", "config/study.yaml", "config/mine/study.yaml"])
def test_the_one_study_of_the_folder_is_taken_and_named(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, study="mine")
    assert find_study(".") == Path(place)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"study: {place} (the one in this folder; --study names another)\n"


def test_the_demo_is_never_taken_unasked() -> None:
    found = fault(".")
    assert (found.where, found.what) == ("--study", "the working folder holds no study of your own")
    assert "config/config.yaml (demo)" in found.found
    assert "config/tutorial/study.yaml (tutorial)" in found.found
    assert "environment" not in found.found
    assert found.remedy.startswith("choose one, as in --study demo;")
    assert find_study("demo") == Path("config/config.yaml")


def test_of_several_studies_none_is_taken_unasked() -> None:
    write("config/mine/study.yaml", study="mine")
    write("config/yours/study.yaml", study="yours")
    found = fault(".")
    assert found.what == "the working folder holds more than one study"
    assert found.found == "config/mine/study.yaml (mine), config/yours/study.yaml (yours)"
    assert found.remedy == "choose one, as in --study config/mine/study.yaml"


def test_a_study_that_cannot_be_read_is_taken_for_the_reader_to_report() -> None:
    write("config/mine/study.yaml")
    Path("config/mine/study.yaml").write_text("study: [")
    assert find_study(".") == Path("config/mine/study.yaml")


def test_folder_without_study(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = folder / "elsewhere"
    empty.mkdir()
    monkeypatch.chdir(empty)
    for given in (".", "mine"):
        found = fault(given)
        assert found.found == f"no study file in {empty}"
        assert found.remedy.startswith("go to the folder that holds your study")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("tutorial", "config/tutorial/study.yaml"),
        ("demo-detection", "config/demo/detection.yaml"),
        ("folder", "config/folder/study.yaml"),
        ("key", "config/folder/study.yaml"),
        ("single", "config/single.yaml"),
        ("here", "study.yaml"),
    ],
)
def test_by_name(name: str, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("config/folder/study.yaml", study="key")
    write("config/single.yaml", study="another")
    write("study.yaml", study="here")
    assert find_study(name) == Path(path)
    assert capsys.readouterr() == ("", "")


def test_name_that_no_study_has() -> None:
    found = fault("tutorail")
    assert (found.where, found.what) == ("--study tutorail", "no study has this name")
    assert "config/tutorial/study.yaml (tutorial)" in found.found


def test_name_of_two_studies() -> None:
    write("config/tutorial/copy.yaml", study="tutorial")
    found = fault("tutorial")
    assert found.what == "more than one study has this name"
    assert found.found == "config/tutorial/copy.yaml (tutorial), config/tutorial/study.yaml (tutorial)"
    assert found.remedy == "choose one, as in --study config/tutorial/copy.yaml"


def test_a_path_that_exists_means_that_path(folder: Path) -> None:
    Path("demo").write_text("study: other\n")
    assert find_study("demo") == Path("demo")
    assert find_study("config/mine/study.yaml") == Path(
        "config/mine/study.yaml"
    )  # missing: the reader reports it
    assert find_study("mine.yaml") == Path("mine.yaml")
    assert find_study(str(folder / "nothing")) == folder / "nothing"


def test_a_folder_means_the_study_in_it() -> None:
    assert find_study("config/tutorial") == Path("config/tutorial/study.yaml")
    Path("demo").mkdir()
    assert find_study("demo") == Path("config/config.yaml")
    write("demo/study.yaml")
    assert find_study("demo") == Path("demo/study.yaml")


def test_many_studies_are_not_all_listed() -> None:
    for number in range(30):
        write(f"config/s{number}/study.yaml", study=f"s{number}")
    assert fault(".").found.endswith(" and 20 more")
