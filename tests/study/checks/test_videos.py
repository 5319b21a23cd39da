"""The check of video files: missing, replaced, never scanned, of mixed rates, undecodable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crisp.core import files
from crisp.preparation.picture import MIRRORED
from crisp.study import tables
from crisp.study.scan import scan_videos
from tests.lab import CONTENT, Lab, told
from tests.preparation.test_picture import oriented


def test_missing_data_folder_is_one_fault(lab: Lab) -> None:
    Path("data").rename("elsewhere")
    (fault,) = lab.check().faults
    assert fault.what == "folder of the raw videos is missing"
    assert fault.remedy == "ln -sfn /path/to/the/videos data/d"


def test_missing_video(lab: Lab) -> None:
    Path("data/d/train.mp4").unlink()
    (fault,) = lab.check().faults
    assert (fault.where, fault.what) == ("data/d/train.mp4", "video train is missing")
    assert "use=no" in fault.remedy
    lab.change("train", use=False, note="lost")
    assert not any("missing" in fault.what for fault in lab.check().faults)


def test_video_of_other_size(lab: Lab) -> None:
    lab.make_video("data/d/train.mp4", frames=33)
    (fault,) = lab.check().faults
    assert (fault.where, fault.what) == ("data/d/train.mp4", "video train was replaced")
    assert fault.remedy == "if that is meant, type: crisp scan --study my/study.yaml"


def test_video_replaced_by_one_of_equal_size(lab: Lab) -> None:
    assert lab.check(record=True).faults == []
    path = Path("data/d/train.mp4")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))  # older than the first: only that it differs counts
    for _ in range(2):
        (fault,) = lab.check().faults
        assert fault.what == "video train was replaced"
        assert "SHA-256" in fault.found
        assert "crisp scan --study my/study.yaml" in fault.remedy
    scan_videos("videos.tsv", "data/d")
    assert lab.check().faults == []


def test_touched_video_is_hashed_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr("crisp.core.files.sha256", lambda path: hashed.append(path) or lab.rows[0].sha256)
    lab.check(record=True)
    assert hashed == []
    os.utime("data/d/train.mp4", ns=(1, 1))
    assert lab.check().faults == []
    assert lab.check().faults == []
    assert hashed == [Path("data/d/train.mp4")]


def test_damaged_cache_only_costs_a_look(lab: Lab) -> None:
    lab.check(record=True)
    cache = Path("results/volumes/d/.sources.json")
    assert set(files.read_json(cache)) == set(tables.SPLITS)
    cache.write_text("{")
    assert lab.check().faults == []
    assert set(files.read_json(cache)) == set(tables.SPLITS)


def test_never_scanned(lab: Lab) -> None:
    lab.change("train", size=0, frames=0, sha256="", fps=0.0)
    (fault,) = lab.check().faults
    assert (fault.where, fault.what) == ("videos.tsv, video train", "video has not been scanned")
    assert (fault.found, fault.remedy) == ("no size, frames, sha256, fps", "crisp scan --study my/study.yaml")


def test_generated_videos_need_not_be_there_nor_equal(lab: Lab) -> None:
    generated = {"dataset": {**CONTENT["dataset"], "generate": "demo"}}
    lab.change("train", size=1, sha256="")
    assert lab.check(**generated) == ([], [])
    Path("data").rename("elsewhere")
    assert lab.check(**generated) == ([], [])


def test_mixed_frame_rates(lab: Lab) -> None:
    lab.make_video("data/d/test.mp4", frames=40, fps=50)
    scan_videos("videos.tsv", "data/d")
    lab.rows = tables.read_videos("videos.tsv")
    (fault,) = lab.check().faults
    assert fault.what == "videos of different frame rates"
    assert fault.found == "25 fps: the other 2; 50 fps: test"
    assert "frame_step 2 for those of 50 fps" in fault.remedy
    lab.change("train", use=False)
    assert lab.check().faults[0].found == "25 fps: validation; 50 fps: test"
    lab.change("train", use=True)
    lab.change("test", frame_step=2)
    assert lab.check().faults == []
    lab.change("test", frame_step=1, fps=40.0)
    (fault,) = lab.check().faults
    assert fault.remedy == "set use=no for the videos of other rates, or make a data set of each rate"
    lab.change("test", fps=25.2)
    assert lab.check().faults == []


def test_a_variable_frame_rate_is_reported_without_decoding(lab: Lab) -> None:
    lab.make_video("data/d/train.mp4", frames=40, jitter=2)
    scan_videos("videos.tsv", "data/d")
    note = "variable frame rate, up to 0.7 frames off"
    effect = "labels in seconds go by time stamps; frames are used in order at 8.33333 frames per second"
    for decode in (False, True):
        remarks = [what for where, what in told(lab.check(decode).warnings) if where == "data/d/train.mp4"]
        assert [what for what in remarks if "variable" in what] == [f"{note}: {effect}"]


def test_decoding(lab: Lab) -> None:
    path = Path("data/d/train.mp4")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    lab.make_video("data/d/test.mp4", frames=40, jitter=2)
    Path("data/d/validation.mp4").write_bytes(b"")
    scan_videos("videos.tsv", "data/d", only=["train", "test"])
    lab.rows = tables.read_videos("videos.tsv")
    lab.change("train", frames=41)
    faults, warnings = lab.check(decode=True)
    assert ("videos.tsv, video train", "number of frames differs from the decoded ones") in told(faults)
    assert "crisp scan --study my/study.yaml --decode" in [fault.remedy for fault in faults]
    assert ("data/d/validation.mp4", "not a video") in told(faults)
    assert any("variable frame rate" in what for _, what in told(warnings))


def spoil(lab: Lab, content: bytes) -> None:
    """Give the study a video of these bytes, and let the table know it as such."""
    path = Path("data/d/train.mp4")
    path.write_bytes(content)
    lab.change("train", size=len(content), sha256=files.sha256(path))


@pytest.mark.parametrize(
    ("kept", "what"),
    [(300, "not a video"), (0, "not a video"), (None, "no frame of this video can be decoded")],
    ids=["cut off", "empty", "zeros for frames"],
)
def test_video_that_no_job_could_read(lab: Lab, kept: int | None, what: str) -> None:
    content = Path("data/d/train.mp4").read_bytes()
    if kept is None:
        begin = content.index(b"mdat") + 4
        end = content.index(b"moov") - 4
        content = content[:begin] + bytes(end - begin) + content[end:]
        kept = len(content)
    spoil(lab, content[:kept])
    faults = lab.check().faults
    assert ("data/d/train.mp4", what) in told(faults)
    assert "use=no" in str(faults[0])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_video_without_permission(lab: Lab) -> None:
    Path("data/d/train.mp4").chmod(0)
    for record in (False, True):
        (fault,) = lab.check(record=record).faults
        assert fault.what == "video file cannot be opened"
        assert "chmod u+r" in fault.remedy


def test_video_without_permission_for_this_user(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "train" not in str(path) and allowed(path, mode))
    (fault,) = lab.check(record=True).faults
    assert (fault.where, fault.what) == ("data/d/train.mp4", "video file cannot be opened")


def test_only_a_run_creates_the_results(lab: Lab) -> None:
    assert lab.check() == ([], [])
    assert not Path("results").exists()
    lab.check(record=True)
    assert Path("results/volumes/d/.sources.json").exists()


@pytest.mark.parametrize("decode", [False, True])
def test_pictures_that_are_prepared_otherwise_than_the_table_says(lab: Lab, decode: bool) -> None:
    """A study imported before its pictures were changed is warned until the next scan."""
    oriented(Path("data/d/train.mp4"), -1, 0, 0, 1)
    scan_videos("videos.tsv", "data/d")
    lab.rows = tables.read_videos("videos.tsv")
    assert [row.picture for row in lab.rows] == [MIRRORED, "", ""]
    assert ("data/d/train.mp4", MIRRORED) in told(lab.check(decode).warnings)
    lab.change("train", picture="")
    what = "pictures of video train are not prepared as videos.tsv says"
    (warning,) = [fault for fault in lab.check(decode).warnings if fault.what == what]
    assert (warning.expected, warning.found) == ("unchanged", MIRRORED)
    command = f"crisp scan --study my/study.yaml{' --decode' * decode}"
    assert warning.remedy == f"{command}; the next run then prepares this video again"
    scan_videos("videos.tsv", "data/d", decode)
    assert what not in [fault.what for fault in lab.check(decode).warnings]
