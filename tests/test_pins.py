"""Pins are written once in pyproject.toml; what repeats them agrees."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from crisp import __version__, doctor, libraries

ROOT = Path(__file__).parents[1]


def requirements() -> list[str]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for line in [*requirements(), *extras["dev"], *extras["pose"]]:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", line), line


def test_conda_environment_has_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "envs/crisp.yaml").read_text())
    assert environment["dependencies"][-1] == {"pip": requirements()}


def test_headless_environment_differs_by_its_build_of_opencv() -> None:
    full, headless = (
        yaml.safe_load((ROOT / "envs" / name).read_text()) for name in ("crisp.yaml", "headless.yaml")
    )
    pins = headless["dependencies"].pop()["pip"]
    assert pins == [
        line.replace("opencv-contrib-python==", "opencv-contrib-python-headless==") for line in requirements()
    ]
    assert len([line for line in pins if line.startswith("opencv")]) == 1
    assert headless["dependencies"] == full["dependencies"][:-1]


def test_container_takes_the_pins_from_the_project() -> None:
    recipe = (ROOT / "envs/crisp.def").read_text()
    installs = re.findall(r"pip install --no-cache-dir (.+)", recipe)
    torch = next(line for line in requirements() if line.startswith("torch=="))
    assert installs == [f"{torch} --index-url {{{{ TORCH_INDEX }}}}", "/opt/crisp"]
    for needed in ("pyproject.toml", "README.md", "LICENSE", "crisp"):
        assert (ROOT / needed).exists()
        assert f"    {needed} /opt/crisp/{needed}\n" in recipe
    system = re.search(r"apt-get install --yes --no-install-recommends (.+)", recipe)
    assert system is not None
    assert set(system[1].split()) == {libraries.PACKAGES[name][0] for name in libraries.USUAL}


def test_recipes_name_the_pinned_versions() -> None:
    """Commands in the comments of the recipes, too."""
    pins = doctor.pins()
    pins["opencv-contrib-python-headless"] = pins["opencv-contrib-python"]
    for path in (ROOT / "envs").iterdir():
        named = re.findall(r"pip install .*?([a-z-]+)==([0-9.]+)", path.read_text())
        assert named, path
        assert all(pins[package] == version for package, version in named), path


def test_workflow_uses_the_container_that_the_recipe_builds() -> None:
    image = re.search(r'^container: "(.+)"$', (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert image is not None
    assert f"apptainer build {image[1]} envs/crisp.def" in (ROOT / "envs/crisp.def").read_text()


def test_citation_and_changelog_name_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
