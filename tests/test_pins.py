"""Pins are written once in pyproject.toml; what repeats them agrees."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from crisp import __version__

ROOT = Path(__file__).parents[1]


def requirements() -> list[str]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in [*requirements(), *project["optional-dependencies"]["dev"]]:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", line), line


def test_conda_environment_has_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "envs/crisp.yaml").read_text())
    assert environment["dependencies"][-1] == {"pip": requirements()}


def test_citation_and_changelog_name_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
