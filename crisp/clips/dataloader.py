"""Load batches of clips onto a device: choice and order of samples, prefetching."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from crisp.clips import transforms_gpu
from crisp.clips.dataset import ClipDataset
from crisp.core.errors import CrispError, fail
from crisp.core.signals import SIGNALS


class Batch(NamedTuple):
    """The clips of one process's share of a batch.

    Parameters
    ----------
    streams : dict of str to Tensor
        (B, C, T, H, W); for poses (B, C, T).
    labels : Tensor, (B,) int64
    total : int
        Samples of the whole batch, over all processes.
    counts : bool
        Whether these samples belong to it; a process without samples of its own gets one of another's, as
        all processes take every step.
    """

    streams: dict[str, Tensor]
    labels: Tensor
    total: int
    counts: bool = True


class _Batches:
    """A batch sampler that receives new batches for each epoch, for a persistent loader."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class _Sent(Dataset):
    """A dataset in loader processes: sends errors as objects, where torch would send a traceback."""

    def __init__(self, part: ClipDataset) -> None:
        self.part = part

    def __getitem__(self, index: int) -> Any:
        try:
            return self.part[index]
        except CrispError as error:
            return error


def _joined(join: Callable[[list[Any]], Any], items: list[Any]) -> Any:
    """Join items to a batch, or return the first error among them."""
    return next((item for item in items if isinstance(item, CrispError)), None) or join(items)


class ClipLoader:
    """Load the clips of a dataset in batches onto a device.

    Parameters
    ----------
    part : ClipDataset
        On a GPU, one with `defer_crop` set, whose items the GPU converts to clips.
    device : torch.device
    workers : int
        Prefetching processes; 0 = none.
    share : (int, int)
        (rank, processes) of a distributed training; each gets its part of every batch.

    Attributes
    ----------
    waited : float
        Seconds spent waiting for clips.
    """

    def __init__(
        self, part: ClipDataset, device: torch.device, workers: int = 0, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.part, self.device, self.share = part, device, share
        self.waited = 0.0
        self._batches = _Batches()
        self._loader: DataLoader = DataLoader(
            _Sent(part),
            batch_sampler=self._batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=_leave_signals,
            pin_memory=device.type == "cuda",
            # Regions of videos of other heights differ in shape: make clips before joining them.
            collate_fn=partial(_joined, list if part.defer_crop else default_collate),
        )

    def batches(self, epoch: int, batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
        """Yield the batches with these indices, drawn for an epoch.

        Raises
        ------
        CrispError
            If a loader process is killed, or a clip cannot be read.
        """
        rank, processes = self.share
        self.part.epoch = epoch
        self._batches.batches = [list(batch[rank::processes] or batch[:1]) for batch in batches]
        for whole, loaded in zip(batches, self._on_device(), strict=True):
            streams, labels = loaded
            yield Batch(streams, labels, len(whole), rank < len(whole))

    def _on_device(self) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        """Yield clips and labels; on a GPU, copy and crop the next while the model processes these."""
        if self.device.type != "cuda":
            yield from map(self._made, self._loaded())
            return
        beside, ready = torch.cuda.Stream(self.device), None
        for loaded in self._loaded():
            with torch.cuda.stream(beside):
                made = self._made(loaded)
                done = beside.record_event()
            if ready is not None:
                yield _handed_over(*ready)
            ready = made, done
        if ready is not None:
            yield _handed_over(*ready)

    def _loaded(self) -> Iterator[Any]:
        """Yield the loader's items, in host memory."""
        loader = iter(self._loader)
        while True:
            begin = time.monotonic()
            try:
                loaded = next(loader)
            except StopIteration:
                return
            except RuntimeError as error:
                raise fault_of(error) or error from None
            self.waited += time.monotonic() - begin
            if isinstance(loaded, CrispError):
                raise loaded
            yield loaded

    def _made(self, loaded: Any) -> tuple[dict[str, Tensor], Tensor]:
        """Return clips and labels of a loaded batch, on the device."""
        if not self.part.defer_crop:
            streams, labels, _ = loaded
            return {name: self._moved(clips) for name, clips in streams.items()}, self._moved(labels)
        size, normalised = self.part.variant.size, self.part.normalised
        clips = [
            transforms_gpu.clip({name: self._moved(array) for name, array in item.items()}, size, normalised)
            for item, _, _ in loaded
        ]
        labels = torch.tensor([label for _, label, _ in loaded])
        return {name: torch.stack([clip[name] for clip in clips]) for name in clips[0]}, self._moved(labels)

    def _moved(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)


def _leave_signals(_: int) -> None:
    """Ignore shutdown signals in a loader process: clusters signal all, and the training saves first."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    """End this process if the signals come from the training, which stops its loaders this way."""
    while signal.sigwaitinfo(SIGNALS).si_pid != parent:
        pass
    os._exit(0)


def fault_of(error: RuntimeError) -> CrispError | None:
    """Return the error for a killed loader process; None for other errors.

    Torch raises it from a signal handler; it can therefore surface anywhere in the training loop.
    """
    if "DataLoader worker" not in str(error):
        return None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # once is enough: the next would interrupt this one
    return fail(
        "loader process",
        "was killed",
        "to load its clips",
        str(error).splitlines()[0][:200],
        "usually for lack of memory: request more, or reduce training.workers; then the same "
        "command resumes from the last saved state",
    )


def _handed_over(
    made: tuple[dict[str, Tensor], Tensor], done: torch.cuda.Event
) -> tuple[dict[str, Tensor], Tensor]:
    """Wait for clips of another CUDA stream, and hand their memory over to the model's stream."""
    current = torch.cuda.current_stream()
    current.wait_event(done)
    for tensor in (*made[0].values(), made[1]):
        tensor.record_stream(current)
    return made
