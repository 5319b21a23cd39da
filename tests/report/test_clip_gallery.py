"""The picture of samples as the model sees them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from crisp.clips.dataset import ClipDataset
from crisp.clips.normalisation import Normalisation
from crisp.clips.reader import ClipReader
from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.core.skeleton import BONES, POINTS
from crisp.report import clip_gallery
from crisp.study.samples import Sample
from crisp.study.variants import Variant
from tests import stagefiles
from tests.drawn import ODD, parsed, record

VARIANT = Variant.from_config({"name": "v", "size": (8, 24, 32), "flow": stagefiles.METHOD})


def dataset(folder: Path, model: str = "twin", count: int = 5, label: str = "Forehand") -> ClipDataset:
    picture = stagefiles.texture(40, 60)
    rgb = np.stack([np.roll(picture, frame, axis=1) for frame in range(12)])
    flow = np.full((12, 40, 60, 2), (1.0, 0.0))
    points = np.random.default_rng(0).uniform((20, 10, 1), (40, 30, 1), (12, 14, 3))
    points[:, 2, 2] = 0
    stagefiles.write(folder, rgb, flow, pose=points)
    variant = dataclasses.replace(VARIANT, model=model)
    strokes = [
        Sample("v", 2 + number, 12 + number, label, "stroke", f"v-{number}") for number in range(count)
    ]
    readers = {"v": ClipReader(folder, variant.streams, stagefiles.METHOD)}
    return ClipDataset(strokes, ["Forehand"], readers, variant, Normalisation("normal", 2, 2), 1, True)


@pytest.mark.parametrize("model", ["rgb", "flow", "twin", "pose", "three-stream"])
def test_picture_has_a_row_per_sample_and_stream(tmp_path: Path, model: str) -> None:
    clips = dataset(tmp_path, model)
    heights = {}
    for count in (1, 3):
        clip_gallery.draw_samples(clips, count, tmp_path / "samples.png")
        heights[count] = imread(tmp_path / "samples.png").shape[0]
    block = (heights[3] - heights[1]) / 2 / 110
    assert block == pytest.approx(clip_gallery.FRAME * len(clips.variant.streams) + 0.3, abs=0.02)


def test_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    clips = dataset(tmp_path)
    for name in ("one.png", "two.png"):
        clip_gallery.draw_samples(clips, 2, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_more_samples_than_there_are_and_unknown_labels(tmp_path: Path) -> None:
    clip_gallery.draw_samples(dataset(tmp_path, count=1, label="Unknown"), 9, tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 1000


def test_nothing_to_draw_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match="nothing to draw"):
        clip_gallery.draw_samples(dataset(tmp_path, count=0), 3, tmp_path / "samples.png")


@pytest.mark.parametrize("norm", ["crop", "image", "player"])
def test_skeleton_is_drawn_where_the_joints_are(tmp_path: Path, norm: str) -> None:
    clips = dataset(tmp_path, "pose")
    clips.augment = False
    clips.variant = dataclasses.replace(clips.variant, pose_norm=norm)
    for reader in clips.readers.values():
        reader.pose_norm = norm
    clips = clip_gallery._drawn(clips)
    with stage_files.open_stage(tmp_path / "pose.h5", "pose") as file:
        stored = file["pose"][:]
    begin = clips.draw(0).begin
    found = clip_gallery._places(clips, clips[0][0]["pose"].numpy().T)
    expected = stored[begin : begin + 8, 3, :2] - (30, 20) + (16, 12)  # the ROI is the image's centre
    np.testing.assert_allclose(found[:, 3, :2], expected, atol=1e-4)


def test_only_bones_between_known_joints_are_drawn() -> None:
    cell = Figure().subplots()
    points = np.ones((14, 3))
    points[POINTS.index("left elbow"), 2] = 0
    clip_gallery._skeleton(cell, points)
    assert len(cell.lines) == len(BONES) - 2 + 1  # the last is the mark at the centre


@pytest.mark.filterwarnings("ignore:Glyph")
def test_labels_are_no_formulas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = record(monkeypatch)
    clips = dataset(tmp_path, "rgb", count=1)
    for name in ODD:
        clips.samples = [one._replace(label=name) for one in clips.samples]
        clip_gallery.draw_samples(clips, 1, tmp_path / "samples.png")
    for name, drawn in zip(ODD, pictures.values(), strict=True):
        assert any(name.split()[-1] in one.text for one in drawn)
    assert parsed(pictures) == []
