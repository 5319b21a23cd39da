"""Indexing: as the stages one by one, resumed after a kill, and what is refused or warned of."""

from __future__ import annotations

import csv
import json
import math
import re
import subprocess
import sys
import tracemalloc
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from crisp import cli, models
from crisp.clips.normalisation import Normalisation, to_json
from crisp.clips.reader import ClipReader
from crisp.core import stage_files
from crisp.core.errors import Fault
from crisp.evaluation import detection
from crisp.indexing import exports, index, index_document, model, video_preparation
from crisp.indexing.video_preparation import frame_step
from crisp.indexing.viewer import make_viewer
from crisp.preparation import flow, frames, roi
from crisp.preparation.deepflow import DeviceFullError
from crisp.preparation.flow import extract_flow
from crisp.preparation.frames import extract_frames
from crisp.preparation.roi import extract_roi
from crisp.study import schema
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.variants import Detection, Variant
from crisp.training import calibration, reference
from tests import frame_coded

CLASSES = ["Hit", "Push", "Negative"]
SIZE = (8, 8, 12)
METHOD = "dis"
SETTINGS = {"stride": 0.16, "smoothing": 0.2, "gaussian": 0.2, "shortest": 0.08}
PREPARATION = {"width": 32, "upscale": False, "fps": 25.0, "roi_alpha": 0.6, "roi_threshold": 0.25}

Command = Callable[..., str]


def model_file(path: Path, bias: tuple[float, float, float] = (0, 0, 0), **changes: Any) -> Path:
    """A model with large random last weights, so that its choice varies; `bias` prefers classes."""
    variant = {"name": "twin", "model": "twin", "size": list(SIZE), "flow": METHOD}
    torch.manual_seed(0)
    network = models.build(Variant.from_config(variant), 3)
    with torch.no_grad():
        network.head.weight.mul_(60)
        network.head.bias.copy_(torch.tensor(bias))
    content = {
        "schema": 1,
        "variant": variant,
        "classes": CLASSES,
        "normalisation": to_json(Normalisation("normal", 2.0, 2.0)),
        "preparation": {**PREPARATION, "roi_power": 16.0},
        "negative_class": "Negative",
        "decision": "mean",
        "detection": SETTINGS,
        "training": {"batch_size": 4, "threads": 1},
        "calibration": {"temperature": 1.0, "remark": ""},
        "reference": {"shape": [4 / 3, 4 / 3]},
        "model": network.state_dict(),
        **changes,
    }
    torch.save({key: value for key, value in content.items() if value is not None}, path)
    return path


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_video) -> Path:
    """The working folder, with a video and a model."""
    monkeypatch.chdir(tmp_path)
    make_video("game.mp4", frames=90)
    model_file(Path("model.pt"))
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """``crisp index …`` in this process: what it says, its exit code checked (default 0)."""

    def call(*arguments: object, code: int = 0) -> str:
        given = [*map(str, arguments), "--out", "out", "--device", "cpu", "--workers", "1"]
        if "--model" not in given:
            given += ["--model", "model.pt"]
        monkeypatch.setattr(sys, "argv", ["crisp", "index", *given])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert ended.value.code == code, said
        assert "Traceback" not in said.err
        return said.err

    return call


def read(name: str = "game") -> dict[str, Any]:
    return json.loads(Path("out", name, "index.json").read_text())


def by_hand(video: str, step: int) -> detection.Decided:
    """The decision of every working frame, by the stages one after the other; 0.16 s are four frames."""
    folder = by_hand_files(video, step)
    loaded = model.load_trained_model(Path("model.pt"), "cpu")
    reader = ClipReader(folder, ("rgb", "flow"), METHOD)
    scale = Normalisation("normal", 2.0, 2.0)
    found = detection.frame_probabilities(loaded.network, reader, SIZE, scale, 4, 7)
    return detection.decide_frames(
        found, "mean", 25, Detection.from_config(schema.defaults("detection") | SETTINGS)
    )


def by_hand_files(video: str, step: int = 1) -> Path:
    """The folder of a video's stage files."""
    folder = Path("by-hand")
    images, motion, region = folder / "frames.h5", folder / f"flow/{METHOD}.h5", folder / f"roi/{METHOD}.h5"
    extract_frames(video, images, 32, frame_step=step)
    extract_flow(images, motion, METHOD)
    extract_roi(images, motion, region, 0.6, 0.25, 16.0)
    return folder


@pytest.mark.usefixtures("lab")
def test_finds_what_the_stages_find(command: Command) -> None:
    said = command("game.mp4")
    content = read()
    decided = by_hand("game.mp4", 1)
    runs = detection.find_strokes("game", decided, CLASSES, "Negative", 2)
    assert len(runs) > 1, "the made-up model finds something"
    assert [(one["begin"], one["end"], one["label"]) for one in content["strokes"]] == [
        (run.begin, run.end, run.label) for run in runs
    ]
    for one, run in zip(content["strokes"], runs, strict=True):
        assert one["score"] == pytest.approx(run.score, abs=1e-4)
        assert one["probability"] == pytest.approx(run.probability, abs=1e-4)
        assert one["probability"] == one["scores"][one["label"]]
        assert one["cut"] == detection.cut(run, decided)
        means = decided.smoothed[run.begin : run.end].mean(axis=0)
        assert list(one["scores"].values()) == pytest.approx(list(means), abs=1e-4)
    shown = content["probabilities"]
    assert (shown["stride"], shown["first"], shown["classes"]) == (4, SIZE[0] // 2, CLASSES)
    first, last = decided.known
    assert (first, last) == (4, 87), "windows of 8 frames are centred on these of 90"
    np.testing.assert_allclose(shown["values"], decided.smoothed[first:last:4], atol=1e-4)
    assert f"game: {len(runs)} strokes found in 90 frames" in said
    assert "review: out/game/viewer.html" in said
    assert '"../../game.mp4"' in Path("out/game/viewer.html").read_text()
    assert sorted(path.name for path in Path("out/game").iterdir()) == sorted(
        ["index.json", "viewer.html", exports.RECORD, *exports.FORMATS]
    ), "no stage file is left"


def test_index_tells_of_video_and_model(lab: Path, command: Command) -> None:
    command("game.mp4")
    content = read()
    about = content["video"]
    assert about["path"] == str(lab / "game.mp4")
    assert {key: about[key] for key in ("id", "fps", "frames", "width", "height", "duration")} == {
        "id": "game",
        "fps": 25,
        "frames": 90,
        "width": 64,
        "height": 48,
        "duration": 3.6,
    }
    assert content["model"]["path"] == str(lab / "model.pt")
    assert content["model"]["classes"] == CLASSES
    assert content["model"]["negative"] == "Negative"
    assert content["truth"] is content["annotations"] is None
    # The crop is 12 x 8 px of 32 x 24, so twice that of the video, and lies inside it.
    assert content["roi_size"] == [24, 16]
    assert len(content["roi"]) == math.ceil(90 / content["roi_stride"])
    x, y = np.array(content["roi"]).T
    assert x.min() >= 12
    assert x.max() <= 52
    assert y.min() >= 8
    assert y.max() <= 40


@pytest.mark.usefixtures("lab")
def test_a_video_of_a_player_who_faces_left_is_seen_mirrored(command: Command) -> None:
    command("game.mp4", "--keep")
    straight = read()["probabilities"]["values"]
    assert "already indexed" not in command("game.mp4", "--keep", "--facing", "left")
    mirrored = read()["probabilities"]["values"]
    assert mirrored != straight
    assert "already indexed" in command("game.mp4", "--keep", "--facing", "left")
    command("game.mp4", "--keep", "--facing", "right")
    assert read()["probabilities"]["values"] == straight
    assert "left, right, or one of them" in command("game.mp4", "--facing", "west", code=1)


@pytest.mark.usefixtures("lab")
def test_twice_the_frame_rate(make_video, command: Command) -> None:
    make_video("fast.mp4", frames=101, fps=50)
    said = command("fast.mp4")
    assert "warning" not in said
    content = read("fast")
    decided = by_hand("fast.mp4", 2)
    runs = detection.find_strokes("fast", decided, CLASSES, "Negative", 2)
    assert runs[-1].end == 48, "up to the last of 51 on which a window of 8 is centred"
    assert [(one["begin"], one["end"]) for one in content["strokes"]] == [
        (2 * run.begin, min(2 * run.end, 101)) for run in runs
    ]
    assert (content["video"]["fps"], content["video"]["frames"]) == (50, 101)
    assert content["probabilities"]["stride"] == content["roi_stride"] == 8
    assert content["probabilities"]["first"] == 8
    assert len(content["probabilities"]["values"]) == 11
    assert len(content["roi"]) == 13


@pytest.mark.usefixtures("lab")
def test_frame_rate_that_does_not_divide(make_video, command: Command) -> None:
    make_video("odd.mp4", frames=30, fps=40)
    said = command("odd.mp4")
    assert "warning: odd.mp4: 40 frames per second, taken at 20; the model was trained at 25" in said
    assert any("taken at 20" in warning for warning in read("odd")["warnings"])


@pytest.mark.usefixtures("lab")
def test_times_of_an_irregular_video_are_those_of_its_stamps(command: Command) -> None:
    name = "30-then-24.mp4"
    command(frame_coded.write_kind(Path(name)))
    content = read("30-then-24")
    stamps = frame_coded.STAMPS[name]
    assert content["video"]["times"] == pytest.approx(stamps, abs=1e-6)
    assert content["video"]["duration"] == pytest.approx(stamps[-1] + 1 / content["video"]["fps"], abs=0.001)
    assert any("variable frame rate" in warning for warning in content["warnings"])
    bounds = {(one["begin"], one["end"]) for one in content["strokes"]}
    rows = pd.read_csv("out/30-then-24/strokes.csv")
    assert bounds == set(zip(rows["begin"], rows["end"], strict=True)) != set()
    assert rows["begin_seconds"].tolist() == pytest.approx([stamps[at] for at in rows["begin"]], abs=0.0006)
    command("game.mp4")
    assert "times" not in read()["video"]


@pytest.mark.usefixtures("lab")
def test_slow_motion_is_used_at_the_rate_of_its_recording(make_video, command: Command) -> None:
    make_video("slow.mp4", frames=101, fps=12.5)
    command("slow.mp4", "--fps", 50, "--keep")
    content = read("slow")
    assert (content["model"]["frame_step"], content["video"]["fps"]) == (2, 12.5)
    with h5py.File("out/slow/frames.h5") as file:
        assert (file.attrs["fps"], len(file["rgb"])) == (25, 51)
    rows = pd.read_csv("out/slow/strokes.csv")
    assert rows["begin_seconds"].tolist() == pytest.approx((rows["begin"] / 12.5).tolist(), abs=0.0006)
    assert "already indexed" not in command("slow.mp4")


@pytest.mark.usefixtures("lab")
def test_a_video_is_found_under_another_unicode_form(make_video, command: Command) -> None:
    make_video(unicodedata.normalize("NFD", "R\u00fcck.mp4"), frames=30)
    said = command("R\u00fcck.mp4")
    assert "missing" not in said
    assert list(Path("out").glob("*/index.json"))


@pytest.mark.usefixtures("lab")
def test_raw_stream_needs_its_rate(command: Command) -> None:
    with av.open("raw.mjpeg", "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(40):
            image = np.full((48, 64, 3), 5 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    said = command("raw.mjpeg", code=1)
    assert "the video has no frame rate" in said
    assert "remedy: give it: --fps" in said
    command("raw.mjpeg", "--fps", 25)
    assert (read("raw")["video"]["fps"], read("raw")["video"]["frames"]) == (25, 40)


@pytest.mark.parametrize(
    ("fps", "working", "step", "warned"),
    [
        (25, 25, 1, False),
        (29.97, 30, 1, False),
        (239.76, 120, 2, False),
        (25, 120, 1, True),
        (30, 25, 1, True),
        (60, 25, 2, True),
        (60, 0, 1, True),
    ],
)
def test_steps(fps: float, working: float, step: int, warned: bool) -> None:
    found, warnings = frame_step(fps, working)
    assert (found, bool(warnings)) == (step, warned)


def spied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that are computed from now on."""
    called: list[str] = []
    for module, work in ((frames, extract_frames), (flow, extract_flow), (roi, extract_roi)):

        def spy(*given: Any, stage: Any = work, name: str = module.__name__, **options: Any) -> Any:
            called.append(name)
            return stage(*given, **options)

        monkeypatch.setattr(module, work.__name__, spy)
    return called


@pytest.mark.usefixtures("lab")
def test_killed_run_goes_on_with_finished_stages(monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    command("game.mp4")
    whole = read()
    Path("out/game/index.json").unlink()
    with monkeypatch.context() as patch:

        def kill(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(roi, "extract_roi", kill)
        for path in Path("out/game").iterdir():
            path.unlink()
        said = command("game.mp4", code=130)
        assert "interrupted; no file is incomplete" in said
    assert not Path("out/game/index.json").exists()
    called = spied(monkeypatch)
    command("game.mp4")
    assert called == ["crisp.preparation.roi"]
    assert read() == whole


@pytest.mark.usefixtures("lab")
def test_flow_of_a_long_video_goes_on_in_its_middle(
    monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    command("game.mp4", "--keep")
    motion = Path(f"out/game/flow/{METHOD}.h5")
    whole, values = read(), stage_files.identity(motion, "flow")
    Path("out/game/index.json").unlink()
    motion.unlink()
    monkeypatch.setattr(video_preparation, "PART", 40)
    done = []
    compute = extract_flow

    def part(*given: Any) -> None:
        if len(done) == 2:
            done.append(0)
            raise KeyboardInterrupt
        done.append(given[5])
        compute(*given)

    monkeypatch.setattr(flow, "extract_flow", part)
    command("game.mp4", "--keep", code=130)
    command("game.mp4", "--keep")
    assert done == [(1, 3), (2, 3), 0, (3, 3)]
    assert stage_files.identity(motion, "flow") == values
    assert read() == whole
    assert not list(motion.parent.glob("*part-*"))


@pytest.mark.usefixtures("lab")
def test_files_of_others_in_the_folder_stay(command: Command) -> None:
    command("game.mp4", "--keep")
    others = [Path("out/game", name) for name in ("flow/notes.h5", "roi/notes.txt", "game.h5", "pose.txt")]
    for path in others:
        path.write_text("mine")
    command("game.mp4")
    assert not list(Path("out/game").rglob(f"{METHOD}.h5"))
    assert not Path("out/game/frames.h5").exists()
    assert [path.read_text() for path in others] == ["mine"] * 4


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("name", list(exports.FORMATS))
def test_corrected_file_is_not_written_over(
    monkeypatch: pytest.MonkeyPatch, command: Command, name: str
) -> None:
    """In ELAN, BORIS, a text editor, or saved there by the viewer."""
    command("game.mp4")
    path = Path("out/game", name)
    corrected = path.read_text() + "\n"
    path.write_text(corrected)
    model_file(Path("model.pt"), bias=(0, 5, 0))
    called = spied(monkeypatch)
    assert f"{path}: was changed since CRISP wrote it" in command("game.mp4", code=1)
    assert called == [], "told before the work"
    assert path.read_text() == corrected
    path.rename("mine")
    command("game.mp4")
    assert path.exists()
    command("game.mp4")


@pytest.mark.usefixtures("lab")
def test_kept_stages_serve_another_model_of_the_same_preparation(
    monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    command("game.mp4", "--keep")
    called = spied(monkeypatch)
    model_file(Path("other.pt"), bias=(0, 5, 0))
    command("game.mp4", "--keep", "--model", "other.pt")
    assert called == []
    assert read()["model"]["path"].endswith("other.pt")
    model_file(Path("wide.pt"), preparation={**PREPARATION, "width": 48})
    command("game.mp4", "--model", "wide.pt")
    assert called == ["crisp.preparation.frames", "crisp.preparation.flow", "crisp.preparation.roi"]
    assert not Path("out/game/frames.h5").exists()


@pytest.mark.usefixtures("lab")
def test_finished_video_is_left_alone(monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    command("game.mp4")
    before = Path("out/game/index.json").stat()
    for name in ("strokes.csv", "viewer.html"):
        Path("out/game", name).unlink()
    called = spied(monkeypatch)
    assert "game: already indexed" in command("game.mp4", "--overlay")
    assert called == []
    after = Path("out/game/index.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert {"strokes.csv", "viewer.html", "overlay.mp4"} <= {path.name for path in Path("out/game").iterdir()}


@pytest.mark.usefixtures("lab")
def test_deleted_stage_files_free_their_room(command: Command) -> None:
    command("game.mp4")
    handles = [path.readlink().name for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert not [name for name in handles if ".h5 (deleted)" in name]


@pytest.mark.usefixtures("lab")
def test_truth_is_kept_as_it_is(command: Command) -> None:
    strokes = [Stroke(5, 20, "Smash"), Stroke(30, 40, "Hit"), Stroke(41, 44), Stroke(50, 60, "Negative")]
    write_annotation("truth.xml", [*strokes, Stroke(80, 99, "Unknown")])
    said = command("game.mp4", "--annotations", "truth.xml")
    assert "truth.xml: not a class of the model, kept as it is: Smash" in said
    assert "truth.xml: 1 annotated stroke ends after the last of 90 frames" in said
    content = read()
    assert content["truth"] == [
        {"begin": 5, "end": 20, "label": "Smash"},
        {"begin": 30, "end": 40, "label": "Hit"},
        {"begin": 41, "end": 44, "label": ""},
        {"begin": 50, "end": 60, "label": "Negative"},
        {"begin": 80, "end": 99, "label": "Unknown"},
    ]
    assert content["annotations"] == str(Path("truth.xml").absolute())


@pytest.mark.usefixtures("lab")
def test_another_annotation_changes_nothing_of_what_was_found(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("game.mp4")
    before = read()
    monkeypatch.setattr(index, "prepare_video", None)  # nothing is computed
    write_annotation("truth.xml", [Stroke(5, 20, "Smash")])
    said = command("game.mp4", "--annotations", "truth.xml")
    assert "already indexed; the annotation is updated" in said
    told = f"{Path('truth.xml').absolute()}: not a class of the model, kept as it is: Smash"
    assert read()["warnings"] == [*before["warnings"], told]
    assert "Smash" in Path("out/game/viewer.html").read_text()
    assert "Smash" in Path("out/game/strokes.eaf").read_text()
    write_annotation("truth.xml", [Stroke(5, 21, "Hit")])
    command("game.mp4", "--annotations", "truth.xml")
    assert read()["truth"] == [{"begin": 5, "end": 21, "label": "Hit"}]
    assert "Smash" not in Path("out/game/strokes.eaf").read_text()
    assert "already indexed" in command("game.mp4", "--annotations", "truth.xml")
    command("game.mp4")
    assert read() == before


@pytest.mark.usefixtures("lab")
def test_another_annotation_leaves_the_copy_that_plays(command: Command) -> None:
    command("game.mp4")
    make_viewer(Path("out/game/index.json"), copy=True)
    write_annotation("truth.xml", [Stroke(5, 20, "Hit")])
    command("game.mp4", "--annotations", "truth.xml")
    assert '"src":"viewer.mp4"' in Path("out/game/viewer.html").read_text()


@pytest.mark.usefixtures("lab")
def test_model_of_a_gpu_study_without_a_gpu(command: Command) -> None:
    model_file(
        Path("gpu.pt"),
        preparation={**PREPARATION, "roi_power": 16.0, "flow_backend": "gpu"},
        variant={"name": "twin", "model": "twin", "size": list(SIZE), "flow": "deepflow"},
    )
    said = command("game.mp4", "--model", "gpu.pt", "--keep")
    if not torch.cuda.is_available():
        assert "the model's flow was computed on a GPU; using the CPU" in said
        with stage_files.open_stage("out/game/flow/deepflow.h5", "flow") as file:
            assert file.attrs["backend"] == "cpu"


@pytest.mark.usefixtures("lab")
def test_gpu_that_is_full_in_a_long_video(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is of two backends: the parts that were done are computed again."""
    extract, used = extract_flow, []

    def full(images: Path, path: Path, method: str, backend: str, *rest: Any) -> None:
        used.append((path.name, backend))
        if backend == "opencv" and ".part-2-" in path.name:
            raise DeviceFullError(Fault("flow backend gpu", "the GPU has too little free memory"))
        extract(images, path, method, backend, *rest)

    monkeypatch.setattr(video_preparation, "PART", 40)
    monkeypatch.setattr(flow, "extract_flow", full)
    assert "computing it with another backend instead" in command("game.mp4", "--backend", "opencv")
    names = [f"{METHOD}.part-{part}-of-3.h5" for part in (1, 2, 3)]
    assert used == [(name, "opencv") for name in names[:2]] + [(name, "auto") for name in names]


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("at", ["boris", "page"])
def test_cut_off_while_it_writes_it_makes_good(
    command: Command, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    command("game.mp4", "--overlay")
    model_file(Path("other.pt"), bias=(9, 0, 0))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(*((index, "_make_page", full) if at == "page" else (exports.boris, "write", full)))
        patched.setitem(exports.FORMATS, "strokes.boris", exports.boris.write)
        command("game.mp4", "--model", "other.pt", code=1)
    assert not Path("out/game/viewer.html").exists()
    assert not Path("out/game/overlay.mp4").exists()
    command("game.mp4", "--model", "other.pt")
    shown = _shown()
    assert all("Hit" in content for content in shown.values())
    command("game.mp4")
    command("game.mp4", "--model", "other.pt")
    assert shown == _shown()


def _shown() -> dict[str, str]:
    """All that is made of the index, without the time of its making."""
    texts = {name: Path("out/game", name).read_text() for name in (*exports.FORMATS, "viewer.html")}
    return {name: re.sub(r"\d{4}-\d\d-\d\dT[\d:+-]+", "", text) for name, text in texts.items()}


@pytest.mark.usefixtures("lab")
def test_two_commands_in_one_folder(command: Command) -> None:
    with index._locked(Path("out/game")):
        said = command("game.mp4", code=1)
        assert "out/game: another crisp index is running in this folder" in said
        assert not any(Path("out/game").iterdir())
    assert "found in 90 frames" in command("game.mp4")


@pytest.mark.usefixtures("lab")
def test_folder_of_annotations(make_video, command: Command) -> None:
    make_video("other.mp4", frames=20)
    Path("xml").mkdir()
    write_annotation("xml/game.xml", [Stroke(5, 20, "Hit")])
    command("game.mp4", "other.mp4", "--annotations", "xml")
    assert read()["truth"] == [{"begin": 5, "end": 20, "label": "Hit"}]
    assert read("other")["truth"] is None


@pytest.mark.usefixtures("lab")
def test_one_annotation_file_of_two_videos(command: Command) -> None:
    write_annotation("truth.xml", [])
    said = command("game.mp4", "other.mp4", "--annotations", "truth.xml", code=1)
    assert "one annotation file for several videos" in said


@pytest.mark.usefixtures("lab")
def test_no_strokes(command: Command) -> None:
    model_file(Path("model.pt"), bias=(0, 0, 1000))
    assert "game: no strokes found in 90 frames" in command("game.mp4")
    assert read()["strokes"] == []
    assert {path.name for path in Path("out/game").iterdir()} == {
        "index.json",
        "viewer.html",
        exports.RECORD,
        *exports.FORMATS,
    }
    assert list(csv.DictReader(Path("out/game/strokes.csv").read_text().splitlines())) == []


@pytest.mark.usefixtures("lab")
def test_video_of_one_frame(make_video, command: Command) -> None:
    make_video("one.mp4", frames=1)
    command("one.mp4", "--overlay")
    content = read("one")
    assert content["video"]["frames"] == len(content["probabilities"]["values"]) == len(content["roi"]) == 1


@pytest.mark.usefixtures("lab")
def test_backend_of_the_flow(command: Command) -> None:
    assert "--backend: no such choice" in command("game.mp4", "--backend", "abacus", code=1)
    model_file(Path("model.pt"), preparation={**PREPARATION, "flow_backend": "abacus"})
    assert "flow: unknown backend" in command("game.mp4", code=1)
    assert "strokes found" in command("game.mp4", "--backend", "opencv")


@pytest.mark.usefixtures("lab")
def test_video_cut_off_is_indexed_as_far_as_it_goes(command: Command) -> None:
    with av.open("cut.mkv", "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        random = np.random.default_rng(0)
        for _ in range(60):
            noise = random.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode(None))
    whole = Path("cut.mkv").read_bytes()
    Path("cut.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    said = command("cut.mkv")
    content = read("cut")
    count = content["video"]["frames"]
    assert 30 < count < 45
    assert f"claims 60 frames, {count} decode" in said
    assert any(f"{count} decode" in warning for warning in content["warnings"])
    assert all(one["end"] <= count for one in content["strokes"])


def bad_model(**changes: Any) -> Callable[[], object]:
    return lambda: model_file(Path("model.pt"), **changes)


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda: Path("game.mp4").unlink(), "game.mp4: video file is missing"),
        (lambda: Path("game.mp4").write_text("a text"), "game.mp4: not a video"),
        (lambda: Path("game.mp4").write_bytes(b""), "game.mp4: not a video"),
        (lambda: Path("model.pt").unlink(), "model.pt: model is missing"),
        (lambda: Path("model.pt").write_bytes(Path("model.pt").read_bytes()[:999]), "model cannot be read"),
        (bad_model(schema=2), "model.pt: model of another schema"),
        (bad_model(variant=None), "model.pt: model is damaged"),
        (bad_model(preparation=None), "model.pt: model is damaged"),
        (bad_model(classes=["Hit", "Negative"]), "model.pt: model is damaged"),
        (bad_model(classes=["Hit", "Push", "Rest"]), "model.pt: model has no negative class"),
        (lambda: Path("truth.xml").write_text("<video>"), "truth.xml: not well-formed XML"),
    ],
)
def test_bad_input_is_one_message(command: Command, spoil: Callable[[], object], found: str) -> None:
    write_annotation("truth.xml", [])
    spoil()
    said = command("game.mp4", "--annotations", "truth.xml", code=1)
    assert said.startswith("crisp: ")
    assert said.count("crisp: ") == 1
    assert found in said
    assert "snakemake" not in said or "model is missing" in said
    assert not Path("out").exists()


@pytest.mark.usefixtures("lab")
def test_poses_from_files_are_not_there_for_a_new_video(command: Command) -> None:
    variant = {"name": "pose", "model": "pose", "size": list(SIZE), "flow": METHOD, "pose_norm": "player"}
    network = models.build(Variant.from_config(variant), 3)
    model_file(Path("model.pt"), variant=variant, model=network.state_dict())
    assert "model needs poses, and was trained on poses from files" in command("game.mp4", code=1)


@pytest.mark.usefixtures("lab")
def test_one_failing_video_fails_alone(make_video, command: Command) -> None:
    Path("broken.mp4").write_text("a text")
    make_video("other.mp4", frames=20, seed=1)
    said = command("game.mp4", "broken.mp4", "other.mp4", code=1)
    assert "broken.mp4: not a video" in said
    assert "1 of 3 videos: could not be indexed\n    found: broken.mp4" in said
    assert {path.name for path in Path("out").iterdir()} == {"game", "other"}
    assert read("other")["video"]["frames"] == 20


@pytest.mark.usefixtures("lab")
def test_two_videos_of_one_name(make_video, command: Command) -> None:
    make_video("day 2/Game.mov", frames=20)
    said = command("game.mp4", "day 2/Game.mov", code=1)
    assert "videos: two have the same name" in said
    assert not Path("out").exists()


@pytest.mark.usefixtures("lab")
def test_folder_with_results_of_another_video(make_video, command: Command) -> None:
    command("game.mp4")
    before = Path("out/game/index.json").read_bytes()
    make_video("day 2/game.mp4", frames=20, seed=5)
    said = command("day 2/game.mp4", code=1)
    assert "out/game: folder holds the results of another video" in said
    assert Path("out/game/index.json").read_bytes() == before


@pytest.mark.usefixtures("lab")
def test_half_done_work_of_another_video_is_not_taken(
    make_video, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(roi, "extract_roi", kill)
        command("game.mp4", code=130)
    make_video("day 2/game.mp4", frames=20, seed=5)
    assert "folder holds the results of another video" in command("day 2/game.mp4", code=1)


@pytest.mark.usefixtures("lab")
def test_folder_with_other_files(command: Command) -> None:
    Path("out/game/flow").mkdir(parents=True)
    Path("out/game/frames.h5").touch()
    assert "out/game: folder holds other files" in command("game.mp4", code=1)
    assert Path("out/game/frames.h5").exists()
    assert Path("out/game/flow").is_dir()


def test_full_disk(lab: Path, tiny_disk: Path) -> None:
    (lab / "out").symlink_to(tiny_disk)
    # A process of its own, as the error that ends it holds files of the disk open.
    verb = [sys.executable, "-c", "from crisp.cli import main; main()", "index", "game.mp4"]
    options = ["--model", "model.pt", "--out", "out", "--device", "cpu", "--workers", "1"]
    done = subprocess.run([*verb, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no room to write this file" in done.stderr
    assert "nothing is lost" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tiny_disk / "game/index.json").exists()
    assert not list(tiny_disk.rglob("*.tmp-*"))


@pytest.mark.usefixtures("lab")
def test_probabilities_are_calibrated_and_decisions_are_not(command: Command) -> None:
    command("game.mp4")
    before = read()
    model_file(Path("model.pt"), calibration={"temperature": 2.0, "remark": ""})
    command("game.mp4")
    after = read()
    assert after["model"]["temperature"] == 2
    shown = [np.array(content["probabilities"]["values"]) for content in (before, after)]
    np.testing.assert_allclose(shown[1], calibration.temper(shown[0], 2.0), atol=2e-3)
    assert len(before["strokes"]) > 1
    for one, other in zip(before["strokes"], after["strokes"], strict=True):
        for key in ("begin", "end", "label", "cut"):
            assert one[key] == other[key]
        assert other["probability"] == other["scores"][other["label"]] < one["probability"]
        assert other["score"] == pytest.approx(1 - other["scores"]["Negative"], abs=1e-4)
        assert other["probability"] <= other["score"] + 1e-4


@pytest.mark.usefixtures("lab")
def test_model_of_before_calibration(command: Command) -> None:
    model_file(Path("model.pt"), calibration=None, reference=None)
    said = command("game.mp4")
    assert "warning: game.mp4: the model file is of an older version" in said
    assert "not calibrated" in said
    content = read()
    assert content["unlike"] is None
    assert content["model"]["temperature"] == 1
    assert index_document.OLD_MODEL in Path("out/game/viewer.html").read_text()


def still() -> dict[str, Any]:
    """A reference whose frames all move fast."""
    return {"motion": reference.motion([np.full(100, 1e4)])}


@pytest.mark.usefixtures("lab")
def test_video_unlike_the_training_data(command: Command) -> None:
    model_file(Path("model.pt"), reference=still())
    said = command("game.mp4")
    verdict = "the video is unlike the training data of the model; these results are probably meaningless"
    assert f"warning: game.mp4: {verdict}" in said
    content = read()
    assert content["unlike"]["meaningless"] is True
    (words,) = content["unlike"]["words"]
    assert words.startswith("hardly anything moves")
    assert content["warnings"][:2] == [verdict, words]
    assert verdict in Path("out/game/viewer.html").read_text()


@pytest.mark.usefixtures("lab")
def test_features_of_every_window_are_compared(command: Command) -> None:
    """The made-up training clips are the video's own windows, or far from them."""
    loaded = model.load_trained_model(Path("model.pt"), "cpu")
    seen: list[torch.Tensor] = []
    by = ClipReader(by_hand_files("game.mp4"), ("rgb", "flow"), METHOD)
    with reference.at_head(loaded.network, seen.append):
        detection.frame_probabilities(loaded.network, by, SIZE, Normalisation("normal", 2.0, 2.0), 1, 7)
    own = torch.cat(seen).numpy()
    model_file(Path("model.pt"), reference={"features": reference.features(own, own)})
    assert "unlike" not in command("game.mp4")
    far = own + 10 * own.std()
    model_file(Path("model.pt"), reference={"features": reference.features(far, far)})
    said = command("game.mp4")
    assert "the model sees other things: half of the video is at least" in said
    assert "probably meaningless" in said


@pytest.mark.usefixtures("lab")
def test_frame_rate_of_another_world(make_video, command: Command) -> None:
    make_video("slow.mp4", frames=40, fps=10)
    said = command("slow.mp4")
    assert "taken at 10; the model was trained at 25" in said
    assert "probably meaningless" in said
    assert read("slow")["unlike"] == {"words": [], "meaningless": True}


@pytest.mark.usefixtures("lab")
def test_no_class_rises(command: Command) -> None:
    assert "no class rises" not in command("game.mp4")
    model_file(Path("model.pt"), calibration={"temperature": 1000.0, "remark": ""})
    assert "no class rises clearly anywhere in the video: the highest probability is 0.3" in command(
        "game.mp4"
    )


@pytest.mark.usefixtures("lab")
def test_settings_of_a_study_file(command: Command) -> None:
    Path("study.yaml").write_text(
        json.dumps(
            {
                "study": "s",
                "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
                "classes": CLASSES,
                "variants": [{"name": "twin"}],
                "decision": "no_window",
                "detection": {"shortest": 2.0},
            }
        )
    )
    command("game.mp4", "--study", "study.yaml")
    content = read()
    assert content["model"]["decision"] == "no_window"
    assert all(one["end"] - one["begin"] >= 50 for one in content["strokes"])


def peak(command: Command, video: str) -> int:
    tracemalloc.start()
    try:
        command(video)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("lab")
def test_memory_does_not_grow_with_the_video(make_video, command: Command) -> None:
    size = (128, 96)
    # Few windows, as what is traced is slow.
    model_file(Path("model.pt"), preparation={**PREPARATION, "width": 128}, detection={"stride": 0.4})
    make_video("short.mp4", frames=80, size=size)
    make_video("long.mp4", frames=240, size=size)
    peak(command, "game.mp4")  # loads what is loaded once
    more = peak(command, "long.mp4") - peak(command, "short.mp4")
    pixels = 160 * size[0] * size[1] * 3
    assert more < pixels / 10


@pytest.mark.usefixtures("lab")
def test_model_whose_flow_method_is_a_path_writes_nothing(tmp_path: Path, command: Command) -> None:
    model_file(Path("model.pt"), variant={"name": "twin", "model": "twin", "flow": f"../../outside/{METHOD}"})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / f"{METHOD}.h5").write_text("somebody's")
    before = sorted(tmp_path.rglob("*"))
    assert "variant.flow: '../../outside/" in command("game.mp4", code=1)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "outside" / f"{METHOD}.h5").read_text() == "somebody's"


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    "edit",
    [
        lambda content: content.update(strokes="none"),
        lambda content: content.pop("truth"),
        lambda content: content["video"].update(frames=-1),
    ],
)
def test_index_that_was_edited_is_made_again(
    command: Command, edit: Callable[[dict[str, Any]], None]
) -> None:
    command("game.mp4")
    whole = read()
    content = read()
    edit(content)
    Path("out/game/index.json").write_text(json.dumps(content))
    command("game.mp4")
    assert read() == whole


@pytest.mark.usefixtures("lab")
def test_folder_with_an_index_of_other_types_is_left_alone(command: Command) -> None:
    path = Path("out/game/index.json")
    path.parent.mkdir(parents=True)
    path.write_text('{"video": [1], "digest": {}}')
    assert "folder holds other files" in command("game.mp4", code=1)
    assert path.read_text() == '{"video": [1], "digest": {}}'


@pytest.mark.usefixtures("lab")
def test_name_that_no_file_of_the_index_could_hold(command: Command) -> None:
    Path("game.mp4").rename("a\nb.mp4")
    said = command("a\nb.mp4", code=1)
    assert r"crisp: 'a\nb.mp4': name of the video cannot be written" in said
    assert not Path("out").exists()
