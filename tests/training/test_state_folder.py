"""The folder of a resume state: a training's own, or refused; other files in it are never deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from crisp.core.errors import CrispError
from crisp.training import state_folder

TEMPORARY = ".tmp-some-host-123-0a1b2c3d"
OWN = ["last.pt", "best.pt", "best-12.pt", "history.csv", "curves.png", f"last.pt{TEMPORARY}"]


def put(folder: Path, *names: str, key: str = "digest") -> Path:
    """Files of these names; those of weights as a training saves them, or with another key as others do."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".pt":
            torch.save({key: "3", "model": {"weight": torch.zeros(3)}}, path)
        else:
            path.write_text("mine")
    return folder


@pytest.mark.parametrize("names", [[], OWN, OWN[:1], OWN[-1:], ["best-3.pt", "history.csv"]])
def test_state_of_a_training_is_taken(tmp_path: Path, names: list[str]) -> None:
    state_folder.check(tmp_path / "state")  # which is not there
    (tmp_path / "state").mkdir()
    state_folder.check(put(tmp_path / "state", *names))
    state_folder.clear(tmp_path / "state")
    assert not list((tmp_path / "state").iterdir())


@pytest.mark.parametrize(
    "names",
    [
        ["last.pt", "table.csv"],
        ["last.pt", "model.pt"],
        ["last.pt", "best-model.pt"],
        ["last.pt", "last.pt.tmp-notes"],
        ["last.pt", "notes/last.pt"],
        ["history.csv", "curves.png"],
    ],
)
def test_folder_with_other_files_is_refused(tmp_path: Path, names: list[str]) -> None:
    put(tmp_path, *names)
    with pytest.raises(CrispError, match=r"holds other files[\s\S]*choose another --state"):
        state_folder.check(tmp_path)


def test_weights_of_other_software_are_refused_though_their_names_are_alike(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match="no file that a training has saved"):
        state_folder.check(put(tmp_path, "last.pt", "best.pt", key="epoch"))
    with pytest.raises(CrispError, match="holds other files"):
        state_folder.check(put(tmp_path, "model.pt") / "model.pt")


def test_only_its_own_files_are_deleted(tmp_path: Path) -> None:
    others = ["best-model.pt", "model.pt", "notes/last.pt", "table.csv"]
    put(tmp_path, *OWN, *others)
    assert state_folder.bests(tmp_path) == [tmp_path / "best-12.pt"]
    state_folder.clear(tmp_path)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.relative_to(tmp_path).as_posix() for path in left) == others


def test_damaged_state_of_the_workflow_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = put(Path("results/studies/s/state/twin-main-1"), "history.csv")
    (state / "last.pt").write_text("torn")
    state_folder.check(state)
    assert (state / "last.pt").exists()
