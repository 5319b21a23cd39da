"""Find a study file in the working directory: by path, by name, or as the only one."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crisp.core import strict_yaml
from crisp.core.errors import CrispError, fail
from crisp.core.words import few

# Search paths for studies. Files named study.yaml are accepted without checking.
PLACES = ("study.yaml", "config/*.yaml", "config/*/*.yaml")
ELSEWHERE = "go to the folder that holds your study, or give its path"
SHOWN = 10  # study files per message


def find_study(given: str | Path) -> Path:
    """Return the requested study file.

    Parameters
    ----------
    given : str or Path
        A path of a study file or of its folder; or the name of a study in the working directory: `NAME` of
        ``config/NAME/study.yaml`` and ``config/NAME.yaml``, or the key ``study`` of such a file. ``.`` means
        the only study of the working directory, which is then printed on standard error. Studies with
        generated videos, such as the demo, are only found by path or name.

    Returns
    -------
    Path
        A missing file is left to the reader to report.

    Raises
    ------
    CrispError
        If no study has that name, or more than one; for ``.`` if there is not exactly one study.
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
        "the working folder holds no study of your own",
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
    """Return the content of the study files in the working directory; empty for an unreadable one."""
    found: dict[Path, Any] = {}
    for path in (path for place in PLACES for path in sorted(Path().glob(place))):
        try:
            content = strict_yaml.read_yaml(path)
        except CrispError:
            content = None
        # Other YAML files, e.g. of a conda environment, are not studies; for invalid ones it is unknown.
        if path.name == "study.yaml" or (isinstance(content, dict) and {"study", "dataset"} & content.keys()):
            found[path] = content
    return found


def _name(content: Any) -> str:
    return str(content.get("study", "")) if isinstance(content, dict) else ""


def _generates(content: Any) -> bool:
    dataset = content.get("dataset") if isinstance(content, dict) else None
    return isinstance(dataset, dict) and bool(dataset.get("generate"))


def _short(path: Path, studies: dict[Path, Any]) -> str:
    """Return what to type for a study: its name if it is unique."""
    name = _name(studies.get(path))
    return name if name and [_name(content) for content in studies.values()].count(name) == 1 else str(path)


def _listed(paths: Iterable[Path], studies: dict[Path, Any]) -> str:
    return few([f"{path} ({_name(studies[path]) or 'unnamed'})" for path in paths], SHOWN)
