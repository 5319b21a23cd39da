"""The demo data: the same every time, balanced, and not to be told apart by anything but the motion."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import itertools
import subprocess
import sys
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

import crisp.demo
from crisp.core.errors import CrispError
from crisp.demo import LABELS, VIDEOS
from crisp.demo.body import HEIGHT, WIDTH, build, pose
from crisp.demo.config import annotation_rows
from crisp.demo.motion import PASTIMES, Style, offset
from crisp.demo.render import frames, truth
from crisp.demo.script import BLOCK, FPS, actions, strokes
from crisp.study import tables
from crisp.study.annotations import read_annotation

CONFIG = Path(__file__).parents[2] / "config" / "demo"
SPLITS = {"train": 32, "validation": 8, "test": 12}  # strokes of each class


def table(name: str) -> list[dict[str, str]]:
    with (CONFIG / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    crisp.demo.generate(VIDEOS[-3].id, folder)
    return folder


def test_importing_the_demo_loads_no_video_library() -> None:
    code = "import sys, crisp.demo; assert not {'cv2', 'av'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_video_is_the_same_twice_and_as_its_row_says(made: Path, tmp_path: Path) -> None:
    video = VIDEOS[-3]
    first = (made / f"{video.id}.mp4").read_bytes()
    assert crisp.demo.generate(video.id, tmp_path).read_bytes() == first
    row = next(row for row in table("videos.tsv") if row["video"] == video.id)
    assert (row["size"], row["sha256"]) == (str(len(first)), hashlib.sha256(first).hexdigest())


def test_pictures_are_the_same_on_every_machine() -> None:
    picture = next(itertools.islice(frames(VIDEOS[0]), 30, None))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert (
        hashlib.sha256(picture.tobytes()).hexdigest()
        == "05a4219c4a15c12fbd65c52fe228ae52767c55f2568d21f37e9c6e71efa8eb9d"
    )


def test_a_browser_can_play_it(made: Path) -> None:
    path = made / f"{VIDEOS[-3].id}.mp4"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", FPS)
        assert sum(1 for _ in container.decode(stream)) == actions(VIDEOS[-3])[-1].end
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_truth_file(made: Path) -> None:
    video = VIDEOS[-3]
    count = actions(video)[-1].end
    with np.load(made / "truth" / f"{video.id}.npz") as known:
        assert known["racket"].shape == (count, 2)
        assert known["joints"].shape == (count, 13, 2)
        assert known["racket"].dtype == known["joints"].dtype == np.float32
        found = zip(known["begin"], known["end"], known["label"], strict=True)
        assert [tuple(stroke) for stroke in found] == [stroke[:3] for stroke in strokes(video)]


@pytest.mark.parametrize("video", VIDEOS, ids=lambda video: video.id)
def test_tracked_annotations_are_the_truth(video: crisp.demo.Video) -> None:
    assert read_annotation(CONFIG / "annotations" / f"{video.id}.xml") == strokes(video)


@pytest.mark.parametrize("video", VIDEOS, ids=lambda video: video.id)
def test_player_stays_in_the_picture(video: crisp.demo.Video) -> None:
    known = truth(video)
    for points in (known.racket.reshape(-1, 2), known.joints.reshape(-1, 2)):
        assert (points >= 0).all()
        assert (points < (WIDTH, HEIGHT)).all()


def test_tables() -> None:
    rows = [list(row.values()) for row in table("annotations.tsv")]
    assert rows == [list(row) for row in annotation_rows()[1:]]
    videos = table("videos.tsv")
    assert [row["video"] for row in videos] == [video.id for video in VIDEOS]
    assert [int(row["frames"]) for row in videos] == [actions(video)[-1].end for video in VIDEOS]
    assert {row["use"] for row in videos} == {"yes"}
    assert len({row["group"] for row in videos}) == len(videos), "a player is in one video only"


@pytest.mark.parametrize(("split", "expected"), SPLITS.items())
def test_classes_are_balanced_and_negatives_are_as_many(split: str, expected: int) -> None:
    videos = [video for video in VIDEOS if video.split == split]
    counts = Counter(stroke.label for video in videos for stroke in strokes(video))
    assert counts == dict.fromkeys(LABELS, expected)
    blocks = 0
    for video in videos:
        ends = [0, *(stroke.end for stroke in strokes(video))]
        begins = [*(stroke.begin for stroke in strokes(video)), actions(video)[-1].end]
        blocks += sum((begin - end) // BLOCK for end, begin in zip(ends, begins, strict=True))
    assert blocks >= expected


def test_at_most_35_percent_of_a_detection_video_is_stroke() -> None:
    kept = [video for video in VIDEOS if video.detection]
    assert kept
    for video in kept:
        assert sum(end - begin for begin, end, *_ in strokes(video)) <= 0.35 * actions(video)[-1].end


@pytest.mark.parametrize("split", SPLITS)
def test_every_class_has_both_facings_and_both_hands(split: str) -> None:
    seen = {
        (stroke.label, video.facing, video.hand)
        for video in VIDEOS
        if video.split == split
        for stroke in strokes(video)
    }
    assert seen == set(itertools.product(LABELS, (1, -1), ("left", "right")))


def test_length_does_not_depend_on_the_class() -> None:
    means = [
        np.mean(
            [end - begin for video in VIDEOS for begin, end, found, _ in strokes(video) if found == label]
        )
        for label in LABELS
    ]
    assert max(means) - min(means) < 1.5


def racket_path(label: str, facing: int, hand: str) -> np.ndarray:
    """Path of the racket in body heights, from where it begins; shape (41, 2)."""
    player = build(VIDEOS[0])._replace(facing=facing, hand=hand)
    places = [pose(player, offset(label, step / 40, 40, Style())).racket for step in range(41)]
    return (np.array(places) - places[0]) / player.height


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(LABELS, 2)))
def test_no_class_is_the_mirror_image_of_another(one: str, other: str) -> None:
    stances = list(itertools.product((1, -1), ("left", "right")))
    for (facing, hand), (other_facing, other_hand) in itertools.product(stances, stances):
        first, second = racket_path(one, facing, hand), racket_path(other, other_facing, other_hand)
        for mirror in ((1, 1), (-1, 1)):
            apart = np.linalg.norm(first - second * mirror, axis=1)
            assert apart.max() > 0.15
            assert apart.mean() > 0.06


@pytest.mark.parametrize("label", LABELS)
def test_a_class_is_its_own_mirror_image(label: str) -> None:
    right = racket_path(label, 1, "right")
    for hand in ("left", "right"):
        np.testing.assert_allclose(racket_path(label, -1, hand) * (-1, 1), right, atol=0.05)


def test_classes_move_alike_in_amount_and_overall_direction() -> None:
    moves = np.array([np.diff(racket_path(label, 1, "right"), axis=0) for label in LABELS])
    amount = np.abs(moves).sum(axis=1)
    np.testing.assert_allclose(amount, np.broadcast_to(amount[:1], amount.shape), rtol=0.1)
    np.testing.assert_allclose(moves.sum(axis=1), 0, atol=0.01)


def test_negatives_move_too() -> None:
    player = build(VIDEOS[0])
    for kind in PASTIMES:
        places = [pose(player, offset(kind, step / 20, 20, Style(lean=0.1))).racket for step in range(21)]
        assert np.ptp(np.array(places), axis=0).max() > 3.0


def test_annotations_are_never_overwritten(tmp_path: Path) -> None:
    existing = tmp_path / "annotations" / f"{VIDEOS[0].id}.xml"
    existing.parent.mkdir()
    existing.write_text("<video/>")
    with pytest.raises(CrispError, match="annotation file or table exists"):
        crisp.demo.write_config(tmp_path)
    assert existing.read_text() == "<video/>"
    assert not (tmp_path / "videos.tsv").exists()


@pytest.mark.parametrize("name", ["annotations.tsv", "videos.tsv"])
def test_tables_are_never_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(CrispError, match="annotation file or table exists"):
        crisp.demo.write_config(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_another_video_of_the_same_name_is_spared(tmp_path: Path) -> None:
    video = tmp_path / f"{VIDEOS[0].id}.mp4"
    video.write_text("a match")
    with pytest.raises(CrispError, match="another video has the name of a demo video"):
        crisp.demo.generate(VIDEOS[0].id, tmp_path)
    assert video.read_text() == "a match"
    assert list(tmp_path.iterdir()) == [video]


def test_unknown_video(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match="no such demo video"):
        crisp.demo.generate("player-99", tmp_path)


def test_reduced_demo_is_the_demo_with_videos_left_out() -> None:
    full = tables.read_videos(CONFIG / "videos.tsv")
    reduced = tables.read_videos(CONFIG / "reduced.tsv")
    assert [dataclasses.replace(row, use=True, note="") for row in reduced] == [
        dataclasses.replace(row, note="") for row in full
    ]
    splits = {video.id: video.split for video in VIDEOS}
    assert {splits[row.video] for row in reduced if row.use} == {"train", "validation", "test"}
