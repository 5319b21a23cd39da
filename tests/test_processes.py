"""Training in several processes, as torchrun starts them for GPUs; here on the CPU, through Gloo."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from crisp import files, processes, training
from crisp.errors import CrispError
from crisp.study import Study
from tests import trainable
from tests.trainable import configured

SCRIPT = """
from crisp import cli
cli.main()
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    return trainable.build()


def trained(made: Study, count: int, variant: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run `crisp train` in so many processes."""
    files.write_json(Path("study.json"), made.config)
    Path("train.py").write_text(SCRIPT)
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"] * (count > 1)
    verb = ["train.py", "train", "--study", "study.json", "--state", "state", "--device", "cpu", variant]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *launcher, *verb, *more],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=250,
    )


def history(made: Study, variant: str) -> list[dict[str, str]]:
    path = made.model_folder(variant, "main", 1) / "history.csv"
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("variant", ["twin", "pose"])
def test_two_processes_train_as_one(variant: str) -> None:
    """Batches of 4, 4 and 2 of ten samples, and a last one of 1 of five: one process is left without."""
    made = configured(epochs=3)
    alone = trained(made, 1, variant)
    assert alone.returncode == 0, alone.stderr
    expected = history(made, variant)
    together = trained(made, 2, variant)
    assert together.returncode == 0, together.stderr
    assert together.stderr.count("epoch 3/3") == 1, "the first process alone tells"
    assert "2 processes" in together.stderr
    found = history(made, variant)
    for name in expected[0]:
        one, two = ([float(row[name]) for row in rows] for rows in (expected, found))
        np.testing.assert_allclose(two, one, rtol=1e-4, err_msg=name)


@pytest.mark.usefixtures("small")
def test_goes_on_with_another_number_of_processes() -> None:
    made = configured(epochs=3)
    assert trained(made, 1, "flow").returncode == 0
    expected = history(made, "flow")
    begun = training.Trainer(made, made.variant("flow"), "main", 1, torch.device("cpu"))
    begun.begin_epoch()
    begun.history.append({**begun.epoch(1), "best": 1})
    begun.best = {"epoch": 1, "loss": begun.history[0]["validation_loss"]}
    begun.best_state = begun.model.state_dict()
    begun.save(Path("state"))
    done = trained(made, 2, "flow")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("resuming after epoch 1") == 1
    found = history(made, "flow")
    losses = [[float(row["validation_loss"]) for row in rows] for rows in (expected, found)]
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_attention_in_several_processes_needs_gpus(small: Study) -> None:
    done = trained(small, 2, "twin-attention")
    assert done.returncode != 0
    assert "attention cannot learn in several processes without GPUs" in done.stderr


def test_gpus_start_a_process_each(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[list[str]] = []
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(processes.torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(processes.os, "execv", lambda _, command: begun.append(command))
    monkeypatch.setattr(sys, "argv", ["/bin/crisp", "train", "twin"])
    processes.start(1, "auto")
    processes.start(4, "cpu")
    assert begun == []
    processes.start(4, "auto")
    assert begun[0][1:] == [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=4",
        "--no-python",
        "/bin/crisp",
        "train",
        "twin",
    ]
    with pytest.raises(CrispError, match=r"too few GPUs on this machine[\s\S]*found: 4"):
        processes.start(8, "cuda")
    monkeypatch.setenv("WORLD_SIZE", "4")
    processes.start(4, "auto")
    assert len(begun) == 1
    monkeypatch.delenv("WORLD_SIZE")
    monkeypatch.setattr(processes.torch.cuda, "device_count", lambda: 0)
    processes.start(4, "auto")
    assert len(begun) == 1, "a laptop trains the study of a cluster, too"
