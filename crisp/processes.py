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
LOST = 5  # s that a process waits when another is gone, so that torchrun finds that one first
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
    options = ["--standalone", f"--nproc-per-node={count}", f"--shutdown-timeout={SAVED}"]
    options.append(f"--signals-to-handle={','.join(PASSED_ON)}")
    try:
        run.run(run.parse_args([*options, "--no-python", *command]))
    except ChildFailedError as failed:
        for number, one in failed.failures.items():
            if one.exitcode >= 0 or one.exitcode == -signal.SIGTERM:  # which torchrun sends the others
                continue
            raise fail(
                "training",
                f"process {number + 1} of {count} was killed ({signal.Signals(-one.exitcode).name})",
                remedy="SIGKILL often comes when memory runs out: give the job more. The same command "
                "goes on from what was saved",
            ) from None
        sys.exit(1)
    except SignalException as told:
        sys.exit(130 if told.sigval == signal.SIGINT else 1)
    sys.exit(0)


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun has started, by NCCL for GPUs and Gloo for CPUs.

    Where another is gone this one ends without a word: that one has told why, or was killed.
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
        sys.exit(1)
    finally:
        distributed.destroy_process_group()


def local_rank() -> int:
    """Number of this process among those of its node; 0 without torchrun."""
    return int(os.environ.get("LOCAL_RANK", "0"))
