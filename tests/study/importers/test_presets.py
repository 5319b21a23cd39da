"""Presets: what is taken on which machine, what it costs, and that the study passes the check.

The tables are those of an import; the videos are not read again, so rows stand for long ones, too.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from crisp.study import config, load, schema, tables, variants
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.importers import presets, proposal
from crisp.study.importers.presets import Machine, Size
from crisp.study.importers.report import Report
from crisp.study.samples import collect_samples
from crisp.study.splits import assign_split
from crisp.workflow import importing
from crisp.workflow.plan import plan_study

MakeVideo = Callable[..., Path]
PAPERS = Path(__file__).parents[3] / "config/ttstroke21-published.yaml"
SLIM = ["slim-rgb", "slim-flow"]  # the models for few clips
LAPTOP, SERVER = Machine(2, False), Machine(16, True)
this_machine = importing.this_machine  # before a fixture replaces it


class Made:
    """Tables of a data set in ``config/mine``, and the study proposed for them."""

    def __init__(self) -> None:
        self.rows: list[tables.VideoRow] = []
        self.labels: list[tables.Annotation] = []
        self.strokes: dict[str, list[Stroke]] = {}

    def add(self, frames: int, fps: float, found: list[Stroke], split: str = "", step: int = 1) -> None:
        name = f"v{len(self.rows)}"
        row = tables.VideoRow(name, f"{name}.mp4", 1, frames, "0" * 64, fps, frame_step=step)
        label = tables.Annotation(name, f"annotations/{name}.xml", "classification", split)
        write_annotation(Path("config/mine", label.path), found)
        self.rows.append(row)
        self.labels.append(label)
        self.strokes[label.path] = found

    def propose(
        self, wanted: str = "auto", machine: Machine = LAPTOP
    ) -> tuple[proposal.Proposed, config.Study]:
        folder = Path("config/mine")
        tables.write_videos(folder / "videos.tsv", self.rows)
        tables.write_annotations(folder / "annotations.tsv", self.labels)
        by_id = {row.video: row for row in self.rows}
        data = proposal.Data(folder, Path("data/mine"), self.labels, self.strokes, by_id)
        choice = presets.choose(wanted, len(data.labelled), machine, importing.study_cost)
        proposed = proposal.propose(
            data, self.rows, choice, Report("csv", Path("raw")), folder / "study.yaml"
        )
        (folder / "study.yaml").write_text(proposed.text)
        return proposed, load.load_study(folder / "study.yaml")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.chdir(tmp_path)
    return Made()


def said(proposed: proposal.Proposed, begin: str) -> bool:
    """Whether a line that the import prints begins so."""
    return any(line.startswith(begin) for line in proposed.notes)


def runs(loaded: config.Study) -> None:
    """Do what the jobs strokes and split do; they raise where a run would die."""
    counts = {video: row.working_frames for video, row in loaded.used.items()}
    samples = collect_samples(loaded, counts)
    for name in loaded.split_names:
        assert set(assign_split(loaded, samples, name).values()) == set(tables.SPLITS)


def rally(count: int, length: int, gap: int, classes: str = "ab") -> list[Stroke]:
    """Strokes one after the other, of classes in turn."""
    begins = range(gap, gap + count * (length + gap), length + gap)
    return [Stroke(begin, begin + length, classes[n % len(classes)]) for n, begin in enumerate(begins)]


def test_eight_short_clips(made: Made) -> None:
    for number in range(8):
        made.add(22 + number, 30, [Stroke(0, 22 + number, "ab"[number % 2])])
    proposed, loaded = made.propose()
    runs(loaded)
    assert [fault.what[:39] for fault in proposed.faults] == ["the players of the clips are not known, "[:39]]
    assert loaded.split_method == "stratified"
    assert loaded.variants[0].size == (16, 48, 48)
    assert loaded.width == 128
    assert (loaded.flow_methods, loaded.variants[1].flow) == (("disfine",), "disfine")
    assert said(proposed, "flow: 30 frames per second: DeepFlow misses fast strokes, taking disfine")
    assert loaded.training.epochs == 100
    assert [variant.name for variant in loaded.variants] == ["rgb", "flow", "twin", *SLIM]
    found = plan_study(loaded)
    assert 0 < found.total("core_hours") + found.core_hours_without_gpu < 0.3
    assert any(
        line.startswith("preset: quick, as this machine has no GPU (2 cores, no GPU)")
        for line in proposed.notes
    )
    published = next(line for line in proposed.notes if line.startswith("published settings: "))
    assert published.endswith("type: crisp import raw --name mine-published --preset published")
    lines = Path("config/mine/study.yaml").read_text().splitlines()
    assert "  width: 128  # preset quick; published: 320" in lines
    assert "  epochs: 100  # preset quick; published: 500" in lines
    assert "  learning_rate: 0.005  # preset quick; published: 0.001" in lines
    assert any(
        line.startswith("  shares: ") and "# for these data; default: [0.7, 0.2, 0.1]" in line
        for line in lines
    )


def test_published_is_what_the_papers_have(made: Made) -> None:
    for number in range(20):
        made.add(150, 120, [Stroke(0, 150, "ab"[number % 2])])
    proposed, loaded = made.propose("published", SERVER)
    papers = load.resolve_study(yaml.safe_load(PAPERS.read_text()))
    assert [one.name for one in loaded.variants] == ["rgb", "flow", "twin"]
    for one in loaded.variants:
        assert one == papers.variant(one.name)
        assert loaded.training_of(one) == papers.training_of(papers.variant(one.name))
    for part in ("roi", "width", "upscale", "flow_methods"):
        assert loaded.config["preparation"][part] == papers.config["preparation"][part]
    assert (loaded.detection, loaded.decision) == (papers.detection, papers.decision)
    lines = Path("config/mine/study.yaml").read_text().splitlines()
    assert "  double_softmax: true  # preset published; default: false" in lines
    assert "    threshold: 0  # preset published; default: 0.25" in lines
    assert not said(proposed, "published settings: ")


def test_full_is_the_defaults(made: Made) -> None:
    for number in range(20):
        made.add(150, 120, [Stroke(0, 150, "ab"[number % 2])])
    proposed, loaded = made.propose("full", SERVER)
    assert said(proposed, "published settings: ")
    usual = yaml.safe_load(Path("config/mine/study.yaml").read_text())
    assert loaded.training == variants.Training(**schema.defaults("training"))
    assert {variant.size for variant in loaded.variants} == {(100, 120, 120)}
    assert (loaded.width, usual["training"]["epochs"]) == (320, 500)
    changed = [
        line for line in Path("config/mine/study.yaml").read_text().splitlines() if "  # preset" in line
    ]
    assert [line.partition(":")[0].strip() for line in changed] == ["stabilise"]


@pytest.mark.parametrize("preset", ["full", "published"])
def test_a_study_too_large_for_its_data_is_warned_of(made: Made, preset: str) -> None:
    for number in range(20):
        made.add(22, 30, [Stroke(0, 22, "ab"[number % 2])])
    proposed, loaded = made.propose(preset, SERVER)
    (fault,) = [fault for fault in proposed.faults if fault.what == "study is larger than its data allow"]
    assert fault.found == "20 strokes, one in four shorter than 22 frames"
    assert loaded.variants[0].size == ((20, 120, 120) if preset == "full" else (100, 120, 120))


def test_poses_are_a_variant_where_they_can_be_estimated(made: Made) -> None:
    for number in range(20):
        made.add(30, 30, [Stroke(0, 30, "ab"[number % 2])])
    for preset, poses in (("quick", True), ("standard", True), ("full", True), ("published", False)):
        proposed, loaded = made.propose(preset, Machine(16, True, pose=True))
        slim, pose = SLIM * (preset == "quick"), ["pose", "trees"] * poses
        assert [one.name for one in loaded.variants] == ["rgb", "flow", "twin", *slim, *pose]
        assert loaded.pose_estimator == "mediapipe" * poses
        assert said(proposed, f"preset: {preset}, as requested")


def test_what_is_taken_where() -> None:
    assert presets.choose("auto", 1000, LAPTOP, importing.study_cost).preset == "quick"
    assert presets.choose("auto", 1000, SERVER, importing.study_cost).preset == "standard"
    assert presets.choose("auto", 100, SERVER, importing.study_cost).preset == "quick"
    for name in presets.PRESETS:
        assert presets.choose(name, 10, LAPTOP, importing.study_cost).preset == name


def test_this_machine() -> None:
    torch = pytest.importorskip("torch")
    pose = importlib.util.find_spec("mediapipe") is not None
    assert this_machine() == Machine(len(os.sched_getaffinity(0)), torch.cuda.is_available(), pose)


def test_large_data_are_cut_down(made: Made) -> None:
    """25 videos of three minutes at 120 frames per second, 40 strokes in each."""
    classes = "abcdefgh"
    for _ in range(25):
        made.add(21_600, 120, rally(40, 150, 350, classes), step=4)
    proposed, loaded = made.propose()
    runs(loaded)
    assert [variant.name for variant in loaded.variants] == ["twin"]
    assert (loaded.flow_methods, loaded.width) == (("dis",), 96)
    assert loaded.variants[0].size == (16, 36, 36)
    # Every frame has to be decoded, whatever is kept: that is nearly all that is left.
    found = plan_study(loaded)
    decoding = next(row.core_hours for row in found.rows if row.rule == "frames")
    assert found.core_hours_without_gpu < 0.5
    assert found.total("core_hours") < decoding + 0.4
    assert said(proposed, "frame_step: 30 frames per second")
    published = next(line for line in proposed.notes if line.startswith("published settings: "))
    assert " days " in published


@pytest.mark.parametrize(("length", "frames"), [(8, 8), (10, 8), (15, 12), (22, 16), (60, 16)])
def test_clips_are_no_longer_than_strokes(length: int, frames: int) -> None:
    (keys, *_) = presets.candidates("quick", Size(100, 70, length), LAPTOP)
    assert keys["defaults"]["size"][0] == frames


@pytest.mark.parametrize("gap", [2, 6, 12, 30, 60])
def test_negatives_fit_into_the_gaps(made: Made, gap: int) -> None:
    for _ in range(4):
        made.add(5 * (20 + gap) + gap, 30, rally(5, 20, gap))
    proposed, loaded = made.propose()
    runs(loaded)
    assert ("Negative" in loaded.classes) == (gap >= 6)
    length = loaded.negative_seconds * 30
    assert not loaded.negative_share or length <= gap
    assert proposed.faults == []
    assert said(proposed, "note: no class Negative") == (gap < 6)


def test_one_class_and_the_time_between(made: Made) -> None:
    for _ in range(4):
        made.add(1000, 30, rally(8, 30, 60, "a"))
    proposed, loaded = made.propose()
    runs(loaded)
    assert (loaded.classes, proposed.faults) == (("Negative", "a"), [])


def test_one_class_of_clips_is_told(made: Made) -> None:
    for _ in range(8):
        made.add(30, 30, [Stroke(0, 30, "a")])
    proposed, loaded = made.propose()
    fault = proposed.faults[0]
    assert fault.what == "strokes of one class only, and no time without strokes"
    assert loaded.training.epochs < 500


def test_given_parts_that_lack_one_are_told(made: Made) -> None:
    for split in ("train", "train", "test"):
        made.add(300, 30, rally(4, 30, 30), split)
    proposed, loaded = made.propose()
    assert loaded.split_method == "given"
    assert "the validation split is empty" in [fault.what for fault in proposed.faults]
    assert said(proposed, "cost: about")


def test_a_class_in_one_video_gets_a_seed_that_trains_it(made: Made) -> None:
    for number in range(6):
        made.add(2000, 30, rally(10, 30, 60, "abc" if number == 1 else "ab"))
    _, loaded = made.propose()
    runs(loaded)
    assert loaded.split_method == "by_video"


def test_two_videos_are_shared_by_strokes(made: Made) -> None:
    for _ in range(2):
        made.add(2000, 30, rally(12, 30, 60))
    proposed, loaded = made.propose()
    runs(loaded)
    assert loaded.split_method == "stratified"
    assert any("strokes of one video or group train and test" in line for line in proposed.notes)


def test_bad_labels_hide_no_cost(made: Made) -> None:
    for _ in range(6):
        made.add(2000, 30, [*rally(10, 30, 60), Stroke(1990, 2010, "late")])
    proposed, loaded = made.propose()
    assert loaded.classes == ("Negative", "a", "b")
    assert said(proposed, "cost: about")


def test_a_preset_is_not_applied_to_a_study_that_is_there(
    tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        make_video(tmp_path / f"raw/{number}.mp4", frames=24, fps=120, seed=number)
    Path("raw/strokes.csv").write_text("video,begin,end,label\n0.mp4,0,24,a\n1.mp4,0,24,b\n")
    importing.import_dataset("raw", "mine", preset="published")
    assert [row.frame_step for row in tables.read_videos("config/mine/videos.tsv")] == [1, 1]
    before = Path("config/mine/study.yaml").read_text()
    (warning,) = importing.import_dataset("raw", "mine", preset="quick").warnings
    assert warning.what == "preset quick is not applied: the existing study is kept"
    assert warning.remedy == "crisp import raw --name mine-quick --preset quick"
    assert Path("config/mine/study.yaml").read_text() == before


def test_costs_by_machine(made: Made) -> None:
    for number in range(12):
        made.add(30, 30, [Stroke(0, 30, "ab"[number % 2])])
    made.propose()
    content = yaml.safe_load(Path("config/mine/study.yaml").read_text())
    laptop, server = (importing.study_cost(content, made.rows, made.strokes, one) for one in (LAPTOP, SERVER))
    assert laptop is not None
    assert server is not None
    assert laptop.gpu == 0 < server.gpu < server.wall < laptop.wall < laptop.core
