"""Files that cannot be read: one message each, and no remedy costs a person a file of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from crisp.core import files, stage_files, unreadable
from crisp.core.errors import CrispError
from crisp.evaluation import predictions
from crisp.preparation import video
from crisp.preparation.poses import read_poses
from crisp.report import comparisons, detection_summary, mediaeval, summary
from crisp.study import index_file, load, samples, tables
from crisp.study.annotations import read_annotation
from crisp.study.importers import stroke_table, ttstroke22
from crisp.study.samples import read_samples
from crisp.study.splits import read_split
from crisp.training import checkpoints, history

ROOT = Path(__file__).parents[2]
# All that read a file which a person may name, by that file's name.
READERS: dict[str, Callable[[Path], object]] = {
    "index.json": index_file.read_index,
    "labels.json": samples.read_labels,
    "metrics.json": lambda path: summary._metrics(path),
    "detection.json": detection_summary.read_detection,
    "frames.h5": lambda path: stage_files.open_stage(path, "frames"),
    "volume.h5": lambda path: stage_files.open_stage(path, "volume"),
    "model.pt": lambda path: checkpoints.load_model(path, torch.device("cpu")),
    "strokes.tsv": read_samples,
    "main.tsv": read_split,
    "predictions.csv": lambda path: predictions.read_predictions(path, ["Hit"]),
    "one/predictions.csv": lambda path: comparisons.read_correct(path.parent),
    "detections.csv": lambda path: mediaeval._table(path, ("video", "begin", "end")),
    "history.csv": history.read_history,
    "videos.tsv": tables.read_videos,
    "annotations.tsv": tables.read_annotations,
    "study.yaml": load.load_study,
    "truth.xml": read_annotation,
    "game.mp4": video.count_packets,
    "pose.json": lambda path: read_poses(path, 3),
    "pose.csv": lambda path: read_poses(path, 3),
    "pose.h5": lambda path: read_poses(path, 3),
    "pose.npz": lambda path: read_poses(path, 3),
    "strokes.csv": stroke_table.read,
    "classificationTask/test.xml": lambda path: ttstroke22.read_classification(path.parents[1]),
}
FINE = {  # (reader, what is no fault for it)
    ("classificationTask/test.xml", "missing"),
    ("classificationTask/test.xml", "folder"),
    *((f"pose.{ending}", "folder") for ending in ("json", "csv", "h5", "npz")),  # the published layout
    ("strokes.csv", "missing"),  # of a source that is not there the importer itself says so
    ("strokes.csv", "folder"),
    ("game.mp4", "picture"),  # FFmpeg takes it for a video of one frame
}


def fault_of(name: str, path: Path) -> str:
    """What a reader says of a file that it cannot read."""
    with pytest.raises(CrispError) as error:
        READERS[name](path)
    assert len(error.value.faults) == 1
    assert str(path) in error.value.faults[0].where
    return str(error.value)


def harmless(text: str) -> None:
    """Nothing in a message takes a person's file for one of CRISP's."""
    assert "remedy: " in text
    for word in ("delete", "remove", "run snakemake", "train it again"):
        assert word not in text.partition("remedy: ")[2]


SPOILT: dict[str, Callable[[Path], object]] = {
    "missing": Path.exists,
    "folder": Path.mkdir,
    "empty": Path.touch,
    "rubbish": lambda path: path.write_bytes(bytes(range(255, 0, -1)) * 9),
    "picture": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)),
}


TEXTS = [name for name in READERS if Path(name).suffix in (".json", ".tsv", ".csv", ".xml", ".yaml")]
HOSTILE: dict[str, bytes] = {
    "nested": b"[" * 100_000,
    "NUL": bytes(4000),
    "half a character": b'{"a": "\\ud800"}',
    "number of thousands of digits": b"9" * 5000,
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "long line": b"a" * 200_000 + b",b\n" + b"c" * 200_000,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", [name for name in TEXTS if not name.startswith(("pose", "study"))])
def test_hostile_text(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    harmless(fault_of(name, path))


@pytest.mark.parametrize("name", ["index.json", "labels.json"])
def test_mark_of_the_byte_order_is_no_fault_of_json(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf{}")
    assert files.read_json(tmp_path / name) == {}


# Of these the readers are tested by themselves.
ELSEWHERE = ("model.pt", "study.yaml", "game.mp4", "pose.json", "pose.csv", "pose.h5", "pose.npz")
WITHOUT_END = """
import json, os, resource, sys
from pathlib import Path
from tests.core.test_unreadable import ELSEWHERE, FINE, READERS
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
said = {}
for how, name in [(how, name) for how in sys.argv[2:] for name in READERS if name not in ELSEWHERE]:
    path = Path(sys.argv[1], how, name)
    path.parent.mkdir(exist_ok=True, parents=True)
    if how == "pipe":
        os.mkfifo(path)
    elif how == "zeros":
        path.symlink_to("/dev/zero")
    elif how == "circle":
        path.symlink_to(path.name)
    else:
        with path.open("wb") as file:
            file.truncate(1 << 34)
    try:
        READERS[name](path)
        said[f"{how} {name}"] = "read"
    except Exception as error:
        said[f"{how} {name}"] = f"{type(error).__name__}: {error}"
print(json.dumps(said))
"""


def test_file_without_end_is_refused_unread(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_END, tmp_path, "pipe", "zeros", "circle", "gigabytes"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert len(said) == 4 * (len(READERS) - len(ELSEWHERE))
    for name, text in said.items():
        if name != "circle classificationTask/test.xml":  # as good as none
            assert text.startswith("CrispError: "), f"{name}: {text}"
            harmless(text)


def test_relative_path_of_a_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in READERS.keys() - {"pose.json", "pose.csv", "pose.h5", "pose.npz", "game.mp4"}:
        if (name, "missing") not in FINE:
            with pytest.raises(CrispError, match=f"the path is relative to the working folder, {tmp_path}"):
                READERS[name](Path(name))


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("name", READERS)
def test_no_remedy_costs_a_person_their_file(tmp_path: Path, name: str, how: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    SPOILT[how](path)
    if (name, how) not in FINE:
        harmless(fault_of(name, path))


@pytest.mark.parametrize("name", [name for name in READERS if name != "game.mp4"])
def test_video_instead_of_another_file(tmp_path: Path, make_video, name: str) -> None:
    path = make_video(tmp_path / name, frames=3)
    said = fault_of(name, path)
    harmless(said)
    if not name.startswith("pose."):
        assert "found: a video" in said
        assert "crisp index" in said


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users may enter."""
    folder = Path(tempfile.mkdtemp(prefix="crisp-unreadable-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


AS_NOBODY = """
import json, os, sys
from pathlib import Path
from tests.core.test_unreadable import READERS
folder = Path(sys.argv[1])
if os.geteuid() == 0:  # whom no permission stops
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
said = {}
for name, read in READERS.items():
    try:
        read(folder / name)
    except Exception as error:
        said[name] = f"{type(error).__name__}: {error}"
print(json.dumps(said))
"""


@pytest.mark.parametrize("shut", ["file", "folder"])
def test_denied_permission(public: Path, shut: str) -> None:
    for name in READERS:
        (public / name).parent.mkdir(exist_ok=True)
        (public / name).write_text("content")
        (public / name).chmod(0o000 if shut == "file" else 0o644)
    public.chmod(0o700 if shut == "folder" and os.geteuid() == 0 else 0o000 if shut == "folder" else 0o755)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, public], cwd=ROOT, capture_output=True, text=True, check=False
    )
    public.chmod(0o755)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert sorted(said) == sorted(READERS)
    for name, text in said.items():
        assert text.startswith("CrispError: "), f"{name}: {text}"
        harmless(text)
        assert "found: no permission: " in text
        assert "chmod " in text.partition("remedy: ")[2]


def test_what_the_workflow_made_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("results/studies/s/splits/main.tsv")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff")
    with pytest.raises(CrispError, match="delete it and run snakemake again: the split rule makes it"):
        read_split(path)
    path.unlink()
    with pytest.raises(CrispError, match="remedy: run snakemake: the split rule makes it"):
        read_split(path)


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("results/studies/s/strokes.tsv", True),
        ("results/volumes/d/v/frames.h5", True),
        ("found/match/index.json", False),
        ("results.json", False),
        ("results/../game.mp4", False),
    ],
)
def test_what_the_workflow_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, own: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    assert unreadable.made_by_workflow(path) is own
    assert unreadable.made_by_workflow(tmp_path / path) is own


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert unreadable.kind_of(tmp_path / "pipe") == "a pipe or device"
