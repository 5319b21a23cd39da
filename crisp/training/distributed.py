"""The processes of one training on several GPUs, as torchrun starts them; alone without it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor, distributed

from crisp.core.errors import fail
from crisp.core.signals import SIGNALS, provisional

# What torchrun passes on to the processes.
PASSED_ON = ("SIGINT", "SIGHUP", "SIGQUIT", *(number.name for number in SIGNALS))
LOST = 5  # s that a process waits when another is gone, so that torchrun finds that one first
WORD = "CRISP_WORD"  # names the folder in which processes leave word of why they end
SAVED = 600  # s that torchrun waits for a state to be saved; a cluster has its own say


@dataclass(frozen=True)
class Processes:
    """This process among those of a training.

    Parameters
    ----------
    rank : int
        From 0; the first writes the files.
    count : int
    local : int
        Number among those of its node, which is that of its GPU.
    """

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def add_up(self, values: Tensor) -> Tensor:
        """The sum of the processes' values, the same in all of them."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def any(self, here: bool) -> bool:
        """Whether it is so in any process; they all learn it in the same place."""
        return here if self.count == 1 else bool(self.add_up(torch.tensor(float(here))))


ALONE = Processes()


def start(gpus: int, device: str) -> None:
    """Run this command under torchrun instead, a process a GPU, where a training is to have several.

    Nothing is done under torchrun already, nor on a machine without GPUs, which has no use for more.

    Raises
    ------
    CrispError
        If there are some GPUs, but fewer; what `launch` raises.
    """
    if gpus == 1 or "WORLD_SIZE" in os.environ or device not in ("auto", "cuda"):
        return
    found = torch.cuda.device_count()
    if found == 0:
        return
    if found < gpus:
        raise fail(
            "training.gpus", "too few GPUs on this machine", str(gpus), found, "set it to what there is"
        )
    launch_processes(gpus, [sys.executable, "-m", "crisp", *sys.argv[1:]])


def record_error(message: str, kind: str = "fault") -> bool:
    """Leave it to the process that started this one to say why it ends; whether there is one that will.

    Only the first message of a kind counts, so that a fault of all processes is told once.
    """
    folder = os.environ.get(WORD)
    if folder is None:
        return False
    whole = Path(folder, f"{kind}-{os.getpid()}")
    try:
        whole.write_text(message, encoding="utf-8")
        try:
            os.link(whole, Path(folder, kind))
        finally:
            whole.unlink()
    except FileExistsError:
        return True
    except OSError:
        return False
    return True


def launch_processes(count: int, command: list[str]) -> NoReturn:
    """Run a command in so many processes under torchrun, and end as they do.

    What the first of them left word of is told; torchrun's own account is left out.

    Raises
    ------
    CrispError
        If one of them was killed.
    """
    with tempfile.TemporaryDirectory(prefix="crisp-") as folder, provisional(Path(folder)):
        os.environ[WORD] = folder
        try:
            _launch(count, command, Path(folder))
        finally:
            del os.environ[WORD]


def _launch(count: int, command: list[str], words: Path) -> NoReturn:
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.disable(logging.ERROR)
    options = ["--standalone", f"--nproc-per-node={count}", f"--shutdown-timeout={SAVED}"]
    options += [f"--signals-to-handle={','.join(PASSED_ON)}", f"--log-dir={words}"]
    try:
        run.run(run.parse_args([*options, "--no-python", *command]))
    except ChildFailedError as failed:
        _tell(words / "fault")
        for number, one in failed.failures.items():
            if one.exitcode >= 0 or one.exitcode == -signal.SIGTERM:  # which torchrun sends the others
                continue
            raise fail(
                "training",
                f"process {number + 1} of {count} was killed ({signal.Signals(-one.exitcode).name})",
                remedy="SIGKILL often comes when memory runs out: give the job more. The same command "
                "goes on from what was saved",
            ) from None
        _tell(words / "lost")
        sys.exit(1)
    except SignalException as told:
        if told.sigval == signal.SIGINT:
            sys.exit(130)
        _tell(words / "fault")
        sys.exit(1)
    sys.exit(0)


def _tell(word: Path) -> None:
    """Say what a process left word of and end, if there is any."""
    if word.exists():
        print(f"crisp: {word.read_text(encoding='utf-8')}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun has started, by NCCL for GPUs and Gloo for CPUs.

    Where another is gone that one knows why, or was killed; this one is only heard where nobody else is.

    Raises
    ------
    CrispError
        If the processes lost each other, and nothing but this process is there to say so.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), count, local_rank())
    except RuntimeError as error:
        if not isinstance(error, distributed.DistError) and "gloo" not in str(error):
            raise
        time.sleep(LOST)
        lost = fail(
            "training",
            "its processes lost each other",
            found=str(error).partition("\n")[0] or type(error).__name__,
            remedy="the same command goes on from what was saved; with training.gpus: 1 there is one process",
        )
        if not record_error(str(lost), "lost"):
            raise lost from None
        sys.exit(1)
    finally:
        distributed.destroy_process_group()


def local_rank() -> int:
    """Number of this process among those of its node; 0 without torchrun."""
    return int(os.environ.get("LOCAL_RANK", "0"))
