"""The documentation site has all pages, its API reference what exists; it loads nothing from the network."""

from __future__ import annotations

import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.pages import PAGES, ROOT, blocks

API = ROOT / "docs/api.md"
NAMES = re.findall(r"^- `(crisp\.[\w.]+)`$", API.read_text(), re.MULTILINE)


def pages(part: object) -> Iterator[str]:
    """The pages of a part of the navigation."""
    if isinstance(part, str):
        yield part
    else:
        for entry in part.values() if isinstance(part, dict) else part:  # type: ignore[attr-defined]
            yield from pages(entry)


def test_every_page_is_in_the_navigation_once() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert sorted(pages(settings["nav"])) == sorted(page.relative_to(ROOT).as_posix() for page in PAGES)


@pytest.mark.parametrize("name", NAMES)
def test_the_api_exists_and_is_documented(name: str) -> None:
    found = pkgutil.resolve_name(name)
    assert inspect.isfunction(found) or inspect.isclass(found)
    assert not name.rpartition(".")[2].startswith("_")
    assert found.__doc__


def test_the_example_of_the_api_runs() -> None:
    [code] = [text for language, text in blocks(API) if language == "python"]
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == code.rpartition("#")[2].strip()


def test_the_picture_of_the_architecture_has_the_layers() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = reversed(project["tool"]["importlinter"]["contracts"][0]["layers"])
    picture = (ROOT / "docs/pictures/architecture.svg").read_text()
    assert re.findall(r'class="name"[^>]*>(\w+)<', picture) == [
        name for layer in layers for name in layer.split(" | ")
    ]


def test_the_site_is_built_and_loads_nothing_from_the_network(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="`make docs` installs it")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    built = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.html")}
    assert {"index.html", "CHANGELOG.html", "config/index.html", "docs/tutorial.html"} < built.keys()
    assert {name for name in NAMES if f'id="{name}"' not in built["docs/api.html"]} == set()
    for name, page in built.items():
        tags = "\n".join(re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page))
        assert re.findall(r"""(?:src|href)=["']?(?:https?:)?//[^\s>]*""", tags) == [], name
