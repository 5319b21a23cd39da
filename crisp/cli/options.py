"""Options shared by several commands."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from crisp.core import names, views
from crisp.core.errors import fail


def named(part: str) -> Callable[[str], str]:
    """Accept only names that the workflow accepts, as they become parts of paths."""
    return lambda name: names.checked(part, name)


def region(text: str) -> views.Box:
    """Read a region of the picture.

    Raises
    ------
    CrispError
        If it is not a box inside the picture.
    """
    try:
        return views.parse_box(text)
    except ValueError as error:
        raise fail("--region", "bad region", *error.args) from None


def named_regions(texts: Sequence[str]) -> dict[str, views.Box]:
    """Read the regions of the players, ``left=0,0,0.5,1``.

    Raises
    ------
    CrispError
        If one is not a box inside the picture, or two overlap or have the same name.
    """
    try:
        return views.parse_regions("; ".join(texts))
    except ValueError as error:
        raise fail("--region", "bad region", *error.args) from None


def _study(given: str) -> Path:
    """Return the study file for a path, a name, or without either."""
    from crisp.study import study_files

    return study_files.find_study(given)


STUDY: dict[str, Any] = {"parser": _study, "metavar": "STUDY"}
StudyFile = Annotated[
    Path,
    typer.Option(
        "--study",
        help="A study file, or the name of one in the working directory.",
        show_default="the one study of the working folder",
        **STUDY,
    ),
]


def choice(option: str, none: str | None = None) -> dict[str, Any]:
    """Return an option with a few allowed values; `none` is one more, the default."""
    return {
        "parser": lambda value: value if value == none else names.chosen(option, value),
        "metavar": "TEXT",
    }


Method = Annotated[str, typer.Option(**choice("method"), help="Optical flow method.")]
Seed = Annotated[int, typer.Option(min=0, help="Training seed.")]
SPLIT: dict[str, Any] = {"parser": named("split"), "metavar": "SPLIT"}
Split = Annotated[str, typer.Option(**SPLIT, help="Name of the split.")]
Variant = Annotated[
    str, typer.Argument(parser=named("variant"), metavar="VARIANT", help="Name of a variant.")
]
Joined = Annotated[
    Path | None, typer.Option("--volume", help="Also link the video's stage files in this volume.")
]
Device = Annotated[
    str,
    typer.Option(
        **choice("device"), help="auto (a GPU if there is one), cpu, cuda, or cuda:1 for a second GPU."
    ),
]
LabelSnapshot = Annotated[Path | None, typer.Option(help="Label snapshot from the start of a run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Profile = Annotated[str, typer.Option(help="local, node, slurm, or a profile of your own.")]
Cores = Annotated[int | None, typer.Option(min=1, help="CPU cores to use.", show_default="the profile's")]
Options = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- OPTIONS]", help="Options and targets of Snakemake, after --."),
]
HERE = Path()


def print_json(content: Any) -> None:
    """Print content as one indented JSON document, for `--json`; in ASCII if the stream is not UTF-8."""
    print(json.dumps(content, indent=1, ensure_ascii=codecs.lookup(sys.stdout.encoding).name != "utf-8"))


def check_facing(text: str, regions: Iterable[str]) -> None:
    """Check the sides to which players play.

    Raises
    ------
    CrispError
        If one is neither left nor right, or of a region that is not given.
    """
    try:
        views.parse_facing(text, regions)
    except ValueError as error:
        raise fail("--facing", "bad side", *error.args) from None
