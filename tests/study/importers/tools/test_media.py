"""Videos that label files name by paths and addresses of any machine."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core.errors import Fault
from crisp.study.importers.tools.label_file import Medium
from crisp.study.importers.tools.media import Videos, files_below

FOLDER = Path("films")
PATHS = [
    "a.mp4",
    "day 1/a.mp4",
    "day 1/game 10.05.mov",
    "day 2/Été 50%.mp4",
    "day 2/#1 x&y.mkv",
    "day 2/b.left.mp4",
]
OTHERS = ["a.wav", "a.eaf", "day 1/game 10.05.json", "b.txt"]


def find(*names: str, file: str = "labels.eaf", named: bool = True) -> str | Fault:
    videos = Videos(FOLDER, [FOLDER / path for path in (*PATHS, *OTHERS)])
    return videos.find(Medium(names, named=named), FOLDER / file)


@given(
    st.sampled_from(PATHS[2:]),
    st.sampled_from(
        ["", "./", "/home/x/", "C:\\lab\\", "\\\\server\\share\\", "../other/", "file:///C:/lab/"]
    ),
    st.sampled_from(["NFC", "NFD"]),
    st.sampled_from([str, str.upper, str.lower]),
    st.booleans(),
)
def test_a_path_of_any_machine(path: str, prefix: str, form: str, case: type[str], folders: bool) -> None:
    name = path if folders else Path(path).name
    name = case(unicodedata.normalize(form, name))
    name = quote(name) if prefix.startswith("file:") else name.replace("/", "\\") if "\\" in prefix else name
    assert find(prefix + name) == path


def test_the_nearest_of_one_name() -> None:
    assert find("a.mp4") == "a.mp4"
    assert find("a.mp4", file="day 1/labels.eaf") == "day 1/a.mp4"
    assert find("/x/Day 1/A.MP4") == "day 1/a.mp4"
    fault = find("/x/y/a.mp4")
    assert isinstance(fault, Fault)
    assert (fault.what, fault.found) == (
        "several videos have the name of the one of these labels",
        "a.mp4, day 1/a.mp4",
    )


def test_the_first_name_that_is_found_counts() -> None:
    assert find("lost.mp4", "/x/b.left.mp4", "a.mp4") == "a.mp4"  # a path, before a name without its folders
    assert find("lost.mp4", "/x/b.left.mp4", "/x/lost.mp4") == "day 2/b.left.mp4"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("game 10.05.avi", "day 1/game 10.05.mov"),
        ("game 10.05", "day 1/game 10.05.mov"),
        ("b.left", "day 2/b.left.mp4"),
        ("Été 50%.en", "day 2/Été 50%.mp4"),
        ("https://host/v/game%2010.05.mov?token=1#t=3", "day 1/game 10.05.mov"),
        ("/data/local-files/?d=day%201%2Fa.mp4", "day 1/a.mp4"),
    ],
)
def test_another_suffix_and_addresses(name: str, path: str) -> None:
    assert find(name) == path


@pytest.mark.parametrize(
    "name", ["", " ", "/", "..", "b", "b.txt", "http://[", "\0", "a.mp4\n/etc", "%00", "a" * 5000]
)
def test_what_is_no_video(name: str) -> None:
    fault = find(name)
    assert isinstance(fault, Fault)
    assert len(str(fault)) < 1500


def test_the_only_video_is_taken_for_labels_that_name_none() -> None:
    one = Videos(FOLDER, [FOLDER / "x/a.mp4"])
    assert one.find(Medium(("strokes",), named=False), FOLDER / "strokes.srt") == "x/a.mp4"
    assert isinstance(one.find(Medium(("strokes.mp4",)), FOLDER / "strokes.eaf"), Fault)
    assert isinstance(find("strokes", named=False), Fault)


def test_files_below(tmp_path: Path) -> None:
    for name in ("b/c.mp4", "a.mp4", ".git/x.mp4", "b/.hidden.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b/loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    assert [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path)] == [
        "a.mp4",
        "b/c.mp4",
        "link.mp4",
    ]
