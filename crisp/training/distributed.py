"""The processes of a training on several GPUs, started by torchrun; a single process without it."""

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

# Signals that torchrun forwards to the processes.
FORWARDED = ("SIGINT", "SIGHUP", "SIGQUIT", *(number.name for number in SIGNALS))
PEER_TIMEOUT = 5  # s that a process waits after losing a peer, so that torchrun reports the failed one first
ERRORS_FOLDER = "CRISP_ERROR_DIR"  # variable of the environment: where processes record their errors
SHUTDOWN_TIMEOUT = 600  # s that torchrun waits for a state to be saved; a cluster may set its own limit


@dataclass(frozen=True)
class Processes:
    """A process within the group of a training.

    Parameters
    ----------
    rank : int
        From 0; rank 0 writes the files.
    count : int
        Number of processes.
    local : int
        Index among the processes of its node, which is also its GPU index.
    """

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Return whether this process writes the files."""
        return self.rank == 0

    def add_up(self, values: Tensor) -> Tensor:
        """Return the sum of a value over all processes, identical on every rank."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def any(self, here: bool) -> bool:
        """Return whether the flag is set in any process, identical on every rank."""
        return here if self.count == 1 else bool(self.add_up(torch.tensor(float(here))))


ALONE = Processes()


def start(gpus: int, device: str) -> None:
    """Rerun this command under torchrun, one process per GPU, if a training uses several.

    Do nothing under torchrun already, or on a machine without GPUs.

    Raises
    ------
    CrispError
        If there are too few GPUs; also the errors of `launch_processes`.
    """
    if gpus == 1 or "WORLD_SIZE" in os.environ or device not in ("auto", "cuda"):
        return
    found = torch.cuda.device_count()
    if found == 0:
        return
    if found < gpus:
        raise fail(
            "training.gpus",
            "too few GPUs on this machine",
            str(gpus),
            found,
            f"set training.gpus to at most {found}",
        )
    launch_processes(gpus, [sys.executable, "-m", "crisp", *sys.argv[1:]])


def record_error(message: str, kind: str = "fault") -> bool:
    """Record the error for the launcher to print. Return False if there is no launcher.

    Only the first message of each kind is recorded, so that a fault of all processes is reported once.
    """
    folder = os.environ.get(ERRORS_FOLDER)
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
    """Run a command in `count` processes under torchrun, and exit with their status.

    The first error recorded by a worker is printed; torchrun's traceback is suppressed.

    Raises
    ------
    CrispError
        If a process was killed.
    """
    with tempfile.TemporaryDirectory(prefix="crisp-") as folder, provisional(Path(folder)):
        os.environ[ERRORS_FOLDER] = folder
        try:
            _launch(count, command, Path(folder))
        finally:
            del os.environ[ERRORS_FOLDER]


def _launch(count: int, command: list[str], errors: Path) -> NoReturn:
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.disable(logging.ERROR)
    options = ["--standalone", f"--nproc-per-node={count}", f"--shutdown-timeout={SHUTDOWN_TIMEOUT}"]
    options += [f"--signals-to-handle={','.join(FORWARDED)}", f"--log-dir={errors}"]
    try:
        run.run(run.parse_args([*options, "--no-python", *command]))
    except ChildFailedError as failed:
        _exit_with_error(errors / "fault")
        for number, one in failed.failures.items():
            if one.exitcode >= 0 or one.exitcode == -signal.SIGTERM:  # torchrun sends it to the others
                continue
            raise fail(
                "training",
                f"process {number + 1} of {count} was killed ({signal.Signals(-one.exitcode).name})",
                remedy="SIGKILL often means that memory ran out: request more for the job. The same command "
                "resumes from the saved state",
            ) from None
        _exit_with_error(errors / "lost")
        sys.exit(1)
    except SignalException as stopped:
        if stopped.sigval == signal.SIGINT:
            sys.exit(130)
        _exit_with_error(errors / "fault")
        sys.exit(1)
    sys.exit(0)


def _exit_with_error(error: Path) -> None:
    """Print the error in a file and exit; do nothing if it does not exist."""
    if error.exists():
        print(f"crisp: {error.read_text(encoding='utf-8')}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the process group started by torchrun: NCCL for GPUs, Gloo for CPUs.

    If another process failed, its error takes precedence; 'connection lost' is the last resort.

    Raises
    ------
    CrispError
        If the connection was lost, and no other process can report it.
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
        time.sleep(PEER_TIMEOUT)
        lost = fail(
            "training",
            "connection between its processes lost",
            found=str(error).partition("\n")[0] or type(error).__name__,
            remedy="the same command resumes from the saved state; training.gpus: 1 needs a single process",
        )
        if not record_error(str(lost), "lost"):
            raise lost from None
        sys.exit(1)
    finally:
        distributed.destroy_process_group()


def local_rank() -> int:
    """Return the index of this process on its node; 0 without torchrun."""
    return int(os.environ.get("LOCAL_RANK", "0"))
