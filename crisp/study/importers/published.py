"""The keys of a study that make its optimisation and its regions of interest the published ones.

They are those of ``config/ttstroke21-published.yaml``. All other published values are the defaults: sizes,
epochs, batches, momentum, weight decay, windows of the decisions.
"""

from __future__ import annotations

from typing import Any

KEYS: dict[str, dict[str, Any]] = {
    "preparation": {"roi": {"threshold": 0, "power": 0}},
    "defaults": {"init": "torch", "double_softmax": True, "pose_norm": "image"},
    "training": {"learning_rate": 0.001, "schedule": "constant"},
}
