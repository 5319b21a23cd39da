"""The commands of labels: samples, splits, normalisation, label errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from crisp.cli.application import LABELS, app
from crisp.cli.options import (
    HERE,
    SPLIT,
    STUDY,
    AsJson,
    Device,
    LabelSnapshot,
    Method,
    StudyFile,
    choice,
    named,
    print_json,
)


@app.command(rich_help_panel=LABELS)
def strokes(
    study: StudyFile = HERE,
    labels: LabelSnapshot = None,
) -> None:
    """Collect a study's samples, strokes and negatives, into strokes.tsv.

    Example: crisp strokes --study config/mine/study.yaml
    """
    from crisp.core import stage_files
    from crisp.study import samples
    from crisp.study.load import load_study
    from crisp.study.samples import collect_samples, write_samples

    loaded = load_study(study)
    label_snapshot = samples.read_labels(labels) if labels else None
    counts = {view: stage_files.frame_count(loaded.stage_file(view, "frames")) for view in loaded.views}
    write_samples(loaded.results / "strokes.tsv", collect_samples(loaded, counts, label_snapshot))


@app.command(rich_help_panel=LABELS)
def quality(
    video: Annotated[
        str,
        typer.Argument(
            parser=named("view"), metavar="VIDEO", help="Id of a video, or of a region: match@left."
        ),
    ],
    study: StudyFile = HERE,
    labels: LabelSnapshot = None,
    out: Annotated[
        Path | None, typer.Option(help="Picture to write.", show_default="in the study's results")
    ] = None,
) -> None:
    """Plot a quality-control figure of a prepared video: frames with ROI, flow, motion, strokes, warnings.

    Example: crisp quality --study config/mine/study.yaml match-7 --out match-7.png
    """
    from crisp.report.video_quality_plot import plot_video_quality
    from crisp.study import samples
    from crisp.study.load import load_study

    loaded = load_study(study)
    loaded.region(video)
    label_snapshot = samples.read_labels(labels) if labels else None
    plot_video_quality(loaded, video, out or loaded.quality_picture(video), label_snapshot)


@app.command(rich_help_panel=LABELS)
def split(name: Annotated[str, typer.Argument(**SPLIT)] = "main", study: StudyFile = HERE) -> None:
    """Assign the samples to train, validation and test.

    Example: crisp split --study config/mine/study.yaml
    """
    from crisp.study.load import load_study
    from crisp.study.samples import read_samples
    from crisp.study.splits import assign_split, write_split

    loaded = load_study(study)
    assigned = assign_split(loaded, read_samples(loaded.results / "strokes.tsv"), loaded.split(name))
    write_split(loaded.split_table(name), assigned)


@app.command("training-samples", rich_help_panel=LABELS)
def training_samples(
    name: Annotated[str, typer.Argument(**SPLIT)] = "main",
    study: StudyFile = HERE,
    labels: LabelSnapshot = None,
) -> None:
    """Write separate tables of the training and validation samples of a split.

    Example: crisp training-samples --study config/mine/study.yaml
    """
    from crisp.core import stage_files
    from crisp.study import samples
    from crisp.study.load import load_study
    from crisp.study.training_samples import write_training_samples

    loaded = load_study(study)
    label_snapshot = samples.read_labels(labels) if labels else None
    counts = {}
    for view, row in loaded.views.items():  # jobs of test videos may still be running
        frames = loaded.stage_file(view, "frames")
        counts[view] = stage_files.frame_count(frames) if frames.exists() else row.working_frames
    write_training_samples(loaded, name, counts, label_snapshot)


@app.command(rich_help_panel=LABELS)
def normalise(
    split_name: Annotated[str, typer.Argument(**SPLIT)] = "main",
    study: StudyFile = HERE,
    method: Method = "deepflow",
    kind: Annotated[str, typer.Option(**choice("kind"), help="normal, max or none.")] = "normal",
) -> None:
    """Fit the flow normalisation on the frames of the training samples.

    Example: crisp normalise --study config/mine/study.yaml --kind max
    """
    from crisp.clips import normalisation
    from crisp.study.load import load_study

    loaded = load_study(study)
    fitted = normalisation.fit_split(loaded, loaded.split(split_name), method, kind)
    if fitted.warning:
        print(f"warning: {fitted.warning}", file=sys.stderr)


@app.command("label-errors", rich_help_panel=LABELS)
def label_errors(
    study: StudyFile = HERE,
    variant: Annotated[str, typer.Option(help="Variant to use; default: the most accurate.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to.", show_default="label-errors in the results")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Rank suspected label errors by out-of-sample confidence, with links to review them in the viewer.

    Example: crisp label-errors --study config/mine/study.yaml
    """
    from crisp.indexing.viewer.label_error_pages import make_label_error_pages
    from crisp.report.label_errors import rank_label_errors
    from crisp.study.load import load_study

    loaded = load_study(study)
    found = rank_label_errors(loaded, variant)
    made = make_label_error_pages(loaded, found, out or loaded.results / "label-errors", str(study))
    for warning in made.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        rows = [{**one._asdict(), "page": made.links.get(one.sample)} for one in found.suspects]
        print_json({"variant": found.variant, "samples": found.samples, "ranked": rows})
    else:
        print(f"{found.scope}\n{made.page}")


@app.command(rich_help_panel=LABELS)
def suggest(
    study: StudyFile = HERE,
    number: Annotated[int, typer.Option(min=1, help="Samples to label next.")] = 20,
    variant: Annotated[
        str,
        typer.Option(
            help="Take the uncertainty of this variant's trained models; default: a simple classifier."
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to.", show_default="suggestions in the results")
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """List the unlabelled samples to label next: uncertain ones of all kinds, with links to the viewer.

    Example: crisp suggest --study config/mine/study.yaml --number 10
    """
    from crisp.core.html_table import text_lines
    from crisp.indexing.viewer.suggestion_pages import make_suggestion_pages
    from crisp.report.suggestions import HEADINGS, suggest_samples, suggestion_rows
    from crisp.study.load import load_study

    loaded = load_study(study)
    found = suggest_samples(loaded, number, variant, device)
    made = make_suggestion_pages(loaded, found, out or loaded.results / "suggestions", str(study))
    for warning in made.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        rows = [{**one._asdict(), "page": made.links[one.sample]} for one in found.suggestions]
        counts = {"unlabelled": len(found.pool), "labelled": found.labelled}
        print_json({"by": found.by, **counts, "suggested": rows})
        return
    lines = text_lines(HEADINGS, suggestion_rows(loaded, found))
    print("\n".join([*lines, found.scope, str(made.page)]))


@app.command(rich_help_panel=LABELS)
def agree(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...",
            help="Folders of annotation XML, one for each annotator, instead of a study.",
        ),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(
            help="A study with the column annotator in annotations.tsv.",
            show_default="the one study of the working folder",
            **STUDY,
        ),
    ] = None,
    iou: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=1,
            help="Smallest temporal intersection over union of the same stroke.",
            show_default="annotators.iou of the study, or 0.5",
        ),
    ] = None,
    fps: Annotated[
        float, typer.Option(min=0, max=100_000, help="Frame rate of the videos of folders; 0 = not known.")
    ] = 0,
    labels: LabelSnapshot = None,
    pages: Annotated[
        bool, typer.Option("--pages/--no-pages", help="Make viewer pages of a study's disagreements.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write to.", show_default="agreement in the results, or here"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare several annotators of the same videos: kappa, alpha, bounds, confusions, disagreements.

    Example: crisp agree --study config/mine/study.yaml
    """
    from crisp.core.errors import fail
    from crisp.indexing.viewer.disagreement_pages import make_disagreement_pages
    from crisp.indexing.viewer.review_lists import check_folder
    from crisp.report.agreement import files
    from crisp.report.agreement.annotated import of_folders, of_study
    from crisp.report.agreement.comparison import compare_annotators
    from crisp.report.agreement.disagreements import list_disagreements, write_disagreements
    from crisp.report.agreement.origins import label_origins, write_label_origins
    from crisp.study import samples, study_files
    from crisp.study.load import load_study

    if folders and study:
        raise fail("--study", "two sets of annotators", "--study or folders", "both", "give one of them")
    loaded = None if folders else load_study(study or study_files.find_study(HERE))
    label_snapshot = samples.read_labels(labels) if labels else None
    annotated = of_study(loaded, label_snapshot) if loaded else of_folders(folders or [], fps)
    folder = out or (loaded.results if loaded else Path()) / "agreement"
    check_folder(folder / files.TABLE)
    compared = compare_annotators(annotated, iou or (loaded.merging.iou if loaded else 0.5))
    disagreements = list_disagreements(compared)
    # First, as it marks the folder for later calls.
    write_disagreements(folder / files.TABLE, disagreements, annotated.annotators)
    links: dict[int, str] = {}
    if loaded and loaded.merging.merge:
        write_label_origins(folder / files.ORIGINS, label_origins(loaded, label_snapshot))
    if loaded and pages:
        links, warnings = make_disagreement_pages(loaded, compared, disagreements, folder)
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
    page = files.write_agreement(folder, annotated, compared, disagreements, links)
    if as_json:
        print_json(files.figures(annotated, compared))
    else:
        print(f"{files.summary_text(annotated, compared, disagreements)}\n{page}")
