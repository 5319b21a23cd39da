"""Train the last layer alone, of a frozen network or of Slim: multinomial logistic regression on windows.

With x' = (x - m) / s, m the mean of the training windows' features and s the root of their mean variance,
weights W and biases b minimise

    - sum_i c_i log softmax(W x'_i + b)[label_i] + lambda / 2 |W|^2

where the windows of a sample share its weight, c = 1 / (samples * windows of the sample). The minimum depends
on no seed. It is found for each lambda, from strong to weak, until the loss on the validation samples has not
fallen for `PATIENCE` of them; the head with the least is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from crisp import models
from crisp.clips import windows
from crisp.clips.dataset import ClipDataset, read_scale, study_dataset
from crisp.clips.sampling import class_weights
from crisp.core.errors import fail
from crisp.core.words import counted
from crisp.models.network import Network
from crisp.study.config import Study
from crisp.study.training_samples import TRAINING
from crisp.study.variants import Training, Variant
from crisp.training import finishing
from crisp.training.devices import choose_device, make_deterministic
from crisp.training.features import FrozenNetwork
from crisp.training.resume import inputs_digest

STRENGTHS = tuple(10 ** (1 - step / 2) for step in range(11))  # lambda, 10 to 0.0001
PATIENCE = 3  # weak ones take by far the longest
MOST_STEPS = 1000  # of L-BFGS for each lambda


class Windows(NamedTuple):
    """The windows of samples: all on which a head is fitted, and the rows of each sample's middle one."""

    features: Tensor  # (n, D) float64
    labels: Tensor  # (n,) int64
    shares: Tensor  # (n,) float64, of each window in the sum over samples; sum 1
    middles: Tensor  # (samples,) int64


def collect(network: FrozenNetwork, clips: ClipDataset) -> Windows:
    """Return the windows of labelled samples; features that are missing are computed.

    Parameters
    ----------
    network : FrozenNetwork
    clips : ClipDataset
        Of a part of a split.

    Returns
    -------
    Windows

    Raises
    ------
    CrispError
        If there is no sample; also the errors of `FrozenNetwork.of`.
    """
    if not len(clips):
        where = f"variant {network.variant.name}"
        raise fail(where, "a part of the split has no sample", "training and validation samples", "none")
    stored = {view: torch.from_numpy(network.of(view)) for view in clips.readers}
    rows: list[Tensor] = []
    labels: list[int] = []
    shares: list[float] = []
    middles: list[int] = []
    for sample, label in zip(clips.samples, clips.labels, strict=True):
        features = stored[sample.video]
        count, frames = clips.readers[sample.video].shape[0], clips.variant.size[0]
        every, middle = windows.inside(sample.begin, sample.end, count, frames)
        middles.append(len(labels) + every.index(middle))
        rows.append(features[every])
        labels += [label] * len(every)
        shares += [1 / len(every) / len(clips)] * len(every)
    return Windows(
        torch.cat(rows).double(),
        torch.tensor(labels),
        torch.tensor(shares, dtype=torch.float64),
        torch.tensor(middles),
    )


def middles(model: Network, parts: Sequence[ClipDataset], batch_size: int) -> list[Windows]:
    """Return the middle window of each sample, and let the model standardise its features by the first part.

    Parameters
    ----------
    model : Network
        An untrained Slim of one stream; the statistics of its batch normalisation are set.
    parts : sequence of ClipDataset
        Training and validation samples, without augmentation.
    batch_size : int
        Clips per forward pass.

    Returns
    -------
    list of Windows

    Raises
    ------
    CrispError
        If a stage file is missing or damaged.
    """
    (slim,) = model.backbones.values()
    norm: nn.BatchNorm1d = slim.norm  # type: ignore[assignment]
    untrained = (1 + norm.eps) ** 0.5  # by which it divides before it has seen anything
    seen = (finishing.predicted(model, part, range(len(part)), batch_size, "clips")[0] for part in parts)
    rows = [untrained * torch.from_numpy(features) for features in seen]
    mean, variance = rows[0].double().mean(dim=0), rows[0].double().var(dim=0, correction=0)
    norm.running_mean, norm.running_var = mean.float(), variance.float()
    return [
        Windows(
            (row.double() - mean) / (variance + norm.eps).sqrt(),
            torch.tensor(part.labels),
            torch.full((len(part),), 1 / len(part), dtype=torch.float64),
            torch.arange(len(part)),
        )
        for row, part in zip(rows, parts, strict=True)
    ]


class Fit(NamedTuple):
    """A head for one strength of the regularisation, and its row of the history."""

    strength: float
    head: nn.Linear
    row: dict[str, float]


def fits(
    training: Windows, validation: Windows, classes: int, settings: Training, labels: list[int]
) -> Iterator[Fit]:
    """Fit a head for each strength of the regularisation, from strong to weak, until validation gets worse.

    Parameters
    ----------
    training, validation : Windows
    classes : int
        Number of outputs.
    settings : Training
        `balance` and `label_smoothing` are used.
    labels : list of int
        Of the training samples.

    Yields
    ------
    Fit
        Its head takes features as they are, float32.
    """
    balanced = settings.balance != "none"
    weights = torch.from_numpy(class_weights(labels, classes)) if balanced else None
    mean = training.features.mean(dim=0)
    scale = training.features.var(dim=0, correction=0).mean().sqrt() or torch.ones(())
    scaled = [part._replace(features=(part.features - mean) / scale) for part in (training, validation)]
    layer = nn.Linear(training.features.shape[1], classes, dtype=torch.float64)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    least, since = float("inf"), 0

    def loss(part: Windows) -> Tensor:
        losses = functional.cross_entropy(
            layer(part.features),
            part.labels,
            weights,
            reduction="none",
            label_smoothing=settings.label_smoothing,
        )
        return (part.shares * losses).sum()

    def penalised(strength: float) -> Tensor:
        return loss(scaled[0]) + strength / 2 * layer.weight.square().sum()

    for number, strength in enumerate(STRENGTHS, 1):
        _minimise(layer, partial(penalised, strength))
        row: dict[str, float] = {"epoch": number}
        for name, part in zip(TRAINING, scaled, strict=True):
            with torch.no_grad():
                right = (layer(part.features).argmax(dim=1) == part.labels).double()
                row[f"{name}_loss"] = float(loss(part))
                row[f"{name}_accuracy"] = float((part.shares * right).sum())
        row["best"] = int(row["validation_loss"] < least)
        least, since = min(least, row["validation_loss"]), 0 if row["best"] else since + 1
        yield Fit(strength, _unscaled(layer, mean, scale), row)
        if since == PATIENCE:
            return


def _minimise(layer: nn.Linear, loss: Callable[[], Tensor]) -> None:
    """Change a layer so that a loss is least, from its present weights."""
    optimiser = torch.optim.LBFGS(
        layer.parameters(),
        max_iter=MOST_STEPS,
        tolerance_grad=1e-6,
        tolerance_change=1e-10,
        line_search_fn="strong_wolfe",
    )

    def step() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser.step(step)


def _unscaled(layer: nn.Linear, mean: Tensor, scale: Tensor) -> nn.Linear:
    """Return the float32 layer that takes features instead of (features - mean) / scale."""
    found = nn.Linear(layer.in_features, layer.out_features)
    with torch.no_grad():
        weights = layer.weight / scale
        found.weight.copy_(weights)
        found.bias.copy_(layer.bias - weights @ mean)
    return found


def train_head(
    study: Study, variant: Variant, split: str, seed: int, folder: Path, device: str = "auto"
) -> list[dict[str, float]]:
    """Train the last layer of a frozen variant, or of Slim; write three files.

    They are ``model.pt``, ``history.csv`` and ``curves.png``.

    Parameters
    ----------
    study : Study
    variant : Variant
    split : str
        Name of the split.
    seed : int
        Training seed, which decides on the name alone.
    folder : Path
        For the results.
    device : str
        Where missing features are computed: ``auto``, ``cpu``, ``cuda``, …

    Returns
    -------
    list of dict
        The history, one row per strength of the regularisation.

    Raises
    ------
    CrispError
        If an input or the weights are missing or damaged.
    """
    make_deterministic(study.training.threads)
    clips = {part: study_dataset(study, variant, split, part, seed, augment=False) for part in TRAINING}
    settings = study.training_of(variant)
    scale = {} if variant.frozen else read_scale(study, variant, split)
    digest = inputs_digest(study, variant, seed, {name: part.samples for name, part in clips.items()}, scale)
    if variant.frozen:
        network = FrozenNetwork(study, variant, choose_device(device))
        model = network.model.cpu()
        training, validation = (collect(network, part) for part in clips.values())
    else:
        model = models.build(variant, len(study.classes)).eval()
        training, validation = middles(model, list(clips.values()), settings.batch_size)  # type: ignore[arg-type]
    found = list(fits(training, validation, len(study.classes), settings, clips["train"].labels))
    best = next(fit for fit in reversed(found) if fit.row["best"])
    counts = " and ".join(
        f"{counted(len(part.labels), 'window')} of {counted(len(part.middles), f'{name} sample')}"
        for name, part in zip(clips, (training, validation), strict=True)
    )
    print(
        f"{variant.name} seed {seed}: {counts}; regularisation {best.strength:.2g}, validation loss "
        f"{best.row['validation_loss']:.4f}, accuracy {best.row['validation_accuracy']:.3f}",
        file=sys.stderr,
    )
    model.head.load_state_dict(best.head.state_dict())  # type: ignore[union-attr]
    of_training, of_validation = (part.features[part.middles].float() for part in (training, validation))
    with torch.inference_mode():
        shares = torch.softmax(best.head(of_validation).double(), dim=1).numpy()
    measured = finishing.summarised(
        study,
        variant,
        clips["train"],
        clips["validation"],
        of_training[finishing.evenly(len(of_training))].numpy(),
        of_validation.numpy(),
        shares,
    )
    about = {"seed": seed, "epoch": best.row["epoch"], "digest": digest, "init_from": {}}
    content = finishing.content(study, variant, scale, about, model.state_dict())
    history = [fit.row for fit in found]
    finishing.write(folder, {**content, **measured}, history, f"{variant.name}, seed {seed}", "Fit")
    return history
