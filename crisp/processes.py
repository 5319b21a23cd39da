"""The processes of one training on several GPUs, as torchrun starts them; alone without it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from crisp.errors import fail


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


ALONE = Processes()


def start(gpus: int, device: str) -> None:
    """Become torchrun with this command, a process a GPU, where a training is to have several.

    Nothing is done under torchrun already, nor on a machine without GPUs, which has no use for more.

    Raises
    ------
    CrispError
        If there are some GPUs, but fewer.
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
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={gpus}"]
    os.execv(sys.executable, [*torchrun, "--no-python", *sys.argv])


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun has started, by NCCL for GPUs and Gloo for CPUs."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), count, local_rank())
    finally:
        distributed.destroy_process_group()


def local_rank() -> int:
    """Number of this process among those of its node; 0 without torchrun."""
    return int(os.environ.get("LOCAL_RANK", "0"))
