"""Choosing a device."""

from __future__ import annotations

import pytest
import torch

from crisp.core.errors import CrispError
from crisp.training import devices


def test_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.choose_device() == torch.device("cpu")
    assert devices.choose_device("cpu") == torch.device("cpu")
    with pytest.raises(CrispError, match=r"device cuda:99: cannot be used\n[\s\S]*crisp doctor --gpu"):
        devices.choose_device("cuda:99")
    with pytest.raises(
        CrispError, match=r"no such choice\n    expected: auto, cpu, cuda, or .*\n    found: 'gpu'"
    ):
        devices.choose_device("gpu")


@pytest.mark.parametrize(("kind", "used"), [("float32", False), ("bfloat16", True), ("auto", False)])
def test_precision_on_a_cpu(kind: str, used: bool) -> None:
    assert devices.use_bfloat16(kind, torch.device("cpu")) is used
