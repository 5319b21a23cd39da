"""The commands of a data set: import, scan, check, demo."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from crisp.cli.application import DATA, app
from crisp.cli.options import HERE, AsJson, StudyFile, print_json
from crisp.core.errors import CrispError, listed
from crisp.core.limits import MOST_FPS
from crisp.core.views import MOST_REGIONS
from crisp.core.words import counted


@app.command("import", rich_help_panel=DATA)
def import_(
    source: Annotated[Path, typer.Argument(help="Folder of the data set, or a file of labels.")],
    name: Annotated[
        str, typer.Option(help="Name of the data set; not needed for --preview.", show_default="required")
    ] = "",
    layout: Annotated[str, typer.Option(help="auto, or the name of a layout.")] = "auto",
    config: Annotated[Path, typer.Option(help="Parent folder of the folder of tables.")] = Path("config"),
    preset: Annotated[
        str,
        typer.Option(
            help="Size of the study: quick (minutes), standard, full, published; auto: by machine and data."
        ),
    ] = "auto",
    fps: Annotated[
        float,
        typer.Option(help="Frame rate of raw videos (.h264, .mjpeg) that store none.", min=0, max=MOST_FPS),
    ] = 0,
    group: Annotated[
        str,
        typer.Option(
            help="Regular expression for the player in a video's path, such as '^([a-z]+)-'.",
            show_default="guessed",
        ),
    ] = "",
    regions: Annotated[
        str,
        typer.Option(
            metavar="BOXES",
            help="A box of the picture for each player, in shares: 'left=0,0,.5,1; right=.5,0,1,1'.",
        ),
    ] = "",
    tier: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Take the labels of this tier, or of these: a,b. Repeatable."),
    ] = None,
    label_from: Annotated[
        str,
        typer.Option(
            metavar="FIELD",
            help="Field of a label that is its class: tier, modifiers, ...; several: label,modifiers.",
            show_default="label",
        ),
    ] = "",
    player_from: Annotated[
        str,
        typer.Option(
            metavar="FIELD", help="Field that is its player: tier, ..., or none.", show_default="subject"
        ),
    ] = "",
    label_fps: Annotated[
        float,
        typer.Option(
            help="Rate at which frame numbers of the labels count, if not the video's.",
            min=0,
            max=MOST_FPS,
            show_default="the video's",
        ),
    ] = 0,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what would be taken, and write nothing.")
    ] = False,
    rename: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OLD=NEW", help="Rename a class, also at later imports. Repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS", help="Leave out a class, also at later imports. Repeatable."),
    ] = None,
    update: Annotated[
        bool,
        typer.Option(
            "--update", help="Change labels that differ from the source; keep the old files as .bak."
        ),
    ] = False,
) -> None:
    """Write the tables, annotations and a study file for a folder of videos.

    Example: crisp import /data/ttstroke --name ttstroke
    """
    from crisp.study.importers import class_changes
    from crisp.workflow import importing

    report = importing.import_dataset(
        source,
        name,
        config,
        layout,
        preset=preset,
        fps=fps,
        group=group,
        regions=regions,
        selection=importing.selection(tier or (), label_from, player_from, label_fps),
        classes=class_changes.parse(rename or (), ignore or ()),
        update=update,
        preview_only=preview,
    )
    for warning in listed(report.warnings):
        print(f"warning: {warning}", file=sys.stderr)
    for line in report:
        print(line)


@app.command(rich_help_panel=DATA)
def scan(
    videos: Annotated[list[str] | None, typer.Argument(help="Ids of videos; default: all in use.")] = None,
    study: StudyFile = HERE,
    decode: Annotated[bool, typer.Option(help="Count decoded frames instead of packets (slow).")] = False,
    as_json: AsJson = False,
) -> None:
    """Update videos.tsv from the files: size, frames, frame rate, timing and SHA-256.

    Example: crisp scan --study config/mine/study.yaml 20-04-12_07
    """
    from crisp.study.load import load_study
    from crisp.study.scan import scan_videos

    loaded = load_study(study)
    changes = scan_videos(loaded.videos_table, loaded.data, decode, videos or ())
    if as_json:
        print_json({"changes": changes})
    else:
        print("\n".join(changes) if changes else "nothing has changed")


@app.command(rich_help_panel=DATA)
def regions(
    videos: Annotated[
        list[str] | None, typer.Argument(help="Ids of videos; default: all in use without regions.")
    ] = None,
    study: StudyFile = HERE,
    players: Annotated[int, typer.Option(help="Players in the picture.", min=1, max=MOST_REGIONS)] = 2,
    minutes: Annotated[float, typer.Option(help="How much of each video to look at.", min=0)] = 2,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("regions.html"),
    given: Annotated[
        Path | None, typer.Option("--from", help="A table that the page saved, to put into videos.tsv.")
    ] = None,
) -> None:
    """Propose a region of the picture for each player, on a page where they can be corrected.

    Regions come from the motion of the first minutes. The page saves a table; --from puts it into videos.tsv.

    Example: crisp regions --study config/mine/study.yaml --players 2
    """
    from crisp.study import region_table
    from crisp.study.load import load_study

    loaded = load_study(study)
    if given:
        changes = region_table.give_regions(loaded.videos_table, region_table.read_regions(given))
        print("\n".join(changes) if changes else "nothing has changed")
        return
    from crisp.report.regions_page import propose_page

    table = out.with_suffix(".tsv").name
    wanted = [loaded.video(name) for name in videos or ()]
    wanted = wanted or [row for row in loaded.used.values() if not row.regions]
    for name, found in propose_page(loaded, wanted, players, minutes, out, table).items():
        print(f"{name}\t{found}")
    print(f"correct them in {out}, save {table} there, then: crisp regions --from {table}", file=sys.stderr)


@app.command(rich_help_panel=DATA)
def check(
    study: StudyFile = HERE,
    decode: Annotated[bool, typer.Option(help="Also decode every video (slow).")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a study's config, tables, annotations and files, and list all faults.

    Example: crisp check --study config/mine/study.yaml --decode
    """
    from crisp.study.load import load_study
    from crisp.workflow.check_study import check_study

    try:
        loaded = load_study(study)
        faults, warnings = check_study(loaded, [study], decode)
    except CrispError as error:  # the study file itself is invalid
        if not as_json:
            raise
        faults, warnings = list(error.faults), []
    if as_json:
        print_json({"faults": list(map(asdict, faults)), "warnings": list(map(asdict, warnings))})
        raise typer.Exit(1 if faults else 0)
    for warning in listed(warnings):
        print(f"warning: {warning}", file=sys.stderr)
    if faults:
        raise CrispError(*faults)
    print(f"{study}: {counted(len(loaded.used), 'video')} in use, no fault found")


@app.command(rich_help_panel=DATA)
def demo(
    videos: Annotated[list[str] | None, typer.Argument(help="Ids of demo videos; none = all.")] = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("data/demo"),
) -> None:
    """Make the synthetic table-tennis videos of the demo, with ground truth.

    Example: crisp demo --out data/demo player-01
    """
    from crisp.core.progress import progress
    from crisp.demo import VIDEOS, generate

    wanted = videos or [video.id for video in VIDEOS]
    for video in progress(wanted, "videos", "demo", len(wanted)):
        generate(video, out)
