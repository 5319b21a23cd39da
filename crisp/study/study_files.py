"""The study files of the working folder: which one a verb takes, by path, by name, or as the only one."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crisp.core import strict_yaml
from crisp.core.errors import CrispError, fail
from crisp.core.words import few

# Where studies are looked for. Those named study.yaml are taken without being asked for.
PLACES = ("study.yaml", "config/*.yaml", "config/*/*.yaml")
ELSEWHERE = "go to the folder that holds your study, or give its path"
SHOWN = 10  # study files in a message


def find_study(given: str | Path) -> Path:
    """The study file that is meant.

    Parameters
    ----------
    given : str or Path
        A path of a study file or of its folder; or the name of a study in the working folder: `NAME` of
        ``config/NAME/study.yaml`` and ``config/NAME.yaml``, or the key ``study`` of such a file. ``.`` stands
        for the one study of the working folder, which is then named on standard error. Studies whose videos
        are generated, as the demo's, are taken by path or name only.

    Returns
    -------
    Path
        One that does not exist is left to the reader to report.

    Raises
    ------
    CrispError
        If no study has that name, or more than one; of ``.`` if there is not one study.
    """
    path = Path(given)
    if path == Path():
        return _only()
    inside = path / "study.yaml"
    if inside.is_file():
        return inside
    if (path.exists() and not path.is_dir()) or len(path.parts) > 1 or path.suffix:
        return path
    return _named(str(given))


def _only() -> Path:
    studies = _studies()
    own = [path for path in studies if path.name == "study.yaml" and not _generates(studies[path])]
    if len(own) == 1:
        print(f"study: {own[0]} (the one in this folder; --study names another)", file=sys.stderr)
        return own[0]
    if own:
        raise fail(
            "--study",
            "the working folder holds more than one study",
            "the path of a study file, or its name",
            _listed(own, studies),
            f"choose one, as in --study {own[0]}",
        )
    here = f"choose one, as in --study {_short(next(iter(studies)), studies)}" if studies else ELSEWHERE
    raise fail(
        "--study",
        "the working folder holds no study of yours",
        "the path of a study file, or its name",
        _listed(studies, studies) or f"no study file in {Path.cwd()}",
        f"{here}; crisp import writes one for your videos",
    )


def _named(name: str) -> Path:
    studies = _studies()
    places = (Path("config", name, "study.yaml"), Path("config", f"{name}.yaml"))
    found = [path for path, content in studies.items() if path in places or _name(content) == name]
    if len(found) == 1:
        return found[0]
    raise fail(
        f"--study {name}",
        "more than one study has this name" if found else "no study has this name",
        "the path of a study file, or a study's name",
        _listed(found or studies, studies) or f"no study file in {Path.cwd()}",
        f"choose one, as in --study {next(iter(found or studies))}" if studies else ELSEWHERE,
    )


def _studies() -> dict[Path, Any]:
    """Content of the study files of the working folder; of one that cannot be read nothing."""
    found: dict[Path, Any] = {}
    for path in (path for place in PLACES for path in sorted(Path().glob(place))):
        try:
            content = strict_yaml.read_yaml(path)
        except CrispError:
            content = None
        # Of another YAML file, as of a conda environment, this is no study; of a bad one it cannot be said.
        if path.name == "study.yaml" or (isinstance(content, dict) and {"study", "dataset"} & content.keys()):
            found[path] = content
    return found


def _name(content: Any) -> str:
    return str(content.get("study", "")) if isinstance(content, dict) else ""


def _generates(content: Any) -> bool:
    dataset = content.get("dataset") if isinstance(content, dict) else None
    return isinstance(dataset, dict) and bool(dataset.get("generate"))


def _short(path: Path, studies: dict[Path, Any]) -> str:
    """What to type for a study: its name where no other has it."""
    name = _name(studies.get(path))
    return name if name and [_name(content) for content in studies.values()].count(name) == 1 else str(path)


def _listed(paths: Iterable[Path], studies: dict[Path, Any]) -> str:
    return few([f"{path} ({_name(studies[path]) or 'unnamed'})" for path in paths], SHOWN)
