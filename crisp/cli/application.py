"""The command-line app to which each module adds its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from crisp import __version__

app = typer.Typer(
    help="From hours of sports video to indexed, classified strokes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
DATA, PREPARATION, LABELS, MODELS = "Data", "Preparation", "Labels", "Models"
RUNS = "Runs"


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """From hours of sports video to indexed, classified strokes."""
