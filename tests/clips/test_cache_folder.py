"""The folder of the clip cache: its own, whole or refused, and nobody else's file in it is ever touched."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.clips import cache_folder
from crisp.core.errors import CrispError

NAME = f"00/{'0' * 64}.npy"
TEMPORARY = f"{NAME}.tmp-some-host-123-0a1b2c3d"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the cache's folder goes, with somebody's work beside it."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project/thesis.npy").write_text("mine")
    monkeypatch.setenv(cache_folder.VARIABLE, str(tmp_path))
    return tmp_path / f"crisp-cache-{os.getuid()}"


def put(path: Path, content: str = "kept") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_folder_of_its_own_below_the_one_that_is_named(place: Path) -> None:
    assert cache_folder.folder() == place
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert (place / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert cache_folder.folder() == place, "and again"
    assert cache_folder.files(place) == []


def test_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cache_folder.VARIABLE)
    monkeypatch.setattr(cache_folder.tempfile, "tempdir", str(tmp_path))
    assert cache_folder.folder() == tmp_path / f"crisp-cache-{os.getuid()}"


def test_cache_of_an_earlier_version_is_taken_over(place: Path) -> None:
    for name in (NAME, TEMPORARY):
        put(place / name)
    put(place / "CACHEDIR.TAG.tmp-some-host-123-0a1b2c3d")  # of a training that starts at the same moment
    assert cache_folder.folder() == place
    assert (place / "CACHEDIR.TAG").exists()
    assert sorted(file.name for file in cache_folder.files(place)) == [NAME, TEMPORARY]


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "project/thesis.docx",
        "00/thesis.npy",
        f"01/{'0' * 64}.npy",
        f"00/{'0' * 63}.npy",
        f"00/{'0' * 64}.npy.tmp-notes",
        f"00/sub/{'0' * 64}.npy",
        "CACHEDIR.TAG",  # without the signature
    ],
)
def test_folder_with_anything_else_and_no_mark_is_refused(place: Path, name: str) -> None:
    put(place / NAME)
    path = put(place / name)
    with pytest.raises(CrispError, match=r"cannot be the folder of the clip cache[\s\S]*CRISP_CACHE"):
        cache_folder.folder()
    assert path.read_text() == "kept"


def test_what_must_not_be_the_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = place.parent / "project"
    place.symlink_to(other)
    with pytest.raises(CrispError, match="found: a link"):
        cache_folder.folder()
    place.unlink()
    place.touch()
    with pytest.raises(CrispError, match="found: no folder"):
        cache_folder.folder()
    place.unlink()
    for mode in (0o770, 0o707):
        place.mkdir()
        place.chmod(mode)
        with pytest.raises(CrispError, match="others may write to it"):
            cache_folder.folder()
        place.rmdir()
    place.mkdir()
    monkeypatch.setattr(cache_folder.os, "getuid", lambda: place.stat().st_uid + 1)
    monkeypatch.setenv(cache_folder.VARIABLE, str(place.parent / "theirs"))
    made = place.parent / "theirs" / f"crisp-cache-{cache_folder.os.getuid()}"
    made.mkdir(parents=True)
    with pytest.raises(CrispError, match="found: a folder of user"):
        cache_folder.folder()
    monkeypatch.setenv(cache_folder.VARIABLE, str(other / "thesis.npy"))
    with pytest.raises(CrispError, match=r"no folder for the clip cache[\s\S]*CRISP_CACHE"):
        cache_folder.folder()
    assert [path.name for path in other.iterdir()] == ["thesis.npy"]


def test_links_and_strange_things_neither_count_nor_go(place: Path) -> None:
    folder = cache_folder.folder()
    target = put(place.parent / "data" / Path(NAME).name)
    (folder / "00").symlink_to(target.parent)  # a folder of the cache's name
    hexadecimal = "1" * 64
    (folder / "11").mkdir()
    (folder / f"11/{hexadecimal}.npy").symlink_to(target)
    (folder / f"11/{'1' * 63}2.npy").mkdir()  # once ended a training: "Is a directory"
    os.mkfifo(folder / f"11/{'1' * 63}3.npy")  # to read it would wait for ever
    (folder / "22").touch()
    put(folder / "project/thesis.docx")
    put(folder / "33/old.npy")
    before = sorted(folder.rglob("*"))
    assert cache_folder.files(folder) == []
    names = [NAME, *(f"11/{'1' * 63}{end}.npy" for end in "123"), "33/old.npy", "22/x", "44/x"]
    for name in names:
        assert not cache_folder.is_kept(folder, name)
        cache_folder.remove(folder, name)
    for name in (NAME, *names[1:4], f"22/{'2' * 64}.npy"):
        with pytest.raises((CrispError, OSError)):
            cache_folder.make_room_for(folder, name)
    assert sorted(folder.rglob("*")) == before
    assert target.read_text() == "kept"


def test_another_users_file_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(place / NAME)
    monkeypatch.setattr(cache_folder.os, "getuid", lambda: place.stat().st_uid + 1)
    assert cache_folder.files(place) == []
    cache_folder.remove(place, NAME)
    assert (place / NAME).exists()


names = st.text(st.sampled_from("0af.npytm-/\n"), max_size=80).filter(lambda name: name.count("/") == 1)


@given(names | st.just(NAME) | st.just(TEMPORARY), st.text("0af.", max_size=3))
def test_only_names_of_its_own_are_matched(
    tmp_path_factory: pytest.TempPathFactory, name: str, more: str
) -> None:
    """Whatever a file is called, it goes only if its name is to the letter one that the cache gives."""
    first, _, file = (name + more).partition("/")
    folder = tmp_path_factory.mktemp("cache")
    if first in ("", ".", "..") or file in ("", ".", ".."):
        return
    path = put(folder / first / file)
    own = f"{first}/{file}" in (NAME, TEMPORARY)
    assert [one.name for one in cache_folder.files(folder)] == [f"{first}/{file}"] * own
    cache_folder.remove(folder, f"{first}/{file}")
    assert path.exists() != own
