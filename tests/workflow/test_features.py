"""A frozen network in real Snakemake runs: its features once, before all trainings."""

from __future__ import annotations

import pytest

from crisp.study.annotations import read_annotation, write_annotation
from tests import frozen
from tests.workflow.conftest import CLASSES, Study


@pytest.mark.slow
def test_features_come_before_trainings(done: Study) -> None:
    weights = frozen.write_weights(done.folder / "weights.pth")
    variants = done.config["variants"]
    added = {"name": "frozen", **frozen.SMALL, "weights": weights.name}
    done.configure(variants=[*variants, added])
    assert dict(done.run().jobs) == {"features": 1, "train": 1, "evaluate": 1, "summary": 1}
    volumes = done.folder / "results/volumes/tiny"
    files = {path.parts[-3]: path for path in volumes.glob("*/features/*.h5")}
    assert sorted(files) == ["v1", "v2"]
    dates = {name: path.stat().st_mtime_ns for name, path in files.items()}
    assert dict(done.run("-n").jobs) == {}

    # Another label of a training stroke: the same features; deleted ones come with the training.
    strokes = read_annotation(done.xml("v1"))
    write_annotation(done.xml("v1"), [strokes[0]._replace(label=CLASSES[1]), *strokes[1:]])
    files["v2"].unlink()
    jobs = done.run().jobs
    assert ("features" in jobs, jobs["train"]) == (False, 3)
    assert files["v1"].stat().st_mtime_ns == dates["v1"]
    assert files["v2"].exists()

    # Other weights: all of it again.
    frozen.write_weights(weights, seed=8)
    assert dict(done.run().jobs) == {"features": 1, "train": 1, "evaluate": 1, "summary": 1}
    assert files["v1"].stat().st_mtime_ns > dates["v1"]
    assert done.crisp("redo", "--study", "study.yaml", "--from", "features", "v1").returncode == 0
    assert not files["v1"].exists()
