"""The picture of a prepared video: what it shows, and what it says of a video that is not sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from crisp.core.errors import CrispError
from crisp.preparation import roi
from crisp.preparation.flow import extract_flow
from crisp.preparation.frames import extract_frames
from crisp.preparation.roi import extract_roi
from crisp.report import video_quality_plot
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.config import Study
from tests.drawn import ODD, parsed, record
from tests.lab import Lab

CROPS = {"preparation": {"flow_methods": ["dis"]}, "defaults": {"flow": "dis", "size": [8, 16, 24]}}


def prepared(lab: Lab, video: str = "train") -> Study:
    """A study whose video is prepared."""
    study = lab.study(**CROPS)
    images, motion, region = (
        study.stage_file(video, *stage) for stage in (("frames",), ("flow", "dis"), ("roi", "dis"))
    )
    extract_frames(study.source(video), images)
    extract_flow(images, motion, "dis")
    extract_roi(images, motion, region, 0.6, 0.25)
    return study


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved."""
    saved: list[Figure] = []
    save = Figure.savefig

    def keep(self: Figure, *arguments: object, **options: object) -> None:
        saved.append(self)
        save(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


def texts(figure: Figure) -> list[str]:
    """All texts of a figure and its parts."""
    return [text.get_text() for part in (figure, *figure.subfigs) for text in part.texts]


def test_frames_have_the_crop_and_strokes_are_shaded_and_named(lab: Lab, figures: list[Figure]) -> None:
    study = prepared(lab)
    video_quality_plot.plot_video_quality(study, "train", "one.png")
    video_quality_plot.plot_video_quality(study, "train", "two.png")
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()
    assert imread("one.png").shape[1] == pytest.approx(video_quality_plot.WIDTH * 120, abs=1)
    _, sheet, paths = figures[0].subfigs
    assert "decoded without warnings" in texts(figures[0])
    assert any("40 frames, 1.6 s" in text and "2 annotated strokes" in text for text in texts(figures[0]))
    centre = read_roi(study)
    at = video_quality_plot.choose_frames(40, [Stroke(0, 10, "Hit"), Stroke(20, 30, "Push")])
    boxes = [axes.patches[-1] for axes in sheet.axes[: video_quality_plot.COLUMNS]]
    for frame, box in zip(at, boxes, strict=True):
        assert isinstance(box, Rectangle)
        assert (box.get_width(), box.get_height()) == (24, 16)
        # A pixel's middle is at its whole number, its edge half a pixel before.
        np.testing.assert_allclose(np.add(box.get_xy(), (12.5, 8.5)), centre[frame], atol=1e-4)
    motion = paths.axes[1]
    assert {text.get_text() for text in motion.texts} == {"Hit", "Push"}
    shades = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in motion.patches]
    np.testing.assert_allclose(shades, [(0, 0.4), (0.8, 1.2)])


def read_roi(study: Study) -> np.ndarray:
    with video_quality_plot.stage_files.open_stage(study.stage_file("train", "roi", "dis"), "roi") as file:
        return roi.read_centres(file, 0, 40, (16, 24))


def test_warnings_of_decoding_are_told(lab: Lab, figures: list[Figure]) -> None:
    study = prepared(lab)
    with video_quality_plot.stage_files.h5py.File(study.stage_file("train", "frames"), "r+") as file:
        file.attrs.update({"claimed_frames": 50, "variable_frame_rate": True})
    video_quality_plot.plot_video_quality(study, "train", "one.png")
    (said,) = [text for text in texts(figures[0]) if text.startswith("decode warnings: ")]
    assert "claims 50 frames, 40 decode" in said
    assert "variable frame rate" in said


@pytest.mark.parametrize("count", [1, 2, 5])
def test_short_videos_without_strokes(lab: Lab, figures: list[Figure], count: int) -> None:
    lab.make_video("data/d/train.mp4", frames=count)
    lab.strokes("train")
    video_quality_plot.plot_video_quality(prepared(lab), "train", "one.png")
    assert any("no annotated strokes" in text for text in texts(figures[0]))
    shown = [axes for axes in figures[0].subfigs[1].axes[: video_quality_plot.COLUMNS] if axes.images]
    assert len(shown) == count


def test_kept_labels_go_before_the_files(lab: Lab, figures: list[Figure]) -> None:
    study = prepared(lab)
    video_quality_plot.plot_video_quality(study, "train", "one.png", {"xml/train.xml": [[5, 9, "Push"]]})
    assert [text.get_text() for text in figures[0].subfigs[2].axes[1].texts] == ["Push"]


def test_unprepared_video_is_told(lab: Lab) -> None:
    with pytest.raises(CrispError, match=r"frames\.h5: stage file is missing"):
        video_quality_plot.plot_video_quality(lab.study(), "train", "one.png")
    assert not Path("one.png").exists()


def test_shown_frames() -> None:
    strokes = [Stroke(begin, begin + 10, "Hit") for begin in range(0, 1000, 20)]
    at = video_quality_plot.choose_frames(1000, strokes)
    in_stroke = [any(begin <= frame < end for begin, end, *_ in strokes) for frame in at]
    assert (len(at), sum(in_stroke)) == (8, 6)
    assert at[0] == 5
    assert at[-1] == 985
    np.testing.assert_array_equal(video_quality_plot.choose_frames(3, []), [0, 1, 2])
    # Where all is stroke, the rest is spread over it.
    assert len(video_quality_plot.choose_frames(100, [Stroke(0, 100, "Hit")])) == 8
    assert video_quality_plot.choose_frames(20, [Stroke(15, 40, "Hit"), Stroke(50, 60, "Hit")]).max() < 20


def test_root_mean_square_speed() -> None:
    field = np.random.default_rng(0).normal(1, 2, (3, 4, 5, 2)).astype(np.float32)
    expected = np.sqrt((field.astype(float) ** 2).sum(-1).mean((1, 2)))
    np.testing.assert_allclose(video_quality_plot.rms_speed(roi.statistics(field)), expected, rtol=1e-5)


def test_noise_is_no_full_colour() -> None:
    noise = np.full((1, 4, 4, 2), 0.01)
    assert video_quality_plot.full_colour(noise, 0.25) == 0.25
    assert video_quality_plot.full_colour(np.zeros_like(noise), 0) == 1
    assert video_quality_plot.full_colour(100 * noise, 0.25) == pytest.approx(np.sqrt(2))


@pytest.mark.filterwarnings("ignore:Glyph")
def test_names_of_classes_are_no_formulas(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    study = prepared(lab)
    pictures = record(monkeypatch)
    for name in ODD:
        write_annotation(study.annotation_file(study.annotations[0]), [Stroke(0, 10, name)])
        video_quality_plot.plot_video_quality(study, "train", "one.png")
    for name, drawn in zip(ODD, pictures.values(), strict=True):
        assert any(name.split()[-1] in one.text for one in drawn)
    assert parsed(pictures) == []
