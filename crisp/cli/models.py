"""The commands of models: training, evaluation, indexing."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from crisp.cli.application import MODELS, app
from crisp.cli.options import (
    HERE,
    STUDY,
    AsJson,
    Device,
    LabelSnapshot,
    Seed,
    Split,
    StudyFile,
    Variant,
    check_facing,
    choice,
    named,
    named_regions,
    print_json,
)
from crisp.core.limits import MOST_FPS
from crisp.core.unicode_forms import existing
from crisp.core.words import counted


@app.command(rich_help_panel=MODELS)
def models(study: StudyFile = HERE, as_json: AsJson = False) -> None:
    """Print the study's variants with their parameter counts and input shapes.

    Example: crisp models --study config/ttstroke21-published.yaml
    """
    from crisp.models import model_table
    from crisp.study.load import load_study

    rows = model_table(load_study(study))
    if as_json:
        print_json(rows)
        return
    shapes = "inputs (channels, frames, height, width)"
    print(f"{'variant':<20} {'model':<12} {'parameters':>12}  {shapes}")
    for row in rows:
        inputs = ", ".join(f"{stream} {shape}" for stream, shape in row["inputs"].items())
        print(f"{row['variant']:<20} {row['model']:<12} {row['parameters']:>12,}  {inputs}")


@app.command(rich_help_panel=MODELS)
def samples(
    variant: Variant,
    out: Annotated[Path, typer.Option(help="Picture to write.")],
    study: StudyFile = HERE,
    count: Annotated[int, typer.Option(help="Number of samples.")] = 4,
    seed: Seed = 1,
    epoch: Annotated[int, typer.Option(min=1, help="Epoch of the augmentation.")] = 1,
) -> None:
    """Plot training samples as model input: frames, flow and augmentation parameters.

    Example: crisp samples --study config/mine/study.yaml twin --out samples.png
    """
    from crisp.clips.dataset import study_dataset
    from crisp.report.clip_gallery import draw_samples
    from crisp.study.load import load_study

    loaded = load_study(study)
    dataset = study_dataset(loaded, loaded.variant(variant), loaded.split_names[0], "train", seed)
    dataset.epoch = epoch
    draw_samples(dataset, count, out)


@app.command(rich_help_panel=MODELS)
def features(
    variants: Annotated[
        list[str] | None,
        typer.Argument(
            parser=named("variant"), metavar="[VARIANT]...", help="Frozen variants; default: all of them."
        ),
    ] = None,
    study: StudyFile = HERE,
    labels: LabelSnapshot = None,
    device: Device = "auto",
) -> None:
    """Compute the features of frozen networks for the training videos of a study, once per video.

    They are in the videos' volumes; training then takes seconds.

    Example: crisp features --study config/mine/study.yaml
    """
    from crisp.core.errors import fail
    from crisp.study import samples
    from crisp.study.load import load_study
    from crisp.training.features import write_features
    from crisp.workflow.split_samples import SplitSamples

    loaded = load_study(study)
    wanted = [*map(loaded.variant, variants)] if variants else loaded.variants
    frozen = [one for one in wanted if one.frozen]
    if len(frozen) < len(variants or [1]):
        others = ", ".join(one.name for one in wanted if not one.frozen)
        where, what, expected = f"study {loaded.name}", "network is not frozen", "frozen: true in its variant"
        raise fail(where, what, expected, others, "set frozen and weights, or name another variant")
    views = SplitSamples(loaded, samples.read_labels(labels) if labels else None).trained_on
    for one in frozen:
        write_features(loaded, one, views, device)


@app.command(rich_help_panel=MODELS)
def train(
    variant: Variant,
    study: StudyFile = HERE,
    split: Split = "main",
    seed: Seed = 1,
    state: Annotated[Path | None, typer.Option(help="Folder of the resume state.")] = None,
    device: Device = "auto",
) -> None:
    """Train a variant; resume a killed training unless its inputs have changed.

    Example: crisp train --study config/mine/study.yaml --seed 2 twin
    """
    from crisp.study.load import load_study
    from crisp.training import distributed, head, trainer

    loaded = load_study(study)
    wanted, folder = loaded.variant(variant), loaded.model_folder(variant, split, seed)
    if wanted.frozen or loaded.training_of(wanted).optimiser == "lbfgs":
        head.train_head(loaded, wanted, loaded.split(split), seed, folder, device)
        return
    distributed.start(loaded.training.gpus, device)
    state = state or loaded.results / "state" / f"{variant}-{split}-{seed}"
    trainer.train_model(loaded, wanted, loaded.split(split), seed, folder, state, device)


@app.command(rich_help_panel=MODELS)
def evaluate(
    variant: Variant,
    study: StudyFile = HERE,
    split: Split = "main",
    seed: Seed = 1,
    device: Device = "auto",
) -> None:
    """Predict the test samples and write predictions, metrics and the confusion matrix.

    Example: crisp evaluate --study config/mine/study.yaml twin
    """
    from crisp.evaluation.evaluate import evaluate_model
    from crisp.study.load import load_study

    loaded = load_study(study)
    figures = evaluate_model(loaded, loaded.variant(variant), loaded.split(split), seed, device)
    found = (
        f"accuracy {figures['accuracy']:.3f} on {counted(figures['n'], 'sample')}"
        if figures["n"]
        else "no labelled test sample, so no accuracy; the predictions are written"
    )
    print(f"{variant} {split} seed {seed}: {found}", file=sys.stderr)


@app.command(rich_help_panel=MODELS)
def fuse(
    fusion: Annotated[
        str, typer.Argument(parser=named("variant"), metavar="FUSION", help="Name of a fusion.")
    ],
    study: StudyFile = HERE,
    split: Split = "main",
    seed: Seed = 1,
    device: Device = "auto",
) -> None:
    """Evaluate a fusion of evaluated variants: the weighted mean of their probabilities.

    Example: crisp fuse --study config/mine/study.yaml rgb-and-flow
    """
    from crisp.evaluation.fusion import fuse_variants
    from crisp.study.load import load_study

    loaded = load_study(study)
    figures = fuse_variants(loaded, loaded.fusion(fusion), loaded.split(split), seed, device)
    shares = ", ".join(f"{name} {weight:.2f}" for name, weight in figures["weights"].items())
    found = f"accuracy {figures['accuracy']:.3f}" if figures["n"] else "no labelled test sample"
    print(f"{fusion} {split} seed {seed}: {found}; weights {shares}", file=sys.stderr)


@app.command(rich_help_panel=MODELS)
def explain(
    variant: Variant,
    out: Annotated[Path, typer.Option(help="Picture to write.")],
    samples: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SAMPLE]...",
            help="Test samples, as in predictions.csv; default: one of each of the worst confusions.",
        ),
    ] = None,
    study: StudyFile = HERE,
    split: Split = "main",
    seed: Seed = 1,
    device: Device = "auto",
) -> None:
    """Plot what an evaluated variant looks at in test samples (Grad-CAM, attention).

    Example: crisp explain twin --study config/mine/study.yaml --out explained.png
    """
    from crisp.evaluation.explain import explain_samples
    from crisp.study.load import load_study

    loaded = load_study(study)
    explain_samples(loaded, loaded.variant(variant), loaded.split(split), seed, samples or [], out, device)
    print(out)


@app.command(rich_help_panel=MODELS)
def detect(
    variant: Variant,
    study: StudyFile = HERE,
    split: Split = "main",
    seed: Seed = 1,
    labels: LabelSnapshot = None,
    device: Device = "auto",
) -> None:
    """Find strokes in the untrimmed test videos, and compare them with the annotation.

    Example: crisp detect --study config/mine/study.yaml twin
    """
    from crisp.evaluation.detect import detect_strokes, detections_text
    from crisp.study import samples
    from crisp.study.load import load_study

    loaded = load_study(study)
    label_snapshot = samples.read_labels(labels) if labels else None
    figures = detect_strokes(
        loaded, loaded.variant(variant), loaded.split(split), seed, device, label_snapshot
    )
    print(f"{variant} seed {seed}: {detections_text(figures)}", file=sys.stderr)


@app.command(rich_help_panel=MODELS)
def index(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="New video files.")],
    model: Annotated[Path, typer.Option(help="A trained model, model.pt.")],
    out: Annotated[Path, typer.Option(help="Folder of the results, with a subfolder per video.")],
    annotations: Annotated[
        Path | None, typer.Option(help="The annotated strokes: an XML, or a folder of <video>.xml.")
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(help="Use the decision rule and detection settings of this study.", **STUDY),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=BOX",
            help="Where a player is: left,top,right,bottom in shares of the picture; once for each player.",
        ),
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also write an overlay video of the results.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also draw what the model looks at in each stroke.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep frames, flow and ROI for use with another model.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Threads; 0 = all cores.")] = 0,
    backend: Annotated[
        str,
        typer.Option(
            **choice("backend", none=""),
            help="Flow backend (auto, opencv, cpu or gpu); default: as in the model's study.",
        ),
    ] = "",
    fps: Annotated[
        float,
        typer.Option(
            help="Rate at which the videos were recorded, for slow motion and raw streams; 0 = the files'.",
            min=0,
            max=MOST_FPS,
        ),
    ] = 0,
    facing: Annotated[
        str,
        typer.Option(
            help="Side to which the player plays, left or right, for a model of videos where it is stated; "
            "of several players 'left=right; right=left'.",
        ),
    ] = "",
    device: Device = "auto",
) -> None:
    """Find and classify the strokes of new videos, and write them for other software.

    Example: crisp index match.mp4 --model model.pt --out found
    """
    from crisp.indexing.index import index_videos
    from crisp.indexing.model import Options, load_trained_model
    from crisp.study.load import load_study

    regions = named_regions(region or [])
    check_facing(facing, regions)
    workers = workers or len(os.sched_getaffinity(0))
    loaded = load_trained_model(model, device, load_study(study) if study else None, workers)
    options = Options(out, annotations, overlay, keep, workers, backend, fps, explain, regions, facing)
    index_videos([*map(existing, videos)], loaded, options)


@app.command(rich_help_panel=MODELS)
def summary(study: StudyFile = HERE) -> None:
    """Compare all variants and seeds in a table, a plot and text.

    Example: crisp summary --study config/mine/study.yaml
    """
    from crisp.report.summarise import summarise_study
    from crisp.study.load import load_study

    print(summarise_study(load_study(study)))


@app.command(rich_help_panel=MODELS)
def submit(
    variant: Variant,
    team: Annotated[
        str, typer.Option(parser=named("team"), metavar="NAME", help="Name of your team, a folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder in which the team's folder is.")] = HERE,
    run: Annotated[
        str, typer.Option(parser=named("run"), metavar="NAME", help="Name of the run, a new folder.")
    ] = "1",
    study: StudyFile = HERE,
    split: Split = "main",
    seed: Seed = 1,
    task: Annotated[
        str,
        typer.Option(
            **choice("task", none=""),
            help="classification or detection.",
            show_default="that of the study",
        ),
    ] = "",
    form: Annotated[
        str,
        typer.Option(
            **choice("form"),
            help="For classification: 2020 (one XML per video), 2022 (a list of clips) or auto.",
        ),
    ] = "auto",
    predictions: Annotated[
        Path | None, typer.Option(help="A predictions.csv or detections.csv other than the model's.")
    ] = None,
) -> None:
    """Write a variant's predictions as valid files for the MediaEval campaign.

    Example: crisp submit twin --study config/mine/study.yaml --team Ours --run 1
    """
    from crisp.report import mediaeval
    from crisp.study.load import load_study

    loaded = load_study(study)
    folder = loaded.model_folder(loaded.variant(variant).name, loaded.split(split), seed)
    task = task or loaded.task
    if task == "classification":
        files = mediaeval.classification_files(loaded, split, predictions or folder / "predictions.csv", form)
    else:
        files = mediaeval.detection_files(loaded, predictions or folder / "detections.csv")
    place = mediaeval.run_folder(out, team, task, run)
    mediaeval.write_submission(place, files)
    if warning := mediaeval.surplus(place):
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{place}: {counted(len(files), 'file')}")


@app.command(rich_help_panel=MODELS)
def score(
    submission: Annotated[Path, typer.Argument(metavar="RUN", help="XML file, or folder of a run.")],
    study: Annotated[
        Path | None, typer.Option(help="Score against this study's annotation.", **STUDY)
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Score against this folder, in the layout of the campaign's data.")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Another run, to show side by side.")] = None,
    task: Annotated[
        str,
        typer.Option(
            **choice("task", none=""),
            help="classification or detection.",
            show_default="detection if no action has a class",
        ),
    ] = "",
    part: Annotated[str, typer.Option(**choice("part"), help="train, validation or test.")] = "test",
    split: Split = "main",
    out: Annotated[
        Path | None, typer.Option(help="Folder for a page, pictures and the figures as JSON.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a submission to the MediaEval campaign, and score it against the annotation.

    Example: crisp score Ours/classificationTask/1 --study config/mine/study.yaml --out score
    """
    from crisp.core.errors import fail
    from crisp.report.scoring import score as scoring
    from crisp.report.scoring.submission import read_submission
    from crisp.report.scoring.truth import of_folder, of_study
    from crisp.study.load import load_study

    if study and truth:
        raise fail("--truth", "two annotations", "--study or --truth", "both", "give one of them")
    read = [read_submission(path) for path in (submission, against) if path]
    task = task or read[0].task
    if truth:
        known = of_folder(truth, task, part)
    else:
        from crisp.study import study_files

        known = of_study(load_study(study or study_files.find_study(HERE)), task, part, split)
    runs = [scoring.score(one, known) for one in read]
    page = scoring.write_score(out, runs, known) if out else None
    if as_json:
        print_json(scoring.document(runs, known))
        return
    print(scoring.score_text(runs, known))
    if page:
        print(page)


@app.command(rich_help_panel=MODELS)
def viewer(
    index_file: Annotated[
        Path, typer.Argument(metavar="INDEX", help="index.json of a video, from crisp index.")
    ],
    video: Annotated[
        Path | None, typer.Option(help="The video, if it has been moved since indexing.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Page to write.", show_default="viewer.html beside INDEX")
    ] = None,
    proxy: Annotated[
        bool, typer.Option("--proxy", help="Also make a copy of the video for browsers.")
    ] = False,
) -> None:
    """Make an HTML page to review an indexed video, correct its strokes and save the annotation.

    Example: crisp viewer match-1/index.json --out match-1.html
    """
    from crisp.indexing.viewer import make_viewer

    result = make_viewer(index_file, out, video, proxy)
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(result.page)
