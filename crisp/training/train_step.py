"""A model with its optimiser: one training or validation step per batch."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from crisp import models
from crisp.clips.dataloader import Batch
from crisp.core.errors import CrispError, fail
from crisp.core.words import counted
from crisp.study.variants import Training, Variant
from crisp.training.devices import use_bfloat16
from crisp.training.distributed import ALONE, Processes
from crisp.training.hierarchical_loss import HierarchicalLoss
from crisp.training.mixup import mixed

BFLOAT16_FRAMES = 12  # the third convolution then sees three of them (docs/training.md)


class TrainStep:
    """A variant's model and its optimisation steps.

    Parameters
    ----------
    variant : Variant
    classes : int
    settings : Training
    device : torch.device
    processes : Processes
        The processes that share each batch.
    super_classes : sequence of ndarray
        Sets of super-classes for `super_class_loss`: the index of the super-class of each class.

    Attributes
    ----------
    model : Module
        Without the wrappers for compilation and several processes.
    optimizer : Optimizer
        Of its weights.

    Raises
    ------
    CrispError
        If the variant cannot be trained on this device.
    """

    def __init__(
        self,
        variant: Variant,
        classes: int,
        settings: Training,
        device: torch.device,
        processes: Processes = ALONE,
        super_classes: Sequence[NDArray[np.intp]] = (),
    ) -> None:
        self.variant, self.settings, self.device, self.processes = variant, settings, device, processes
        self.bfloat16 = use_bfloat16(settings.precision, device)
        self._check_precision()
        self.model = models.build(variant, classes).to(device)
        self.exchange: nn.parallel.DistributedDataParallel | None = None  # of gradients
        self.network = self._network()
        self.optimizer = self._optimiser()
        self.hierarchy: HierarchicalLoss | None = None
        if settings.super_class_loss:
            self.hierarchy = HierarchicalLoss(
                super_classes, settings.super_class_loss, settings.label_smoothing
            ).to(device)

    def _optimiser(self) -> torch.optim.Optimizer:
        settings, weights = self.settings, self.model.parameters()
        fused = self.device.type in ("cpu", "cuda")  # updates all weights in one pass
        if settings.optimiser == "adamw":
            return torch.optim.AdamW(
                weights, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=fused
            )
        return torch.optim.SGD(
            weights,
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=settings.nesterov,
            fused=fused,
        )

    def _check_precision(self) -> None:
        """Reject bfloat16 on CPUs for two frames: torch's gradient of a 3-D convolution is wrong there."""
        frames = self.variant.size[0]
        if (
            self.bfloat16
            and self.device.type == "cpu"
            and frames < BFLOAT16_FRAMES
            and set(self.variant.streams) != {"pose"}
        ):
            raise fail(
                f"variant {self.variant.name}",
                "clips are too short for bfloat16 on a CPU: torch computes wrong gradients for them",
                f"at least {BFLOAT16_FRAMES} frames",
                frames,
                "set training.precision to float32",
            )

    def _network(self) -> nn.Module:
        """Return the model as called: compiled and distributed if configured."""
        network = self.model
        if self.processes.count > 1:
            if self.variant.normalises_batches:
                network = self.model = nn.SyncBatchNorm.convert_sync_batchnorm(self.model)
            network = self.exchange = nn.parallel.DistributedDataParallel(network)
        if self.settings.compile:
            network = torch.compile(network)  # type: ignore[assignment]
        return network

    @property
    def least(self) -> int:
        """Return the minimum batch size: batch normalisation needs a variance."""
        return 2 if self.variant.normalises_batches else 1

    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean cross-entropy; applied to the softmax output if the variant says so.

        With `super_class_loss`, it includes that of the super-classes (`HierarchicalLoss`).

        With class `weights` it is the mean of the samples' weighted losses, not divided by the sum of the
        weights in the batch: a batch of rare classes counts more, as intended.

        Parameters
        ----------
        logits : Tensor, (B, N)
        labels : Tensor, (B,) int64
        weights : Tensor, (N,), optional
            Class weights.

        Returns
        -------
        Tensor, ()
            Mean over the batch.
        """
        if self.variant.double_softmax:
            logits = functional.softmax(logits, dim=1)
        if self.hierarchy is not None:
            return self.hierarchy(logits, labels, weights)
        smoothing = self.settings.label_smoothing
        if weights is None:
            return functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        losses = functional.cross_entropy(logits, labels, weights, reduction="sum", label_smoothing=smoothing)
        return losses / len(labels)

    def step(
        self, batch: Batch, training: bool, weights: torch.Tensor | None, draw: Sequence[int] = ()
    ) -> torch.Tensor:
        """Run one batch.

        The gradient is the mean over the whole batch, independent of the number of parts and processes.

        Parameters
        ----------
        batch : Batch
        training : bool
            Take an optimiser step; otherwise only a forward pass.
        weights : Tensor, (N,), optional
            Class weights of the loss.
        draw : sequence of int
            Seed of what the model draws in training, such as dropout, so that a resumed training draws the
            same; each process draws its own.

        Returns
        -------
        Tensor, (2,) float64
            Loss sum and number of correct clips, over all processes.
        """
        settings, count = self.settings, len(batch.labels)
        parts = self.parts(batch.total) if training else 1
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        if training:
            self.optimizer.zero_grad(set_to_none=True)
            if draw:
                seed = np.random.SeedSequence([*draw, self.processes.rank]).generate_state(1, np.uint64)
                torch.manual_seed(int(seed[0]))
        try:
            mixture = mixed(batch.streams, batch.labels, settings.mixup if training else 0)
            for number, places in enumerate(torch.arange(count).tensor_split(parts), start=1):
                part = mixture.part(slice(int(places[0]), int(places[-1]) + 1))
                labels = part.labels
                with self._together(number == parts):
                    logits = self._logits(part.streams)
                    loss = part.loss(partial(self.loss, logits, weights=weights))
                    if training:
                        # Gradients are averaged over the processes, whose shares may differ.
                        share = batch.counts * len(labels) * self.processes.count / batch.total
                        (loss * share).backward()
                if batch.counts:
                    correct = (logits.argmax(1) == labels).sum()
                    sums += torch.stack([loss.detach().double() * len(labels), correct.double()])
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _memory_is_full(error):
                raise
            raise self._too_large(batch) from None
        if training:
            if settings.gradient_clip:
                nn.utils.clip_grad_norm_(self.model.parameters(), settings.gradient_clip)
            self.optimizer.step()
        return self.processes.add_up(sums)

    def parts(self, total: int) -> int:
        """Return the number of gradient-accumulation micro-batches; identical on every rank."""
        fewest = total // self.processes.count  # clips of the smallest share
        return max(1, min(self.settings.accumulate, fewest // self.least))

    def _logits(self, streams: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return logits (B, classes) as float32."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            return self.network(streams).float()

    def _together(self, last: bool) -> contextlib.AbstractContextManager:
        """Synchronise gradients between processes once per batch, with its last part."""
        if self.exchange is not None and not last:
            return self.exchange.no_sync()
        return contextlib.nullcontext()

    def _too_large(self, batch: Batch) -> CrispError:
        """Return the error for a batch that overran the memory, with the largest part that fits."""
        count = len(batch.labels)
        fits = count // 2
        # With several processes, a trial in one would wait for the others.
        while fits and self.processes.count == 1 and not self._fits(batch, fits):
            fits //= 2
        self.optimizer.zero_grad(set_to_none=True)
        tried = self.processes.count == 1
        room = f"memory for {counted(fits, 'clip')}" if fits else "too little for one clip"
        found = room if tried else "less"
        parts = f"training.accumulate to {-(-count // fits)}, which changes no batch, or " if fits else ""
        return fail(
            f"training of {self.variant.name} on {self.device}",
            f"a batch of {counted(count, 'clip')} does not fit into memory",
            f"memory for {counted(count, 'clip')} and the gradients",
            found,
            f"set {parts}a smaller training.batch_size, or use a device with more memory",
        )

    def _fits(self, batch: Batch, count: int) -> bool:
        """Return whether gradients for that many clips of the batch fit into memory."""
        self.optimizer.zero_grad(set_to_none=True)
        try:
            with torch.enable_grad():
                streams = {name: clips[:count] for name, clips in batch.streams.items()}
                self.loss(self._logits(streams), batch.labels[:count]).backward()
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _memory_is_full(error):
                raise
            return False
        return True


def _memory_is_full(error: BaseException) -> bool:
    """Return whether an allocation failed; on a CPU only torch's message shows it."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
