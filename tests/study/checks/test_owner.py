"""Results belong to one study file; a renamed or moved one keeps them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from crisp.core import files
from crisp.core.errors import Fault
from crisp.study import load
from crisp.study.checks import owner
from crisp.study.checks.owner import check_owner
from crisp.study.config import Study
from tests.lab import CONTENT

RECORD = Path("results/studies/s/owner.json")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the study file ``config/a.yaml``, which has run."""
    clone = tmp_path / "clone"
    (clone / "config").mkdir(parents=True)
    monkeypatch.chdir(clone)
    owner.record(write("config/a.yaml"), ["config/a.yaml"])
    return clone


def write(path: str, **changes: Any) -> Study:
    content = {**CONTENT, **changes}
    Path(path).write_text(yaml.safe_dump(content))
    return load.resolve_study(content)


def faults(made: Study, *paths: str | Path) -> list[Fault]:
    return check_owner(made, paths)


def test_record_is_relative_to_the_working_folder(folder: Path) -> None:
    assert files.read_json(RECORD) == {"study_file": "config/a.yaml"}
    made = write("config/a.yaml")
    owner.record(made, [folder / "config/a.yaml"])
    assert files.read_json(RECORD) == {"study_file": "config/a.yaml"}


def test_another_file_of_that_name_is_refused() -> None:
    (fault,) = faults(write("b.yaml", seeds=[7]), "b.yaml")
    assert fault.where == "results/studies/s"
    assert "belong to another study file" in fault.what
    assert (fault.expected, fault.found) == ("config/a.yaml", "b.yaml")
    assert fault.remedy == "give one of them another study name"
    assert faults(write("b.yaml", study="other"), "b.yaml") == []


def test_changed_and_linked_file_is_the_same_one(folder: Path) -> None:
    made = write("config/a.yaml", seeds=[3])
    Path("link.yaml").symlink_to("config/a.yaml")
    for path in ("config/a.yaml", "config/../config/a.yaml", folder / "config/a.yaml", "link.yaml"):
        assert faults(made, path) == []


def test_renamed_file_takes_over() -> None:
    made = write("config/a.yaml")
    Path("config/a.yaml").rename("config/b.yaml")
    assert faults(made, "config/b.yaml") == []
    owner.record(made, ["config/b.yaml"])
    assert files.read_json(RECORD) == {"study_file": "config/b.yaml"}


def test_owner_with_another_name_now_gives_way() -> None:
    made = write("b.yaml")
    write("config/a.yaml", study="t")
    assert faults(made, "b.yaml") == []


def test_owner_that_cannot_be_read_stays_the_owner() -> None:
    made = write("b.yaml")
    Path("config/a.yaml").write_text("study: [")
    assert len(faults(made, "b.yaml")) == 1


def test_moved_folder_keeps_its_record(folder: Path) -> None:
    moved = folder.rename(folder.with_name("moved"))
    os.chdir(moved)
    made = write("b.yaml")
    assert faults(made, "config/a.yaml") == []
    assert len(faults(made, "b.yaml")) == 1


def test_of_several_files_the_last_that_names_the_study_owns_it() -> None:
    made = write("seeds.yaml")
    Path("seeds.yaml").write_text("seeds: [4]\n")
    assert faults(made, "config/a.yaml", "seeds.yaml") == []
    write("base.yaml", study="t")
    Path("named.yaml").write_text("study: s\n")
    assert len(faults(made, "base.yaml", "named.yaml")) == 1
    Path("config/a.yaml").unlink()
    owner.record(made, ["base.yaml", "named.yaml", "seeds.yaml"])
    assert files.read_json(RECORD) == {"study_file": "named.yaml"}


def test_name_from_the_command_line_owns_nothing_and_takes_nothing_over() -> None:
    made = load.resolve_study({**CONTENT, "study": "s"})
    write("b.yaml", study="t")
    assert len(faults(made, "b.yaml")) == 1
    RECORD.unlink()
    owner.record(made, ["b.yaml"])
    assert not RECORD.exists()


def test_snapshot_of_a_run_is_its_owner_s() -> None:
    made = write("config/a.yaml")
    files.write_json("results/studies/s/study.json", made.config)
    assert faults(made, "results/studies/s/study.json") == []
    owner.record(made, ["results/studies/s/study.json"])
    assert files.read_json(RECORD) == {"study_file": "config/a.yaml"}


def test_repeated_keys_are_told_of_every_file() -> None:
    made = write("config/a.yaml")
    Path("config/a.yaml").write_text("study: s\nstudy: s\n")
    Path("b.yaml").write_text("seeds: [1]\n\nseeds: [2]\n")
    where = [fault.where for fault in faults(made, "config/a.yaml", "b.yaml")]
    assert where == ["config/a.yaml, line 2", "b.yaml, line 3"]


@pytest.mark.parametrize("content", [[], {}, {"study_file": 3}])
def test_damaged_record(content: object) -> None:
    files.write_json(RECORD, content)
    (fault,) = faults(write("config/a.yaml"), "config/a.yaml")
    assert fault.what == "not a record of a study file"
