"""The table that the page of regions saves: what it changes in videos.tsv, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.study import tables
from crisp.study.region_table import give_regions, read_regions
from crisp.study.tables import VideoRow

ROWS = [VideoRow("a", "a.mp4", fps=30), VideoRow("b", "b.mp4", group="left=Anna; right=Ben", fps=30)]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    tables.write_videos(tmp_path / "videos.tsv", ROWS)
    return tmp_path / "videos.tsv"


def saved(folder: Path, *lines: str) -> Path:
    path = folder / "regions.tsv"
    path.write_text("\n".join(["video\tregions", *lines]) + "\n")
    return path


def test_given_to_the_videos(videos: Path) -> None:
    path = saved(videos.parent, "a\tleft=0,0,.5,1;right=.5,0,1,1", "b\tleft=0,0,0.5,1; right=0.5,0,1,1")
    lines = give_regions(videos, read_regions(path))
    assert lines == [f"{name}: left=0,0,0.5,1; right=0.5,0,1,1" for name in "ab"]
    first, second = tables.read_videos(videos)
    assert first.views == ["a@left", "a@right"]
    assert second.group_of("b@right") == "Ben"
    before = videos.stat()
    assert give_regions(videos, read_regions(path)) == []
    assert videos.stat() == before
    assert give_regions(videos, {"a": ""}) == ["a: the whole picture"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["c\tleft=0,0,1,1"], "no video 'c'"),
        (["b\tmiddle=0,0,1,1"], "column group"),
        (["a\tleft=0,0,1,2"], "regions.tsv, line 2: bad regions"),
        (["a\tleft=0,0,1,1; right=0.5,0,1,1"], "left overlaps right"),
        (["a"], "wrong number of cells"),
    ],
)
def test_bad_tables_change_nothing(videos: Path, lines: list[str], words: str) -> None:
    before = videos.read_bytes()
    with pytest.raises(CrispError) as error:
        give_regions(videos, read_regions(saved(videos.parent, *lines)))
    assert words in str(error.value)
    assert videos.read_bytes() == before
