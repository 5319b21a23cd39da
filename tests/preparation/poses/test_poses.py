"""Where pose files are, what the check says of them, and what stands for their content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from crisp.core.errors import CrispError
from crisp.study import load, tables
from crisp.study.checks import pose_sources
from crisp.study.config import Study

CONTENT: dict[str, Any] = {
    "study": "s",
    "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv", "poses": "poses"},
    "classes": ["Negative", "Hit"],
    "variants": [{"name": "pose", "model": "pose"}],
}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study of videos `a` and `b` with a JSON and a folder of poses."""
    monkeypatch.chdir(tmp_path)
    tables.write_videos("videos.tsv", [tables.VideoRow("a", "a.mp4"), tables.VideoRow("b", "b.mp4")])
    Path("poses/b/pose").mkdir(parents=True)
    Path("poses/a.json").write_text("{}")
    for frame in range(3):
        Path(f"poses/b/pose/{frame:08d}.npy").write_bytes(bytes(frame))
    return load.resolve_study(CONTENT)


def test_sources(made: Study) -> None:
    assert pose_sources.source(made, "a") == Path("poses/a.json")
    assert pose_sources.source(made, "b") == Path("poses/b")
    assert pose_sources.check(made) == []


def test_missing_and_ambiguous_files_are_told_together(made: Study) -> None:
    Path("poses/a.json").unlink()
    Path("poses/b.csv").touch()
    first, second = pose_sources.check(made)
    assert first.what == "pose file of video a is missing"
    assert second.what == "more than one pose file of video b"
    assert second.found == "b, b.csv"
    with pytest.raises(CrispError, match="pose file of video a is missing"):
        pose_sources.source(made, "a")
    assert pose_sources.fingerprint(made, "a", {}) == ""


def test_missing_folder_is_told_once(made: Study) -> None:
    Path("poses").rename("elsewhere")
    (fault,) = pose_sources.check(made)
    assert fault.what == "folder of the pose files is missing"
    assert fault.remedy == "ln -sfn /path/to/the/poses poses"


def test_only_studies_that_take_poses_need_them(made: Study) -> None:
    Path("poses").rename("elsewhere")
    without = load.resolve_study({**CONTENT, "variants": [{"name": "rgb", "model": "rgb"}]})
    assert pose_sources.check(without) == []
    pose_sources.write_cache(without)
    assert not made.volumes.exists()


@pytest.mark.usefixtures("made")
def test_generated_poses_need_not_be_there() -> None:
    generated = load.resolve_study({**CONTENT, "dataset": {**CONTENT["dataset"], "generate": "demo"}})
    assert pose_sources.check(generated) == []
    assert pose_sources.source(generated, "c") == Path("poses/c.npz")
    assert pose_sources.fingerprint(generated, "a", {}) == ""


@pytest.mark.parametrize(("video", "path"), [("a", "poses/a.json"), ("b", "poses/b/pose/00000002.npy")])
def test_fingerprint_follows_content_not_dates(made: Study, video: str, path: str) -> None:
    before = pose_sources.fingerprint(made, video, {})
    assert len(before) == 64
    os.utime(path, (1, 1))
    assert pose_sources.fingerprint(made, video, {}) == before
    content = Path(path).read_bytes()
    Path(path).write_bytes(content + b"1")
    assert pose_sources.fingerprint(made, video, {}) != before
    Path(path).write_bytes(content)
    assert pose_sources.fingerprint(made, video, {}) == before


def test_renamed_frames_are_other_poses(made: Study) -> None:
    before = pose_sources.fingerprint(made, "b", {})
    Path("poses/b/pose/00000002.npy").rename("poses/b/pose/00000003.npy")
    assert pose_sources.fingerprint(made, "b", {}) != before


def test_cache_saves_reading(made: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {video: pose_sources.fingerprint(made, video, {}) for video in ("a", "b")}
    pose_sources.write_cache(made)
    seen = pose_sources.read_cache(made)
    monkeypatch.setattr(pose_sources, "_digest_of", lambda *_: "read again")
    assert {video: pose_sources.fingerprint(made, video, seen) for video in ("a", "b")} == expected
    os.utime("poses/a.json", (1, 1))
    assert pose_sources.fingerprint(made, "a", seen) == "read again"


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_damaged_cache_only_costs_time(made: Study, content: str) -> None:
    made.volumes.mkdir(parents=True)
    (made.volumes / ".poses.json").write_text(content)
    assert pose_sources.read_cache(made) == {}
    pose_sources.write_cache(made)
    assert set(pose_sources.read_cache(made)) == {"a", "b"}
