"""A machine of two cores without a GPU, whatever the tests run on: a preset depends on it."""

from __future__ import annotations

import pytest

from crisp.importers import presets
from crisp.importers.presets import Machine


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "this_machine", lambda: Machine(2, False))
