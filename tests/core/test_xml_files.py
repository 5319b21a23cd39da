"""XML of other people: what is wrong with its encoding is told as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp.core import xml_files
from crisp.core.errors import CrispError

ACTION = '<video><action begin="1" end="5" move="Coup é"/></video>'


def written(folder: Path, text: str, encoding: str, declared: str = "") -> Path:
    path = folder / "a.xml"
    head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    path.write_bytes((head + text).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", ""), ("utf-8-sig", ""), ("utf-8", "UTF-8"), ("latin-1", "ISO-8859-1"), ("utf-16", "UTF-16")],
)
def test_encodings_that_are_read(tmp_path: Path, encoding: str, declared: str) -> None:
    root = xml_files.read(written(tmp_path, ACTION, encoding, declared), "annotation file")
    assert root[0].get("move") == "Coup é"


@pytest.mark.parametrize(
    ("encoding", "declared", "found"),
    [
        ("latin-1", "", "byte 0xe9 in line 1, text in another encoding"),
        ("latin-1", "utf-8", "byte 0xe9 in line 2, text in another encoding"),
        ("utf-8", "big5", "encoding 'big5' in its first line"),
        ("utf-8", "klingon", "encoding 'klingon' in its first line"),
        ("utf-8", "rot13", "encoding 'rot13' in its first line"),
    ],
)
def test_encodings_that_are_not(tmp_path: Path, encoding: str, declared: str, found: str) -> None:
    with pytest.raises(CrispError, match="save it again as UTF-8") as error:
        xml_files.read(written(tmp_path, ACTION, encoding, declared), "annotation file")
    assert error.value.faults[0].found == found


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [("<video>", "utf-8", ""), ("<video>é", "utf-8", ""), ("<video>é", "utf-16", "utf-16")],
)
def test_malformed_file_of_a_good_encoding(tmp_path: Path, text: str, encoding: str, declared: str) -> None:
    with pytest.raises(CrispError, match="not well-formed XML") as error:
        xml_files.read(written(tmp_path, text, encoding, declared), "annotation file")
    assert "UTF-8" not in error.value.faults[0].remedy


def test_deeply_nested_elements(tmp_path: Path) -> None:
    path = written(tmp_path, "<a>" * 100_000 + "</a>" * 100_000, "utf-8")
    assert xml_files.read(path, "annotation file").tag == "a"


def test_parts_come_one_by_one(tmp_path: Path) -> None:
    text = "<all kind='x'><a n='1'><b/></a>\n<c/>" + "<a n='2'/>" * 3 + "</all>"
    found = xml_files.parts(written(tmp_path, text, "utf-8"), "file of parts")
    root = next(found)
    assert (root.tag, root.get("kind")) == ("all", "x")
    first = next(found)
    assert (first.tag, first.get("n"), len(first)) == ("a", "1", 1)
    assert [part.tag for part in found] == ["c", "a", "a", "a"]
    assert len(root) == 0, "what was yielded is forgotten"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty file"),
        ("<all><a/><a></all>", "not well-formed XML"),
        ('<!DOCTYPE all [<!ENTITY e "x">]><all>&e;</all>', "XML with a DOCTYPE is refused"),
    ],
)
def test_faults_of_parts(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CrispError, match=words):
        list(xml_files.parts(written(tmp_path, text, "utf-8"), "file of parts"))
