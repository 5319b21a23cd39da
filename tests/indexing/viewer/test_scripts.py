"""The scripts of the page, joined to one as the page has them, use no name that none of them defines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crisp.indexing.viewer import page
from tests.pages import ROOT

FOLDER = Path(page.__file__).parent


def lint(path: Path, script: str) -> str:
    """What the linter finds in a script, names included; `make lint` sees one file at a time."""
    path.write_text(script)
    linter = Path(sys.executable).with_name("oxlint")
    command = [
        linter,
        "--config",
        ROOT / ".oxlintrc.json",
        "-Dno-undef",
        "-Dno-unused-vars",
        "-Ano-shadow",
        path,
    ]
    return subprocess.run([*command, "--format", "unix"], capture_output=True, text=True).stdout


def test_the_page_has_every_script_once() -> None:
    assert sorted(page.SCRIPTS) == sorted(path.name for path in FOLDER.glob("*.js"))


def test_every_name_is_defined_and_used(tmp_path: Path) -> None:
    script = "\n".join((FOLDER / name).read_text() for name in page.SCRIPTS)
    assert lint(tmp_path / "page.js", script).strip() == ""


@pytest.mark.parametrize(
    ("fault", "rule"), [("clampp(1, 2, 3);", "no-undef"), ("const idle = 1;", "no-unused-vars")]
)
def test_a_fault_is_found(tmp_path: Path, fault: str, rule: str) -> None:
    assert rule in lint(tmp_path / "page.js", fault)
