"""The mean of all models of a variant, as each of them predicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crisp.clips.dataset import ClipDataset, clip_readers, read_scale
from crisp.clips.normalisation import from_json
from crisp.core.errors import CrispError
from crisp.evaluation.committee import committee_probabilities
from crisp.evaluation.inference import window_probabilities
from crisp.evaluation.trained_model import trained_model
from crisp.study import load
from crisp.study.samples import UNKNOWN
from crisp.training import trainer
from tests import trainable


def test_mean_over_seeds_of_the_middle_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trainable.build()
    training = {**trainable.CONTENT["training"], "epochs": 1}
    made = load.resolve_study({**trainable.CONTENT, "training": training, "seeds": [1, 2]})
    variant = made.variant("flow")
    # As long as a clip, so that each has one window; more than a batch.
    samples = [trainable.sample(index, length=8)._replace(label=UNKNOWN) for index in range(6)]
    for seed in made.seeds:
        folder = made.model_folder("flow", "main", seed)
        trainer.train_model(made, variant, "main", seed, folder, Path(f"state-{seed}"), "cpu")
    found = committee_probabilities(made, variant, samples, "cpu")
    clips = ClipDataset(
        samples,
        made.classes,
        clip_readers(made, variant, ["v"]),
        variant,
        from_json(read_scale(made, variant, "main")),
    )
    each = [
        [
            window_probabilities(trained_model(made, variant, "main", seed, "cpu"), clips, one, 4)[0]
            for one in samples
        ]
        for seed in made.seeds
    ]
    assert np.abs(each[0][0] - each[1][0]).max() > 1e-6, "the models differ"
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-6)
    made.model_folder("flow", "main", 2).joinpath("model.pt").unlink()
    with pytest.raises(CrispError, match="seed-2"):
        committee_probabilities(made, variant, samples, "cpu")
