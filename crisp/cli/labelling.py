"""The commands of labels by hand: annotate, serve, correct, export."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crisp.cli.application import LABELS, app
from crisp.cli.options import HERE, STUDY, StudyFile, named_regions
from crisp.core.errors import fail
from crisp.core.words import counted, few

if TYPE_CHECKING:
    from crisp.indexing.labelling.subjects import Subject
    from crisp.study.annotations import Stroke

Videos = Annotated[
    list[str] | None,
    typer.Argument(metavar="VIDEO...", help="Video files; of a study also ids, or none for all."),
]
Classes = Annotated[
    str,
    typer.Option(
        metavar="NAME[:KEY][:#COLOUR],...",
        help="Classes to label with, with keys (default: 1 to 9) and colours of your own.",
        show_default="those of the study",
    ),
]
OfStudy = Annotated[Path | None, typer.Option("--study", help="A study: its videos and classes.", **STUDY)]
Annotations = Annotated[
    Path | None,
    typer.Option(help="Folder of annotation files, <video>.xml.", show_default="that of each video"),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="NAME=BOX",
        help="A player's region, left,top,right,bottom in shares of the picture; repeat.",
    ),
]


def _subjects(
    videos: list[str] | None,
    classes: str,
    study: Path | None,
    annotations: Path | None,
    regions: list[str] | None,
    out: Path | None = None,
) -> list[Subject]:
    """Return the videos that a command names."""
    from crisp.indexing.labelling.marks import parse_marks
    from crisp.indexing.labelling.subjects import of_files, of_study

    marks = parse_marks(classes) if classes else ()
    if study is None:
        if not videos or not marks:
            expected = "video files and --classes, or --study"
            raise fail("VIDEO", "nothing to label", expected, "neither", "add what is missing")
        return of_files(map(Path, videos), marks, annotations, out, named_regions(regions or []))
    if annotations or regions:
        option = "--annotations" if annotations else "--region"
        remedy = "leave it out: a study's tables say where annotations and regions are"
        raise fail(option, "given with --study", "one of them", "both", remedy)
    from crisp.study.load import load_study

    return of_study(load_study(study), videos or (), marks, out)


@app.command(rich_help_panel=LABELS)
def annotate(
    videos: Videos = None,
    classes: Classes = "",
    study: OfStudy = None,
    annotations: Annotations = None,
    region: Regions = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the pages.", show_default="that of each video, or the study's results"),
    ] = None,
    proxy: Annotated[bool, typer.Option("--proxy", help="Also copy the videos for browsers.")] = False,
) -> None:
    """Make an HTML page for each video on which its strokes are labelled by keys, without a model.

    Example: crisp annotate match.mp4 --classes forehand,backhand,serve
    """
    from crisp.indexing.labelling import make_pages

    subjects = _subjects(videos, classes, study, annotations, region, out)
    typed = ["crisp", *(word for word in sys.argv[1:] if word != "--proxy")]
    pages, warnings = make_pages(subjects, shlex.join(typed), proxy)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for page in pages:
        print(page)


@app.command(rich_help_panel=LABELS)
def serve(
    videos: Videos = None,
    classes: Classes = "",
    study: OfStudy = None,
    annotations: Annotations = None,
    region: Regions = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of this machine; 0: a free one.")] = 8127,
) -> None:
    """List videos on a page of this machine alone, label them there, and save in place. Ctrl-C ends it.

    Example: crisp serve --study config/mine/study.yaml
    """
    import secrets

    from crisp.indexing.labelling import server

    subjects = _subjects(videos, classes, study, annotations, region)
    place = server.listen(port)
    port, token = place.getsockname()[1], secrets.token_urlsafe(24)
    typed = shlex.join(["crisp", "annotate", *_without_port(sys.argv[2:])])
    print(f"http://{server.LOOPBACK}:{port}/{token}/", flush=True)
    print(f"{counted(len(subjects), 'video')}; open this address in a browser, Ctrl-C ends", file=sys.stderr)
    try:
        server.run(server.application(subjects, typed, token, port), place)
    except KeyboardInterrupt:
        print("ended; what is saved is saved", file=sys.stderr)


def _without_port(words: list[str]) -> list[str]:
    """Return the options that `crisp annotate` has as well."""
    kept = list(words)
    for number, word in enumerate(words):
        if word == "--port":
            kept[number : number + 2] = []
    return [word for word in kept if not word.startswith("--port=")]


@app.command(rich_help_panel=LABELS)
def correct(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Annotations that the viewer saved.")
    ],
    study: StudyFile = HERE,
    video: Annotated[str, typer.Option(help="Id of the video, if the file is not named after it.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only show what would change; write nothing.")
    ] = False,
) -> None:
    """Put corrected annotations into a study, each with a backup, and show what changes.

    Example: crisp correct player-21.xml --study config/mine/study.yaml
    """
    from crisp.study.correction import put
    from crisp.study.load import load_study

    loaded = load_study(study)
    done = put(loaded, files, video, not dry_run)
    changed = [(one.row.video, change) for one in done for change in one.changes]
    if changed:
        cells = [(video, change.kind, _told(change.before), _told(change.after)) for video, change in changed]
        rows = [("video", "change", "before", "after"), *cells]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        for row in rows:
            print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))
    for one in done:
        print(
            f"{one.path}: {counted(len(one.changes), 'stroke')} changed"
            if one.changes
            else f"{one.path}: unchanged",
            "; not labelled to its end" if one.begun else "",
            sep="",
            file=sys.stderr,
        )
    counts = list(dict.fromkeys(one.row.video for one in done if one.counts))
    print(_next_run(counts, str(study), dry_run), file=sys.stderr)


def _told(stroke: Stroke | None) -> str:
    if stroke is None:
        return "-"
    return f"{stroke.begin} to {stroke.end} {stroke.label or 'no class'}" + (
        stroke.player and f" ({stroke.player})"
    )


def _next_run(videos: list[str], study: str, dry_run: bool) -> str:
    """Say what the next run of a study will do."""
    would = "would be" if dry_run else "are"
    if not videos:
        return "the next run finds the labels of the last one"
    return (
        f"the labels of {counted(len(videos), 'video')} {would} new to the next run: {few(videos, 10)}.\n"
        "It makes the samples again and what depends on them, not frames and flow; "
        f"crisp run --study {study} -n lists the jobs"
    )


@app.command(rich_help_panel=LABELS)
def export(
    index_file: Annotated[
        Path, typer.Argument(metavar="INDEX", help="index.json of a video, from crisp index.")
    ],
    annotations: Annotated[
        Path | None,
        typer.Option(help="Corrected annotation, from the viewer.", show_default="the strokes of the model"),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="xml, csv, eaf (ELAN), boris or vtt; repeat.", show_default="all"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to.", show_default="corrected, beside INDEX")
    ] = None,
) -> None:
    """Write the corrected strokes of an indexed video as CSV and for ELAN, BORIS and video players.

    Example: crisp export found/match/index.json --annotations match.xml --format eaf
    """
    from crisp.indexing.exports import FORMATS, check_unchanged, write_formats
    from crisp.indexing.exports.corrected import with_strokes
    from crisp.study.annotations import read_annotation
    from crisp.study.index_file import read_index

    names = {name.partition(".")[2]: name for name in FORMATS}
    for wanted in formats or ():
        if wanted not in names:
            raise fail("--format", "no such format", ", ".join(names), repr(wanted), "choose one of them")
    index = read_index(index_file, whole=True)
    if annotations:
        index = with_strokes(index, read_annotation(annotations), str(annotations))
    folder = out or index_file.with_name("corrected")
    check_unchanged(folder)
    chosen = [names[wanted] for wanted in formats or names]
    write_formats(folder, index, chosen)
    for name in chosen:
        print(folder / name)
