"""The mean prediction of all trained models of a variant, for samples that none of them has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from crisp.clips import normalisation
from crisp.clips.dataset import ClipDataset, clip_readers, read_scale
from crisp.evaluation.inference import model_rows
from crisp.evaluation.trained_model import trained_model
from crisp.study.config import Study
from crisp.study.samples import Sample
from crisp.study.variants import Variant
from crisp.training.devices import make_deterministic


def committee_probabilities(
    study: Study, variant: Variant, samples: Sequence[Sample], device: str = "auto"
) -> NDArray[np.float64]:
    """Return the mean probabilities of a variant's models of all splits and seeds.

    Each model sees the clip in the middle of a sample.

    Parameters
    ----------
    study : Study
    variant : Variant
    samples : sequence of Sample
        n >= 1 samples.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.

    Returns
    -------
    ndarray, (n, N)
        By class of the study.

    Raises
    ------
    CrispError
        If a model, a normalisation or a stage file is missing or damaged.
    """
    make_deterministic(study.training.threads)
    readers = clip_readers(study, variant, (one.video for one in samples))
    size = study.training_of(variant).batch_size
    found = []
    for split in study.split_names:
        scale = read_scale(study, variant, split)
        normalised = normalisation.from_json(scale) if scale else None
        clips = ClipDataset(samples, study.classes, readers, variant, normalised)
        for seed in study.seeds:
            model = trained_model(study, variant, split, seed, device)
            to = next(model.parameters()).device
            rows = []
            for first in range(0, len(clips), size):
                batch = [clips[index][0] for index in range(first, min(first + size, len(clips)))]
                streams = {name: torch.stack([clip[name] for clip in batch]).to(to) for name in batch[0]}
                rows.append(model_rows(model, streams))
            found.append(np.concatenate(rows))
    return np.mean(found, axis=0)
