"""The processes of one training on several GPUs, as torchrun starts them; alone without it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor, distributed

from crisp.errors import fail
from crisp.interruption import SIGNALS

# What torchrun passes on to the processes.
PASSED_ON = ("SIGINT", "SIGHUP", "SIGQUIT", *(number.name for number in SIGNALS))
LOST = 5  # s that a process waits when another is gone: torchrun ends it first, and tells of the other


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
    if gpus == 1 or "WORLD_SIZE" in os.environ or not device.startswith(("auto", "cuda")):
        return
    found = torch.cuda.device_count()
    if found == 0:
        return
    if found < gpus:
        raise fail(
            "training.gpus", "too few GPUs on this machine", str(gpus), found, "set it to what there is"
        )
    launch(gpus, sys.argv)


def launch(count: int, command: list[str]) -> NoReturn:
    """Run a command in so many processes under torchrun, and end as they do.

    They tell of faults themselves; torchrun's own account of them is left out.

    Raises
    ------
    CrispError
        If one of them was killed.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.disable(logging.ERROR)
    options = ["--standalone", f"--nproc-per-node={count}", f"--signals-to-handle={','.join(PASSED_ON)}"]
    try:
        run.run(run.parse_args([*options, "--no-python", *command]))
    except ChildFailedError as failed:
        number, first = failed.get_first_failure()
        if first.exitcode < 0:
            raise fail(
                "training",
                f"process {number + 1} of {count} was killed ({signal.Signals(-first.exitcode).name})",
                remedy="SIGKILL often comes when memory runs out: give the job more. The same command "
                "goes on from what was saved",
            ) from None
        sys.exit(first.exitcode)
    except SignalException as told:
        sys.exit(130 if told.sigval == signal.SIGINT else 1)
    sys.exit(0)


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun has started, by NCCL for GPUs and Gloo for CPUs.

    Raises
    ------
    CrispError
        If another process is gone and nobody ends this one.
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
        raise fail("training", "another of its processes is gone", remedy="see what that one said") from None
    finally:
        distributed.destroy_process_group()


def local_rank() -> int:
    """Number of this process among those of its node; 0 without torchrun."""
    return int(os.environ.get("LOCAL_RANK", "0"))
