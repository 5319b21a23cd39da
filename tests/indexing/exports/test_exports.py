"""All formats at once: which files there are, and none without room."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.indexing import exports
from crisp.indexing.exports import overlay_video, write_exports
from tests.indexing.exports import sample


def test_every_format_has_a_file(tmp_path: Path) -> None:
    write_exports(tmp_path, sample.index(tmp_path / "game.mp4"), overlay=False)
    assert {path.name for path in tmp_path.iterdir()} == {*exports.FORMATS, exports.RECORD}


def test_files_that_exist_stay(tmp_path: Path) -> None:
    content = sample.index(tmp_path / "game.mp4")
    (tmp_path / "strokes.csv").write_text("mine")
    write_exports(tmp_path, content, overlay=False)
    assert (tmp_path / "strokes.csv").read_text() == "mine"
    (tmp_path / "strokes.csv").unlink()
    write_exports(tmp_path, content, overlay=False)
    assert (tmp_path / "strokes.csv").read_text().startswith("video,begin")


@pytest.mark.parametrize("name", [*exports.FORMATS, exports.OVERLAY])
def test_full_disk_is_one_message_and_no_file(tiny_disk: Path, make_video, name: str) -> None:
    video = make_video(tiny_disk.parent / "game.mp4", frames=120)
    content = sample.index(video, strokes=sample.content(video)["strokes"] * 300)
    (tiny_disk / "ballast").write_bytes(bytes(60_000))
    make = exports.FORMATS.get(name, overlay_video.write)
    with pytest.raises(CrispError, match="no room to write this file"):
        make(tiny_disk / name, content)
    assert [path.name for path in tiny_disk.iterdir()] == ["ballast"]
