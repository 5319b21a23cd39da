"""A machine of two cores without a GPU, whatever the tests run on: a preset depends on it."""

from __future__ import annotations

import pytest

from crisp.study.importers.presets import Machine
from crisp.workflow import importing


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "this_machine", lambda: Machine(2, False))
