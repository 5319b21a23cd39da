"""Indexing: the strokes of new videos, found by a trained model, in one command.

A video is prepared as those of a study are. Its stage files lie in the folder of its results until all is
written, so that a killed run goes on with those that are finished. Memory is bounded by chunks of frames;
only a few numbers a frame are kept for the whole video.
"""

from __future__ import annotations

import fcntl
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from crisp import (
    __version__,
    calibration,
    clips,
    detection,
    estimation,
    exports,
    files,
    flow,
    frames,
    index_file,
    normalisation,
    reference,
    roi,
    sources,
    storage,
    video,
    viewer,
    volume,
)
from crisp.annotations import is_unknown
from crisp.annotations import read as read_xml
from crisp.checkpoints import load_model
from crisp.clips import ClipReader
from crisp.deepflow import DeviceFullError
from crisp.detection_metrics import Interval
from crisp.devices import choose_device, make_deterministic
from crisp.errors import CrispError, fail
from crisp.importers import ids
from crisp.limits import LEAST_FPS, MOST_FPS
from crisp.study import Detection, Study, Variant
from crisp.versions import INDEX, STAGES
from crisp.video import Source
from crisp.words import counted

PREPARATION = "preparation.json"  # what the stage files beside it were made from, and how
PART = 4096  # frames of flow that a killed run loses at most
SAME_RATE = 0.01  # frame rates that differ by less are the same, as 29.97 and 30
DIGITS = 4  # of scores and probabilities
CLEAR = 0.5  # probability that a class has to reach somewhere
OLD_MODEL = (
    "the model's file is of an older version: its probabilities are not calibrated, and whether this video "
    "is like its training data cannot be checked; train it again for both"
)


@dataclass(frozen=True)
class Model:
    """A trained model and all that its file says about how it is used."""

    path: Path
    sha256: str
    network: nn.Module
    about: dict[str, Any]
    variant: Variant
    settings: Detection
    decision: str

    @property
    def classes(self) -> list[str]:
        return self.about["classes"]

    @property
    def preparation(self) -> dict[str, Any]:
        return self.about["preparation"]

    @property
    def temperature(self) -> float:
        """Of the probabilities that people read."""
        return self.about["calibration"]["temperature"]


@dataclass(frozen=True)
class Options:
    """How videos are indexed: `annotated` is an annotation file, or a folder of ``<video id>.xml``."""

    out: Path
    annotated: Path | None = None
    overlay: bool = False
    keep: bool = False
    workers: int = 1
    backend: str = ""  # of the flow; empty is that of the model's study


def run(videos: Sequence[Path], model: Model, options: Options) -> None:
    """Index videos, one after the other; one that fails leaves the others alone.

    Raises
    ------
    CrispError
        If two videos would share a folder, or, after the others are done, if one failed.
    """
    names = [ids.plain(path.name) for path in videos]
    twice = [name for name, number in Counter(map(str.lower, names)).items() if number > 1]
    if twice:
        raise fail(
            "videos",
            "two have the same name",
            "names that differ by more than their folder, ending, case and special characters",
            ", ".join(twice),
            "index them with another --out, or rename one",
        )
    if len(videos) > 1 and options.annotated and not options.annotated.is_dir():
        raise fail(
            options.annotated,
            "one annotation file for several videos",
            "a folder of <video>.xml",
            "a file",
            "give the folder, or one video",
        )
    failed = []
    for path, name in zip(videos, names, strict=True):
        try:
            index(path, name, model, options)
        except CrispError as error:
            if len(videos) == 1:
                raise
            print(f"crisp: {error}", file=sys.stderr)
            failed.append(str(path))
    if failed:
        raise fail(
            f"{len(failed)} of {counted(len(videos), 'video')}",
            "could not be indexed",
            found=", ".join(failed),
            remedy="see the messages above; the same command goes on with what is missing",
        )


def load(path: Path, device: str = "auto", study: Study | None = None, workers: int = 1) -> Model:
    """A trained model, on the device.

    Parameters
    ----------
    path : of a ``model.pt``.
    device : ``auto``, ``cpu``, ``cuda``, …
    study : whose decision rule and detection settings to take; None takes those the model was trained with.
    workers : threads of the network.

    Raises
    ------
    CrispError
        If it is missing, damaged or of another schema, cannot tell a stroke from none, or needs poses that
        nothing estimates.
    """
    make_deterministic(workers)
    network, about = load_model(path, choose_device(device))
    variant = Variant.from_config(about["variant"])
    if about["negative_class"] not in about["classes"]:
        raise fail(
            path,
            "model has no class for no stroke",
            f"{about['negative_class'] or 'Negative'!r} among its classes",
            ", ".join(about["classes"]),
            "train one with negatives.class among the classes",
        )
    if "pose" in variant.streams and not about["preparation"]["pose_estimator"]:
        raise fail(
            path,
            "model takes poses, and those it was trained on came from files",
            "a model without poses, or one trained with preparation.pose.estimator",
            f"model {variant.model}",
            "choose another model",
        )
    settings = study.detection if study else Detection(**about["detection"])
    decision = study.decision if study else about["decision"]
    return Model(path, sources.sha256(path), network, about, variant, settings, decision)


def index(path: Path, name: str, model: Model, options: Options) -> dict[str, Any]:
    """Index one video: write ``index.json``, a page to look at, and files for other software to its folder.

    What is up to date already is left as it is.

    Returns
    -------
    dict
        The content of ``index.json``.

    Raises
    ------
    CrispError
        If the video or its annotation cannot be read, its folder holds something else or is in use, a person
        has changed a file that is to be written anew, or there is no room.
    """
    folder = options.out / name
    source = _probed(path)
    annotation = _annotated(options.annotated, name)
    _check_folder(folder, source)
    with _held(folder):
        return _index(source, folder, annotation, model, options)


def _index(
    source: Source,
    folder: Path,
    annotation: tuple[Path | None, list[dict] | None],
    model: Model,
    options: Options,
) -> dict[str, Any]:
    """As :func:`index`, for a video that was looked at, in a folder of one's own."""
    began = time.monotonic()
    name = folder.name
    annotated, truth = annotation
    identity = _identity(source, model)
    content = _current(folder, identity)
    where = str(annotated.absolute()) if annotated else None
    if content is not None and (content["truth"], content["annotations"]) != (truth, where):
        exports.spare(folder)
        content = _annotated_anew(content, truth, where)
        _write(folder, content, options.overlay)
        print(f"{name}: indexed already, its annotation is renewed", file=sys.stderr)
    elif content is not None:
        exports.write(folder, content, options.overlay)
        if not (folder / viewer.PAGE).exists():
            _make_page(folder)
        print(f"{name}: is indexed already", file=sys.stderr)
    if content is not None:
        _remove_stages(folder, options.keep)
        return content
    exports.spare(folder)
    step, warnings = frame_step(source.fps, model.preparation["fps"])
    warnings += _prepare(source, folder, step, model, options)
    try:
        content = _content(source, name, folder, step, model)
    finally:
        clips.close_files()
    warnings = [*content["warnings"], *warnings]
    content |= {"truth": None, "annotations": None, "warnings": warnings, "digest": identity}
    content = _annotated_anew(content, truth, where)
    for warning in content["warnings"]:
        print(f"warning: {source.path}: {warning}", file=sys.stderr)
    _write(folder, content, options.overlay)
    _remove_stages(folder, options.keep)
    seconds = time.monotonic() - began
    found, count = len(content["strokes"]), content["video"]["frames"]
    print(
        f"{name}: {counted(found, 'stroke') if found else 'no strokes'} found in {counted(count, 'frame')}, "
        f"{seconds:.1f} s, {count / seconds:.1f} frames/s; to look at: {folder / viewer.PAGE}",
        file=sys.stderr,
    )
    return content


def _write(folder: Path, content: dict[str, Any], overlay: bool) -> None:
    """Write ``index.json`` and all that is made of it; a later run makes good what is cut off."""
    stale = [*exports.FORMATS, viewer.PAGE]
    if files.read_cache(folder / index_file.NAME).get("digest") != content["digest"]:
        stale.append(exports.OVERLAY)  # it takes long, and does not show the annotation
    for name in (exports.RECORD, *stale):
        (folder / name).unlink(missing_ok=True)
    files.write_json(folder / index_file.NAME, content, indent=None)
    exports.write(folder, content, overlay)
    _make_page(folder)


def _make_page(folder: Path) -> None:
    """Make the page to look at the video; what its reader may run into is told."""
    proxy = folder / Path(viewer.PAGE).with_suffix(".mp4")
    for warning in viewer.make(folder / index_file.NAME, video=proxy if proxy.exists() else None).warnings:
        print(f"warning: {warning}", file=sys.stderr)


def frame_step(fps: float, working: float) -> tuple[int, list[str]]:
    """Every how many frames one is taken for a model's working frame rate, and what to warn of.

    Rates that do not divide are brought as near as whole steps can; a model may not know its own.
    """
    if not working:
        return 1, ["the model does not tell its frame rate: every frame is taken"]
    step = max(1, math.floor(fps / working + 0.5))
    if abs(fps / step - working) <= SAME_RATE * working:
        return step, []
    return step, [
        f"{fps:g} frames per second, taken at {fps / step:g}; the model was trained at {working:g}, so it "
        f"sees all motion {working * step / fps:.3g} times as fast as it learnt it: expect more errors"
    ]


def _probed(path: Path) -> Source:
    """What a video file is, without decoding it.

    Raises
    ------
    CrispError
        If it is no video.
    """
    source = video.count_packets(path)
    if not LEAST_FPS <= source.fps <= MOST_FPS:
        expected = f"{LEAST_FPS:g} to {MOST_FPS:g} frames per second"
        raise fail(path, "video tells no frame rate", expected, source.fps, source.remedy)
    source.sha256 = sources.sha256(path)
    return source


def _annotated(given: Path | None, name: str) -> tuple[Path | None, list[dict] | None]:
    """The annotation file of a video and its strokes; none where there is none for it."""
    path = given / f"{name}.xml" if given and given.is_dir() else given
    if path is None or (path != given and not path.exists()):
        return None, None
    return path, [stroke._asdict() for stroke in sorted(read_xml(path))]


def _annotated_anew(content: dict[str, Any], truth: list[dict] | None, path: str | None) -> dict[str, Any]:
    """The content of ``index.json`` with another annotation."""
    before = _about_truth(content)
    anew = {**content, "truth": truth, "annotations": path}
    kept = [warning for warning in content["warnings"] if warning not in before]
    return {**anew, "warnings": kept + _about_truth(anew)}


def _about_truth(content: dict[str, Any]) -> list[str]:
    """What is unusual about annotated strokes, which are kept as they are."""
    truth, path, count = content["truth"] or [], content["annotations"], content["video"]["frames"]
    known = {*content["model"]["classes"], ""}
    unknown = sorted({one["label"] for one in truth if not is_unknown(one["label"])} - known)
    late = sum(one["end"] > count for one in truth)
    found = [f"{path}: not a class of the model, kept as it is: {', '.join(unknown)}"] if unknown else []
    if late:
        ending = f"{counted(late, 'annotated stroke')} {'ends' if late == 1 else 'end'}"
        found.append(f"{path}: {ending} after the last of {counted(count, 'frame')}")
    return found


def _check_folder(folder: Path, source: Source) -> None:
    """Refuse a folder of another video's results, or of files that are not from here."""
    if not folder.is_dir():
        return
    video = files.read_cache(folder / index_file.NAME).get("video")
    of = (video if isinstance(video, dict) else files.read_cache(folder / PREPARATION)).get("sha256")
    if of is None and any(".tmp-" not in path.name for path in folder.iterdir()):
        raise fail(
            folder, "folder holds other files", "an empty folder, or none", "files", "choose another --out"
        )
    if of not in (None, source.sha256):
        raise fail(
            folder,
            "folder holds the results of another video",
            f"of {source.path}, SHA-256 {source.sha256}",
            f"SHA-256 {of}",
            "choose another --out; or move that folder away if the video was replaced",
        )


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made, so that no other command works in it; the end of a process frees it.

    Raises
    ------
    CrispError
        If another command holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(place)
        raise fail(
            folder,
            "another crisp index is at work in this folder",
            remedy="wait for its end, or choose another --out",
        ) from None
    except OSError:  # a file system that knows no locks
        pass
    try:
        yield
    finally:
        os.close(place)


def _identity(source: Source, model: Model) -> str:
    """One string for all that an index depends on but the annotation, which is only shown."""
    return files.digest(
        [
            [INDEX, __version__, {stage: STAGES[stage] for stage in ("frames", "flow", "roi", "detect")}],
            [str(source.path.absolute()), source.sha256],
            [str(model.path.absolute()), model.sha256, vars(model.settings), model.decision],
        ]
    )


def _current(folder: Path, identity: str) -> dict[str, Any] | None:
    """The content of ``index.json``, if it is there and nothing it depends on has changed."""
    content = files.read_cache(folder / index_file.NAME)
    if content.get("digest") != identity:
        return None
    try:
        return index_file.read(folder / index_file.NAME, whole=True)
    except CrispError:  # made again, as a damaged one is
        return None


def _prepare(source: Source, folder: Path, step: int, model: Model, options: Options) -> list[str]:
    """Make the stage files that are missing; what is unusual about the video."""
    prepared = {
        **model.preparation,
        "frame_step": step,
        "flow": model.variant.flow,
        "flow_backend": options.backend or _available(model.preparation["flow_backend"]),
        "versions": {stage: STAGES[stage] for stage in ("frames", "flow", "roi", "pose")},
    }
    asked = {"sha256": source.sha256, "prepared": prepared}
    if files.read_cache(folder / PREPARATION) != asked:
        _remove_stages(folder)
        files.write_json(folder / PREPARATION, asked)
    images, motion = folder / "frames.h5", folder / "flow" / f"{model.variant.flow}.h5"
    region = folder / "roi" / motion.name
    if not _usable(images, "frames"):
        frames.extract(
            source.path,
            images,
            prepared["width"],
            prepared["upscale"],
            step,
            source.sha256,
            source.packets,
        )
    if not _usable(motion, "flow"):
        _flow(images, motion, prepared["flow_backend"], options.workers)
    if not _usable(region, "roi"):
        settings = (prepared[f"roi_{key}"] for key in ("alpha", "threshold", "power"))
        roi.extract(images, motion, region, *settings)
    if "pose" in model.variant.streams and not _usable(folder / "pose.h5", "pose"):
        estimation.extract(images, region, folder / "pose.h5")
    told = frames.described(images)
    source.width, source.height = told.width, told.height
    source.claimed, source.decoded = told.claimed, told.decoded
    source.broken, source.resized, source.variable_rate = told.broken, told.resized, told.variable_rate
    return source.warnings()


def _available(backend: str) -> str:
    """The backend of the flow that a model was trained with, or another where there is no GPU for it."""
    if backend != "gpu" or torch.cuda.is_available():
        return backend
    print("warning: the model's flow was computed on a GPU; there is none: a CPU does it", file=sys.stderr)
    return "auto"


def _usable(path: Path, kind: str) -> bool:
    """Whether a stage file is there and can be opened; a damaged one goes, as the folder is CRISP's own."""
    try:
        storage.open_stage(path, kind).close()
    except CrispError:
        path.unlink(missing_ok=True)
        return False
    return True


def _flow(images: Path, target: Path, backend: str, workers: int) -> None:
    """Compute the flow, of a long video in parts, so that little of it is lost by a kill."""
    number = -(-storage.frame_count(images) // PART)
    if number == 1:
        flow.extract(images, target, target.stem, backend, workers)
        return
    parts = [target.with_suffix(f".part-{part}-of-{number}.h5") for part in range(1, number + 1)]
    try:
        for part, path in enumerate(parts, start=1):
            if not _usable(path, "flow"):
                flow.extract(images, path, target.stem, backend, workers, (part, number))
    except DeviceFullError as error:  # no file is of two backends
        for path in parts:
            path.unlink(missing_ok=True)
        print(f"warning: {error}\n    instead another backend computes {target}", file=sys.stderr)
        _flow(images, target, "auto", workers)
        return
    flow.gather(images, parts, target)
    for path in parts:
        path.unlink()


def _remove_stages(folder: Path, keep: bool = False) -> None:
    """Delete the stage files of a folder, and the record of their making after them."""
    if keep or not (folder / PREPARATION).exists():
        return
    volume.remove_from(folder, "", "frames")
    (folder / PREPARATION).unlink(missing_ok=True)
    for name in ("flow", "roi"):
        with suppress(OSError):  # not there, or somebody keeps other files in it
            (folder / name).rmdir()


def _content(source: Source, name: str, folder: Path, step: int, model: Model) -> dict[str, Any]:
    """Find the strokes of a prepared video; the content of its ``index.json``, without the truth."""
    reader = ClipReader(folder, model.variant.streams, model.variant.flow, model.variant.pose_norm)
    scale, rest = model.about["normalisation"], model.about["negative_class"]
    stride = detection.stride_frames(model.settings.stride, reader.fps)
    known = model.about["reference"]
    with reference.watched(model.network, known) as distances:
        probabilities = detection.frame_probabilities(
            model.network,
            reader,
            model.variant.size,
            normalisation.from_json(scale) if scale else None,
            stride,
            model.about["training"]["batch_size"],
            f"{name} windows",
        )
    decided = detection.decide(probabilities, model.decision, reader.fps, model.settings)
    runs = detection.find(name, decided, model.classes, rest, model.settings.shortest * reader.fps)
    first, last = decided.known
    shown = calibration.temper(decided.smoothed[first:last:stride], model.temperature)
    unlike = _unlike(source, folder, distances, step, model)
    return {
        "schema": INDEX,
        "crisp": __version__,
        "video": {
            "id": name,
            "path": str(source.path.absolute()),
            "sha256": source.sha256,
            **source.timing(),
        },
        "model": {
            "path": str(model.path.absolute()),
            "sha256": model.sha256,
            "variant": model.variant.name,
            "classes": model.classes,
            "negative": rest,
            "decision": model.decision,
            "fps": model.preparation["fps"],
            "frame_step": step,
            "temperature": model.temperature,
        },
        "strokes": [_stroke(run, decided, source, step, model) for run in runs],
        "probabilities": {
            "stride": stride * step,
            "first": first * step,
            "classes": model.classes,
            "values": shown.round(DIGITS).tolist(),
        },
        **_region(reader, source, model.variant.size[1:], stride),
        "roi_stride": stride * step,
        "unlike": unlike,
        "warnings": _doubts(unlike, model, shown),
    }


def _unlike(
    source: Source, folder: Path, distances: list[float], step: int, model: Model
) -> dict[str, Any] | None:
    """How the video is unlike the model's training data; None where the model's file does not tell."""
    known = model.about["reference"]
    if not known:
        return None
    region = folder / "roi" / f"{model.variant.flow}.h5"
    facts = reference.Facts(
        source.width,
        model.preparation["width"],
        source.width / source.height,
        reference.speeds(region),
        np.array(distances),
    )
    found = reference.compare(known, facts)
    working = model.preparation["fps"]
    ratio = source.fps / step / working if working else 1.0
    # Two differences, neither of them large, are as telling as a large one.
    far = len(found) > 1 or any(finding.far for finding in found) or max(ratio, 1 / ratio) > reference.RATE
    return {"words": [finding.words for finding in found], "meaningless": far}


def _doubts(unlike: dict[str, Any] | None, model: Model, shown: np.ndarray) -> list[str]:
    """What a reader has to know before believing the strokes: the worst first."""
    told = []
    if unlike is None:
        told.append(OLD_MODEL)
    elif unlike["words"] or unlike["meaningless"]:
        verdict = f"; {reference.VERDICT}" if unlike["meaningless"] else ": expect more errors"
        told.append(f"the video is unlike the training data of the model{verdict}")
        told += unlike["words"]
    strokes = np.delete(shown, model.classes.index(model.about["negative_class"]), axis=1)
    highest = float(strokes.max(initial=0))
    if highest < CLEAR:
        told.append(f"no class rises clearly anywhere in the video: the highest probability is {highest:.2f}")
    return told


def _stroke(
    run: Interval, decided: detection.Decided, source: Source, step: int, model: Model
) -> dict[str, Any]:
    """A found stroke as ``index.json`` has it: in frames of the video file, its probabilities calibrated."""
    means = decided.smoothed[run.begin : run.end].mean(axis=0)
    scores = _named(calibration.temper(means, model.temperature), model.classes)
    return {
        # A frame that is taken stands for those up to the next one, of which there may be fewer.
        "begin": run.begin * step,
        "end": min(run.end * step, source.decoded),
        "label": run.label,
        "probability": scores[run.label],
        "score": round(1 - scores[model.about["negative_class"]], DIGITS),
        "cut": detection.cut(run, decided),
        "scores": scores,
    }


def _named(values: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    return dict(zip(classes, values.round(DIGITS).tolist(), strict=True))


def _region(reader: ClipReader, source: Source, size: tuple[int, int], stride: int) -> dict[str, Any]:
    """Centres (x, y) of the crops that the model saw, and their size (width, height), px of the video."""
    _, height, width = reader.shape
    centres = roi.clamp(reader.centres()[::stride], size, width, height)
    scale = np.array([source.width / width, source.height / height])
    return {"roi": (centres * scale).round(1).tolist(), "roi_size": (scale * size[::-1]).round(1).tolist()}
