"""Models at the published size: one pass forward and back of one clip fits into 12 GB."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

CLASSES = 21
LIMIT = 12e9  # bytes
# In a process of its own, which knows its own peak.
PASS = """
import json, resource, sys
import torch
from torch.nn import functional
from crisp import models
from crisp.study.variants import Variant

variant = Variant.from_config({"name": "v", "size": (100, 120, 120), **json.loads(sys.argv[1])})
model = models.build(variant, 21)
clips = {stream: torch.rand(1, *models.input_shape(stream, variant)) for stream in variant.streams}
logits = model(clips)
functional.cross_entropy(logits, torch.tensor([3])).backward()
print(json.dumps({
    "shape": list(logits.shape),
    "idle": [name for name, weights in model.named_parameters() if weights.grad is None],
    "finite": all(bool(weights.grad.isfinite().all()) for weights in model.parameters()),
    "peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "keys",
    [
        {"model": "rgb"},
        {"model": "flow"},
        {"model": "pose"},
        {"model": "twin"},
        {"model": "twin", "attention": True},
        {"model": "three-stream"},
        {"model": "three-stream", "attention": True},
    ],
    ids=lambda keys: "-".join(map(str, keys.values())),
)
def test_one_pass_fits(keys: dict[str, object]) -> None:
    command = [sys.executable, "-c", PASS, json.dumps(keys)]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(f"peak {found['peak'] / 1e9:.1f} GB")
    assert found["shape"] == [1, CLASSES]
    assert found["idle"] == []
    assert found["finite"]
    assert found["peak"] <= LIMIT
