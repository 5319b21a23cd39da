"""Pins are written once in pyproject.toml; what repeats them agrees."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from crisp import __version__
from crisp.core import system_libraries
from crisp.workflow import doctor

ROOT = Path(__file__).parents[1]
RECIPES = [ROOT / "envs" / name for name in ("crisp.def", "crisp.yaml", "headless.yaml")]
LOCKS = {  # the extra of each, besides what every install needs
    "requirements.lock": "",
    "requirements-dev.lock": "dev",
    "requirements-pose.lock": "pose",
}


def requirements() -> list[str]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    for line in [*requirements(), *extras]:
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
    assert set(system[1].split()) == {system_libraries.PACKAGES[name][0] for name in system_libraries.USUAL}


def test_recipes_name_the_pinned_versions() -> None:
    """Commands in the comments of the recipes, too."""
    pins = doctor.pins()
    pins["opencv-contrib-python-headless"] = pins["opencv-contrib-python"]
    for path in RECIPES:
        named = re.findall(r"pip install .*?([a-z-]+)==([0-9.]+)", path.read_text())
        assert named, path
        assert all(pins[package] == version for package, version in named), path


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name: str) -> dict[str, set[str]]:
    """Versions of each package of a lock file, each with hashes alone."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / "envs" / name).read_text(), flags=re.MULTILINE)
    found: dict[str, set[str]] = {}
    for entry in re.split(r"\n(?=\S)", text.strip()):
        head, *hashes = entry.split(" \\\n")
        assert hashes, f"{head} has no hash"
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", line) for line in hashes), head
        package, version = re.fullmatch(r"([A-Za-z0-9_.-]+)==([^ ;]+)(?: ; .+)?", head).groups()  # type: ignore[union-attr]
        found.setdefault(normal(package), set()).add(version)
    return found


@pytest.mark.parametrize(("name", "extra"), LOCKS.items())
def test_lock_has_every_pin_with_its_hashes(name: str, extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = [*requirements(), *(project["optional-dependencies"][extra] if extra else [])]
    found = locked(name)
    assert len(found) > len(pins)  # those of the pinned packages, too
    for package, version in (pin.split("==") for pin in pins):
        assert found[normal(package)] == {version}


def test_locks_cover_all_extras_and_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {pin for pins in project["optional-dependencies"].values() for pin in pins}
    every = {
        f"{package}=={version}"
        for name in LOCKS
        for package, versions in locked(name).items()
        for version in versions
    }
    assert {
        f"{normal(package)}=={version}" for package, version in (pin.split("==") for pin in pinned)
    } <= every
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


def test_lock_is_of_public_packages_alone() -> None:
    for name in LOCKS:
        text = (ROOT / "envs" / name).read_text()
        assert "file:" not in text
        assert "://" not in text
        assert "make lock" in text


def test_workflow_uses_the_container_that_the_recipe_builds() -> None:
    image = re.search(r'^container: "(.+)"$', (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert image is not None
    assert f"apptainer build {image[1]} envs/crisp.def" in (ROOT / "envs/crisp.def").read_text()


def test_citation_and_changelog_name_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    assert f"\n## v{__version__} (" in (ROOT / "CHANGELOG.md").read_text()
