"""The command line: one verb a piece of work, the same that the workflow's rules call.

Libraries are imported inside the verbs, so that ``crisp --help`` and the light verbs start at once.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from crisp import __version__, libraries, names
from crisp.errors import CrispError, fail, listed
from crisp.interruption import ended_clean
from crisp.unreadable import denied
from crisp.words import counted

app = typer.Typer(
    help="From hours of sports video to indexed, classified strokes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DATA, PREPARATION, LABELS, MODELS = "Data", "Preparation", "Labels", "Models"
RUNS = "Runs"


def _named(part: str) -> Callable[[str], str]:
    """Take a name only where the workflow would: it becomes a part of paths."""
    return lambda name: names.checked(part, name)


def _study(given: str) -> Path:
    """The study file that is meant by a path, a name, or by nothing."""
    from crisp import study_files

    return study_files.find(given)


STUDY: dict[str, Any] = {"parser": _study, "metavar": "STUDY"}
StudyFile = Annotated[
    Path,
    typer.Option(
        "--study",
        help="A study file, or the name of one in the working folder.",
        show_default="the one study of the working folder",
        **STUDY,
    ),
]


def _choice(option: str, none: str | None = None) -> dict[str, Any]:
    """An option that takes one of a few values; `none` is one more, for where it is not given."""
    return {
        "parser": lambda value: value if value == none else names.chosen(option, value),
        "metavar": "TEXT",
    }


Method = Annotated[str, typer.Option(**_choice("method"), help="Optical flow method.")]
Seed = Annotated[int, typer.Option(min=0, help="Training seed.")]
SPLIT: dict[str, Any] = {"parser": _named("split"), "metavar": "SPLIT"}
Split = Annotated[str, typer.Option(**SPLIT, help="Name of the split.")]
Variant = Annotated[
    str, typer.Argument(parser=_named("variant"), metavar="VARIANT", help="Name of a variant.")
]
Joined = Annotated[
    Path | None, typer.Option("--volume", help="Then also join the video's stage files in this volume.")
]
Device = Annotated[
    str,
    typer.Option(
        **_choice("device"), help="auto (a GPU where there is one), cpu, cuda, or cuda:1 for a second GPU."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]
Profile = Annotated[str, typer.Option(help="local, node, slurm, or a profile of your own.")]
Cores = Annotated[int | None, typer.Option(min=1, help="CPU cores to use.", show_default="the profile's")]
Options = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- OPTIONS]", help="Options and targets of Snakemake, after --."),
]
HERE = Path()
INPUT = "look into the files that were given to this command; crisp check tells more of those of a study"
INTERRUPTED = "interrupted; nothing is half-written"
TOLD = {  # faults of files and folders that a person can mend
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EIO,
    errno.ESTALE,
    errno.ENXIO,
    errno.ENODEV,
    errno.EBUSY,
    errno.EINVAL,
    errno.EMFILE,
}
# Where a reader of files has not told a fault by itself: what only bad input makes, and in which words.
LAST = (
    (MemoryError, "", "memory ran out", "give the job more memory, or use a smaller batch or width"),
    (RecursionError, "", "input is nested too deeply", INPUT),
    (OverflowError, "", "a number in the input is too large", INPUT),
    (UnicodeEncodeError, "", "a text in the input holds half a character and cannot be written", INPUT),
    (ValueError, "embedded null", "a path in the input holds a NUL character", INPUT),
    (RuntimeError, "Symlink loop", "links lead in a circle", "correct the links"),
)


def main() -> None:
    """Run a verb; faults become one message and exit code 1, Ctrl-C 130, SIGTERM 143, SIGHUP 129."""
    for stream in (sys.stdout, sys.stderr):  # a file's name may be in no encoding
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _refuse_nul(sys.argv)
        with ended_clean():
            app(prog_name="crisp")  # also of python -m crisp
    except CrispError as error:
        _end(str(error), 1)
    except ImportError as error:
        fault = libraries.missing(error)
        if fault is None:
            raise
        _end(str(fault), 1)
    except KeyboardInterrupt:  # while modules are imported; in a verb Typer makes it exit code 130
        _end(INTERRUPTED, 130)
    except SystemExit as ended:
        if ended.code == 130:
            _end(INTERRUPTED, 130)
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        # Of a renaming the second name is the one that the person gave.
        path = error.filename2 or error.filename
        if error.errno not in TOLD:
            raise
        said = f"{path or 'file system'}: {error.strerror}"
        if path and isinstance(error, PermissionError):
            found, remedy = denied(os.fsdecode(path))
            said = str(fail(os.fsdecode(path), error.strerror or "", "", found, remedy))
        _end(said, 1)
    except (MemoryError, RuntimeError, OverflowError, ValueError) as error:
        for kind, words, what, remedy in LAST:
            if isinstance(error, kind) and words in str(error):
                _end(f"{what}\n    remedy: {remedy}", 1)
        raise


def _refuse_nul(words: list[str]) -> None:
    for word in words:
        if "\0" in word:
            raise fail(repr(word), "argument with a NUL character", "a path or a value without", "\\0")


def _end(message: str, code: int) -> None:
    if "WORLD_SIZE" in os.environ:  # one of several processes
        from crisp import processes

        if processes.leave_word(message):
            sys.exit(code)
    print(f"crisp: {message}", file=sys.stderr)
    sys.exit(code)


def _print_json(content: Any) -> None:
    print(json.dumps(content, indent=1, ensure_ascii=False))


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


@app.command("import", rich_help_panel=DATA)
def import_(
    source: Annotated[Path, typer.Argument(help="Folder of the data set, or a CSV of strokes.")],
    name: Annotated[str, typer.Option(help="Name of the data set.")],
    layout: Annotated[str, typer.Option(help="auto, or the name of a layout.")] = "auto",
    config: Annotated[Path, typer.Option(help="Where the folder of tables goes.")] = Path("config"),
    preset: Annotated[
        str,
        typer.Option(
            help="Size of the study: quick (minutes), standard, published; auto = by machine and data."
        ),
    ] = "auto",
) -> None:
    """Write the tables, annotations and a study file for a folder of videos.

    Example: crisp import /data/ttstroke --name ttstroke
    """
    from crisp import importers

    report = importers.run(source, name, config, layout, preset=preset)
    for warning in listed(report.warnings):
        print(f"warning: {warning}", file=sys.stderr)
    for line in report:
        print(line)


@app.command(rich_help_panel=DATA)
def scan(
    videos: Annotated[list[str] | None, typer.Argument(help="Ids of videos; none = all in use.")] = None,
    study: StudyFile = HERE,
    decode: Annotated[bool, typer.Option(help="Count decoded frames instead of packets (slow).")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring videos.tsv up to date with the files: size, frames, frame rate and SHA-256.

    Example: crisp scan --study config/mine/study.yaml 20-04-12_07
    """
    from crisp import scan as scanning
    from crisp import study as studies

    loaded = studies.load(study)
    changes = scanning.scan(loaded.videos_table, loaded.data, decode, videos or ())
    if as_json:
        _print_json({"changes": changes})
    else:
        print("\n".join(changes) if changes else "nothing has changed")


@app.command(rich_help_panel=DATA)
def check(
    study: StudyFile = HERE,
    decode: Annotated[bool, typer.Option(help="Also decode every video (slow).")] = False,
    as_json: AsJson = False,
) -> None:
    """Look for faults in a study's config, tables, annotations and files, and list them all.

    Example: crisp check --study config/mine/study.yaml --decode
    """
    from crisp import check as checking
    from crisp import study as studies

    try:
        loaded = studies.load(study)
        faults, warnings = checking.check(loaded, [study], decode)
    except CrispError as error:  # the study file itself is at fault
        if not as_json:
            raise
        faults, warnings = list(error.faults), []
    if as_json:
        _print_json({"faults": list(map(asdict, faults)), "warnings": list(map(asdict, warnings))})
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
    """Make the synthetic table-tennis videos of the demo, and the truth about them.

    Example: crisp demo --out data/demo player-01
    """
    from crisp import demo as generator
    from crisp.progress import progress

    wanted = videos or [video.id for video in generator.VIDEOS]
    for video in progress(wanted, "videos", "demo", len(wanted)):
        generator.generate(video, out)


@app.command(rich_help_panel=PREPARATION)
def frames(
    video: Annotated[Path, typer.Argument(help="A video file.")],
    out: Annotated[Path, typer.Argument(help="The frames stage file to write.")],
    width: Annotated[int, typer.Option(help="Working width, px.", max=4096)] = 320,
    upscale: Annotated[bool, typer.Option(help="Also enlarge narrower videos.")] = False,
    frame_step: Annotated[int, typer.Option(help="Keep every n-th frame.")] = 1,
    sha256: Annotated[str, typer.Option(help="Refuse a file with another SHA-256.")] = "",
    other_is_fine: Annotated[
        bool, typer.Option("--other-is-fine", help="Only warn of another SHA-256.")
    ] = False,
) -> None:
    """Decode a video into frames at working size.

    Example: crisp frames game.mp4 game/frames.h5
    """
    from crisp import frames as stage

    found = stage.extract(video, out, width, upscale, frame_step, "" if other_is_fine else sha256)
    if sha256 not in ("", found.sha256):
        print(f"warning: {video}: SHA-256 is {found.sha256}, not {sha256}", file=sys.stderr)
    for warning in found.warnings():
        print(f"warning: {video}: {warning}", file=sys.stderr)


@app.command(rich_help_panel=PREPARATION)
def flow(
    frames_file: Annotated[Path, typer.Argument(metavar="FRAMES", help="A frames stage file.")],
    out: Annotated[Path, typer.Argument(help="The flow stage file to write.")],
    parts: Annotated[
        list[Path] | None, typer.Argument(help="All its parts in order: join them instead of computing.")
    ] = None,
    method: Method = "deepflow",
    backend: Annotated[
        str, typer.Option(**_choice("backend"), help="What computes deepflow: auto, opencv, cpu or gpu.")
    ] = "auto",
    workers: Annotated[int, typer.Option(help="Threads; the result does not depend on their number.")] = 1,
    part: Annotated[
        tuple[int, int], typer.Option(metavar="K N", help="Compute only the K-th of N parts.")
    ] = (1, 1),
) -> None:
    """Compute the optical flow of a video's frames, as a whole or in parts.

    Example: crisp flow game/frames.h5 game/flow/deepflow.h5 --workers 4
    """
    from crisp import flow as stage

    if parts:
        stage.gather(frames_file, parts, out)
    else:
        stage.extract(frames_file, out, method, backend, workers, part)


@app.command(rich_help_panel=PREPARATION)
def roi(
    frames_file: Annotated[Path, typer.Argument(metavar="FRAMES", help="A frames stage file.")],
    flow_file: Annotated[Path, typer.Argument(metavar="FLOW", help="Its flow stage file.")],
    out: Annotated[Path, typer.Argument(help="The ROI stage file to write.")],
    alpha: Annotated[float, typer.Option(min=0, max=1, help="Weight of the strongest motion.")] = 0.6,
    threshold: Annotated[
        float, typer.Option(min=0, help="Speed above which a pixel moves (320 px, 120 fps).")
    ] = 0.25,
    power: Annotated[float, typer.Option(min=0, help="Sharpness of the strongest motion.")] = 16,
    volume: Joined = None,
) -> None:
    """Compute the foreground mask, the region of interest and the flow statistics of a video.

    Example: crisp roi game/frames.h5 game/flow/deepflow.h5 game/roi/deepflow.h5
    """
    from crisp import roi as stage
    from crisp import volume as joined

    stage.extract(frames_file, flow_file, out, alpha, threshold, power)
    if volume:
        joined.refresh(volume)


@app.command(rich_help_panel=PREPARATION)
def pose(
    frames_file: Annotated[Path, typer.Argument(metavar="FRAMES", help="A frames stage file.")],
    roi_file: Annotated[Path, typer.Argument(metavar="ROI", help="An ROI stage file of the same video.")],
    source: Annotated[Path, typer.Argument(help="The video's pose file, or folder of one a frame.")],
    out: Annotated[Path, typer.Argument(help="The pose stage file to write.")],
    width: Annotated[
        float, typer.Option(min=0, help="Width of the pictures posed, px; 0 = as told, else the video's.")
    ] = 0,
    joint: Annotated[
        list[str] | None, typer.Option(metavar="OURS=THEIRS", help="What a joint is called in the file.")
    ] = None,
    volume: Joined = None,
) -> None:
    """Take the player's pose in each frame from a file of COCO keypoints, DeepLabCut, SLEAP or the like.

    Example: crisp pose game/frames.h5 game/roi/deepflow.h5 game.json game/pose.h5
    """
    from crisp import pose as stage
    from crisp import volume as joined

    names = dict(pair.partition("=")[::2] for pair in joint or [])
    stage.extract(frames_file, roi_file, source, out, width, names)
    if volume:
        joined.refresh(volume)


@app.command(rich_help_panel=PREPARATION)
def estimate(
    frames_file: Annotated[Path, typer.Argument(metavar="FRAMES", help="A frames stage file.")],
    roi_file: Annotated[Path, typer.Argument(metavar="ROI", help="An ROI stage file of the same video.")],
    out: Annotated[Path, typer.Argument(help="The pose stage file to write.")],
    volume: Joined = None,
) -> None:
    """Estimate the player's pose in each frame with MediaPipe; needs the extra `pose` (docs/poses.md).

    Example: crisp estimate game/frames.h5 game/roi/deepflow.h5 game/pose.h5
    """
    from crisp import estimation
    from crisp import volume as joined

    estimation.extract(frames_file, roi_file, out)
    if volume:
        joined.refresh(volume)


@app.command(rich_help_panel=PREPARATION)
def volume(
    out: Annotated[Path, typer.Argument(help="The volume to write, beside the video's stage files.")],
    method: Annotated[
        list[str] | None,
        typer.Option(
            **_choice("method"),
            help="Flow method(s); none = all that are prepared.",
        ),
    ] = None,
) -> None:
    """Join a video's stage files into one HDF5 file by links.

    Example: crisp volume game/game.h5 --method deepflow
    """
    from crisp import volume as stage

    if method:
        stage.join(out, method)
    else:
        stage.refresh(out)


@app.command(rich_help_panel=PREPARATION)
def pack(
    volume_file: Annotated[Path, typer.Argument(metavar="VOLUME", help="A volume, <video>.h5.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
) -> None:
    """Copy a volume and the stage files it links to into one self-contained HDF5 file.

    Example: crisp pack results/volumes/demo/player-01/player-01.h5 --out player-01.h5
    """
    from crisp import volume as stage

    stage.pack(volume_file, out)


@app.command(rich_help_panel=PREPARATION)
def redo(
    video: Annotated[str, typer.Argument(help="Id of a video, as in videos.tsv.")],
    study: StudyFile = HERE,
    stage: Annotated[
        str, typer.Option("--from", **_choice("from"), help="frames, flow, roi, pose or volume.")
    ] = "frames",
) -> None:
    """Delete a video's stage files from a stage on, so that the next run makes them again.

    Example: crisp redo --study demo --from roi player-01 && snakemake -j 8
    """
    from crisp import study as studies
    from crisp import volume

    loaded = studies.load(study)
    loaded.video(video)
    for path in volume.remove_from(loaded.volumes / video, video, stage):
        print(f"deleted {path}")


@app.command(rich_help_panel=LABELS)
def strokes(
    study: StudyFile = HERE,
    labels: Annotated[Path | None, typer.Option(help="Labels as a run kept them at its start.")] = None,
) -> None:
    """Collect a study's samples, strokes and negatives, into strokes.tsv.

    Example: crisp strokes --study config/mine/study.yaml
    """
    from crisp import storage
    from crisp import strokes as samples
    from crisp import study as studies

    loaded = studies.load(study)
    kept = samples.read_labels(labels) if labels else None
    counts = {video: storage.frame_count(loaded.stage_file(video, "frames")) for video in loaded.used}
    samples.write(loaded.results / "strokes.tsv", samples.collect(loaded, counts, kept))


@app.command(rich_help_panel=LABELS)
def quality(
    video: Annotated[str, typer.Argument(parser=_named("video"), metavar="VIDEO", help="Id of a video.")],
    study: StudyFile = HERE,
    labels: Annotated[Path | None, typer.Option(help="Labels as a run kept them at its start.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Picture to write.", show_default="in the study's results")
    ] = None,
) -> None:
    """Draw how a prepared video looks: frames with the ROI, flow, motion, strokes and decode warnings.

    Example: crisp quality --study config/mine/study.yaml match-7 --out match-7.png
    """
    from crisp import quality as pictures
    from crisp import strokes as samples
    from crisp import study as studies

    loaded = studies.load(study)
    loaded.video(video)
    kept = samples.read_labels(labels) if labels else None
    pictures.draw(loaded, video, out or loaded.quality_picture(video), kept)


@app.command(rich_help_panel=LABELS)
def split(name: Annotated[str, typer.Argument(**SPLIT)] = "main", study: StudyFile = HERE) -> None:
    """Assign the samples to train, validation and test.

    Example: crisp split --study config/mine/study.yaml
    """
    from crisp import splits
    from crisp import strokes as samples
    from crisp import study as studies

    loaded = studies.load(study)
    assigned = splits.assign(loaded, samples.read(loaded.results / "strokes.tsv"), loaded.split(name))
    splits.write(loaded.results / "splits" / f"{name}.tsv", assigned)


@app.command("training-samples", rich_help_panel=LABELS)
def training_samples(
    name: Annotated[str, typer.Argument(**SPLIT)] = "main",
    study: StudyFile = HERE,
    labels: Annotated[Path | None, typer.Option(help="Labels as a run kept them at its start.")] = None,
) -> None:
    """Write the training and validation samples of a split, as tables of their own.

    Example: crisp training-samples --study config/mine/study.yaml
    """
    from crisp import storage
    from crisp import strokes as samples
    from crisp import study as studies
    from crisp import training_samples as tables

    loaded = studies.load(study)
    kept = samples.read_labels(labels) if labels else None
    counts = {}
    for video, row in loaded.used.items():  # those that are tested may still be under way
        frames = loaded.stage_file(video, "frames")
        counts[video] = storage.frame_count(frames) if frames.exists() else row.working_frames
    tables.write(loaded, name, counts, kept)


@app.command(rich_help_panel=LABELS)
def normalise(
    split_name: Annotated[str, typer.Argument(**SPLIT)] = "main",
    study: StudyFile = HERE,
    method: Method = "deepflow",
    kind: Annotated[str, typer.Option(**_choice("kind"), help="normal, max or none.")] = "normal",
) -> None:
    """Fit the flow normalisation on the frames of the training samples.

    Example: crisp normalise --study config/mine/study.yaml --kind max
    """
    from crisp import normalisation
    from crisp import study as studies

    loaded = studies.load(study)
    fitted = normalisation.fit_split(loaded, loaded.split(split_name), method, kind)
    if fitted.warning:
        print(f"warning: {fitted.warning}", file=sys.stderr)


@app.command(rich_help_panel=MODELS)
def models(study: StudyFile = HERE, as_json: AsJson = False) -> None:
    """Print the study's variants with their parameter counts and input shapes.

    Example: crisp models --study config/ttstroke21.yaml
    """
    from crisp import models as architectures
    from crisp import study as studies

    rows = architectures.table(studies.load(study))
    if as_json:
        _print_json(rows)
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
    epoch: Annotated[int, typer.Option(min=1, help="Epoch whose augmentation to draw.")] = 1,
) -> None:
    """Draw training samples as the model sees them: frames, flow and the draw's parameters.

    Example: crisp samples --study config/mine/study.yaml twin --out samples.png
    """
    from crisp import samples as drawing
    from crisp import study as studies
    from crisp import training

    loaded = studies.load(study)
    dataset = training.dataset(loaded, loaded.variant(variant), loaded.split_names[0], "train", seed)
    dataset.epoch = epoch
    drawing.draw_samples(dataset, count, out)


@app.command(rich_help_panel=MODELS)
def train(
    variant: Variant,
    study: StudyFile = HERE,
    split: Split = "main",
    seed: Seed = 1,
    state: Annotated[Path | None, typer.Option(help="Folder of the resume state.")] = None,
    device: Device = "auto",
) -> None:
    """Train a variant; a killed training goes on where it stopped, unless its inputs have changed.

    Example: crisp train --study config/mine/study.yaml --seed 2 twin
    """
    from crisp import processes, training
    from crisp import study as studies

    loaded = studies.load(study)
    processes.start(loaded.training.gpus, device)
    folder = loaded.model_folder(variant, split, seed)
    state = state or loaded.results / "state" / f"{variant}-{split}-{seed}"
    training.train(loaded, loaded.variant(variant), loaded.split(split), seed, folder, state, device)


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
    from crisp import inference
    from crisp import study as studies

    loaded = studies.load(study)
    figures = inference.evaluate(loaded, loaded.variant(variant), loaded.split(split), seed, device)
    found = (
        f"accuracy {figures['accuracy']:.3f} on {counted(figures['n'], 'sample')}"
        if figures["n"]
        else "no labelled test sample, so no accuracy; the predictions are written"
    )
    print(f"{variant} {split} seed {seed}: {found}", file=sys.stderr)


@app.command(rich_help_panel=MODELS)
def detect(
    variant: Variant,
    study: StudyFile = HERE,
    split: Split = "main",
    seed: Seed = 1,
    labels: Annotated[Path | None, typer.Option(help="Labels as a run kept them at its start.")] = None,
    device: Device = "auto",
) -> None:
    """Find the strokes in the untrimmed test videos, and compare them with the annotated ones.

    Example: crisp detect --study config/mine/study.yaml twin
    """
    from crisp import detection
    from crisp import strokes as samples
    from crisp import study as studies

    loaded = studies.load(study)
    kept = samples.read_labels(labels) if labels else None
    figures = detection.detect(loaded, loaded.variant(variant), loaded.split(split), seed, device, kept)
    print(f"{variant} seed {seed}: {detection.text(figures)}", file=sys.stderr)


@app.command(rich_help_panel=MODELS)
def index(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="New video files.")],
    model: Annotated[Path, typer.Option(help="A trained model, model.pt.")],
    out: Annotated[Path, typer.Option(help="Folder of the results; each video gets one in it.")],
    annotations: Annotated[
        Path | None, typer.Option(help="The annotated strokes: an XML, or a folder of <video>.xml.")
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(help="Take the decision rule and detection settings of this study.", **STUDY),
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also write the video with all that was found drawn on it.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep frames, flow and ROI, for another model.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Threads; 0 = all cores.")] = 0,
    backend: Annotated[
        str,
        typer.Option(
            **_choice("backend", none=""),
            help="What computes the flow (auto, opencv, cpu or gpu); without it, as in the model's study.",
        ),
    ] = "",
    device: Device = "auto",
) -> None:
    """Find and name the strokes in new videos: one command, from video files to files for other software.

    Example: crisp index match.mp4 --model model.pt --out found
    """
    from crisp import index as indexing
    from crisp import study as studies

    workers = workers or len(os.sched_getaffinity(0))
    loaded = indexing.load(model, device, studies.load(study) if study else None, workers)
    indexing.run(videos, loaded, indexing.Options(out, annotations, overlay, keep, workers, backend))


@app.command(rich_help_panel=MODELS)
def summary(study: StudyFile = HERE) -> None:
    """Compare all variants and seeds: a table, a picture and text.

    Example: crisp summary --study config/mine/study.yaml
    """
    from crisp import comparisons, detection_summary, plots, provenance, study_report
    from crisp import study as studies
    from crisp import summary as summaries

    loaded = studies.load(study)
    runs = [
        summaries.Run(
            variant.name,
            name,
            seed,
            loaded.model_folder(variant.name, name, seed),
            variant.double_softmax,
        )
        for variant in loaded.variants
        for name in loaded.split_names
        for seed in loaded.seeds
    ]
    rows = summaries.collect(runs)
    summaries.write(loaded.results / "summary.tsv", rows)
    plots.summary(loaded.results / "summary.png", rows)
    if loaded.flow_groups:
        plots.flow_study(loaded.results / "flow_study.png", rows, loaded.flow_groups)
    summaries.summary_table(loaded.results / "summary.html", rows)
    compared = comparisons.compare(runs, rows)
    comparisons.write(loaded.results / "comparisons.tsv", compared)
    comparisons.table(loaded.results / "comparisons.html", compared)
    if loaded.detection_rows:
        found = detection_summary.collect(runs)
        detection_summary.write(loaded.results / "detection.tsv", found)
        detection_summary.table(loaded.results / "detection.html", found)
    makers = provenance.flow_makers(loaded)
    provenance.table(loaded.results / "flow.html", makers)
    study_report.write(loaded, runs)
    print(summaries.text(rows))
    for method in provenance.mixed(makers):
        print(f"flow {method} is of several backends or versions: {loaded.results / 'flow.html'}")


@app.command("label-errors", rich_help_panel=LABELS)
def label_errors(
    study: StudyFile = HERE,
    variant: Annotated[str, typer.Option(help="Judge by this variant; none = the most accurate.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to.", show_default="label-errors in the results")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Rank the labels that models which never saw them believe least, each a link to look at and correct it.

    Example: crisp label-errors --study config/mine/study.yaml
    """
    from crisp import label_errors as ranking
    from crisp import label_pages
    from crisp import study as studies

    loaded = studies.load(study)
    found = ranking.rank(loaded, variant)
    made = label_pages.make(loaded, found, out or loaded.results / "label-errors", str(study))
    for warning in made.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        rows = [{**one._asdict(), "page": made.links.get(one.sample)} for one in found.suspects]
        _print_json({"variant": found.variant, "samples": found.samples, "ranked": rows})
    else:
        print(f"{found.scope}\n{made.page}")


@app.command(rich_help_panel=MODELS)
def submit(
    variant: Variant,
    out: Annotated[Path, typer.Option(help="New folder to write to.")],
    study: StudyFile = HERE,
    split: Split = "main",
    seed: Seed = 1,
    task: Annotated[
        str, typer.Option(**_choice("task"), help="classification or detection.")
    ] = "classification",
    form: Annotated[
        str,
        typer.Option(
            **_choice("form"),
            help="Of the classification: 2020 (an XML a video), 2022 (a list of clips) or auto.",
        ),
    ] = "auto",
    predictions: Annotated[
        Path | None, typer.Option(help="Another predictions.csv or detections.csv than the model's.")
    ] = None,
) -> None:
    """Write a variant's predictions as files for the MediaEval campaign, unless they would be invalid.

    Example: crisp submit twin --study config/mine/study.yaml --task detection --out run-1
    """
    from crisp import study as studies
    from crisp import submission

    loaded = studies.load(study)
    folder = loaded.model_folder(loaded.variant(variant).name, loaded.split(split), seed)
    if task == "classification":
        files = submission.classification(loaded, split, predictions or folder / "predictions.csv", form)
    else:
        files = submission.detection(loaded, predictions or folder / "detections.csv")
    submission.write(out, files)
    print(f"{out}: {counted(len(files), 'file')}")


@app.command(rich_help_panel=RUNS)
def doctor(
    gpu: Annotated[bool, typer.Option("--gpu", help="A missing GPU is a fault.")] = False,
    slurm: Annotated[bool, typer.Option("--slurm", help="A missing SLURM is a fault.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at this machine: packages, GPU, codecs, HDF5, SLURM, scratch space; each fault with its remedy.

    Example: crisp doctor --slurm
    """
    from crisp import doctor as checks

    findings = checks.examine(gpu, slurm)
    if as_json:
        _print_json([finding._asdict() for finding in findings])
    else:
        print("\n".join(map(str, findings)))
    if any(finding.state == checks.BROKEN for finding in findings):
        raise typer.Exit(1)


@app.command(rich_help_panel=RUNS)
def plan(
    study: StudyFile = HERE,
    everything: Annotated[bool, typer.Option("--all", help="Count what is done, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what a study costs before it runs: jobs, core-hours, GPU-hours and disk.

    Example: crisp plan --study config/mine/study.yaml
    """
    from crisp import plan as plans
    from crisp import study as studies

    loaded = studies.load(study)
    found = plans.plan(loaded, everything)
    if as_json:
        _print_json(asdict(found))
    else:
        print(plans.text(loaded, found))


@app.command(rich_help_panel=RUNS)
def run(
    options: Options = None,
    study: StudyFile = HERE,
    profile: Profile = "local",
    cores: Cores = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only print what would run.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print all that Snakemake says.")] = False,
) -> None:
    """Run a study: all that is not up to date, with one line a job.

    Example: crisp run --study config/mine/study.yaml --cores 4 -- --until roi
    """
    from crisp import run as runs
    from crisp import study as studies

    loaded = studies.load(study)
    if not dry_run:
        runs.check_free(loaded, study)
    flags = [*(["--dry-run"] if dry_run else []), *(["--verbose"] if verbose else [])]
    runs.become(runs.command(study, profile, cores, [*flags, *(options or [])]))


@app.command(rich_help_panel=RUNS)
def report(
    options: Options = None,
    study: StudyFile = HERE,
    profile: Profile = "local",
) -> None:
    """Make the report of a finished study, one HTML file.

    Example: crisp report --study config/mine/study.yaml
    """
    from crisp import run as runs
    from crisp import study as studies

    loaded = studies.load(study)
    runs.check_begun(loaded, study)
    page = loaded.results / "report.html"
    code = runs.call(runs.command(study, profile, None, ["--report", str(page), *(options or [])]))
    if code == 0:
        print(f"report: {page}")
    raise typer.Exit(code)


@app.command(rich_help_panel=MODELS)
def viewer(
    index_file: Annotated[
        Path, typer.Argument(metavar="INDEX", help="index.json of a video, by crisp index.")
    ],
    video: Annotated[
        Path | None, typer.Option(help="The video, where it is not where it was indexed.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Page to write.", show_default="viewer.html beside INDEX")
    ] = None,
    proxy: Annotated[
        bool, typer.Option("--proxy", help="Also make a copy of the video that browsers play.")
    ] = False,
) -> None:
    """Make one HTML page to look at an indexed video, correct its strokes and save the annotation.

    Example: crisp viewer match-1/index.json --out match-1.html
    """
    from crisp import viewer as pages

    made = pages.make(index_file, out, video, proxy)
    for warning in made.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(made.page)


@app.command(rich_help_panel=RUNS)
def recover(
    study: StudyFile = HERE,
    run: Annotated[bool, typer.Option(help="Go on with the run afterwards.")] = True,
) -> None:
    """After a killed snakemake: end what is left of its run, unlock, and go on with the same run.

    Example: crisp recover --study config/mine/study.yaml
    """
    from crisp import recovery
    from crisp import run as runs
    from crisp import study as studies

    words = recovery.recover(studies.load(study), study, run)
    if words is None:
        print("no run of this study was cut off on record; nothing to recover")
    elif words:
        runs.become(words)
