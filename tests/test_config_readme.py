"""The documentation of the keys says what the schema says."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_readme_holds_the_schemas_keys_and_defaults() -> None:
    keys = runpy.run_path(str(ROOT / "docs" / "keys.py"))
    text = (ROOT / "config" / "README.md").read_text()
    assert keys["updated"](text) == text, "run: python docs/keys.py"
    assert "`training.learning_rate`" in text
