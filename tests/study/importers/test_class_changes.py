"""Classes renamed and left out at import, now and at later imports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core.errors import CrispError
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.importers import class_changes
from crisp.study.importers.class_changes import ClassChanges, parse
from crisp.study.importers.discovery import Found, FoundVideo, Labels
from crisp.workflow import importing

MakeVideo = Callable[..., Path]
XML = Path("config/tt/annotations/classification/b.xml")
ROWS = ["b.mp4,0,10,fh", "b.mp4,20,30,Forehand", "b.mp4,32,36,comment"]


@pytest.fixture
def folder(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "raw" / "b.mp4", frames=50)
    write(tmp_path / "raw", ROWS)
    return tmp_path / "raw"


def write(folder: Path, rows: list[str]) -> None:
    (folder / "strokes.csv").write_text("\n".join(["video,begin,end,label", *rows]))


def test_changes_count_at_later_imports(folder: Path) -> None:
    report = importing.import_dataset(folder, "tt", classes=parse(["fh=Forehand"], ["comment"]))
    wanted = [Stroke(0, 10, "Forehand"), Stroke(20, 30, "Forehand")]
    assert read_annotation(XML) == wanted
    assert report.notes[:2] == [
        "note: class 'comment' is left out: 1 stroke",
        "note: class 'fh' is read as 'Forehand': 1 stroke",
    ]
    assert "config/tt/import.json: changes of classes for the next imports" in report.added
    again = importing.import_dataset(folder, "tt")
    assert (again.added, [fault for fault in again.warnings if "differs" in fault.what]) == ([], [])
    # A later statement about a class counts instead of the earlier one.
    report = importing.import_dataset(folder, "tt", classes=parse(["comment=Other"], []), update=True)
    assert read_annotation(XML) == [*wanted, Stroke(32, 36, "Other")]
    assert json.loads(Path("config/tt/import.json").read_text()) == {
        "map": {"comment": "Other", "fh": "Forehand"},
        "ignore": [],
    }


def test_unknown_classes(folder: Path) -> None:
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt", classes=parse(["Forhand=F"], ["x"]))
    assert [(fault.where, fault.found, fault.remedy) for fault in error.value.faults] == [
        ("--map", "'Forhand'", "did you mean 'Forehand'?"),
        ("--ignore", "'x'", "correct it; crisp import --preview lists all"),
    ]
    assert not Path("config").exists()
    # Of an earlier import, a class may be gone.
    importing.import_dataset(folder, "tt", classes=parse(["fh=Forehand"], ["comment"]))
    write(folder, ["b.mp4,40,45,Push"])
    importing.import_dataset(folder, "tt", update=True)
    assert read_annotation(XML) == [Stroke(40, 45, "Push")]


@pytest.mark.parametrize("text", ["fh", "=x", "fh=", "fh=a\x07"])
def test_bad_statements(text: str) -> None:
    with pytest.raises(CrispError, match="bad change of a class"):
        parse([text], [])


@pytest.mark.parametrize(("renamed", "ignored"), [(["a=b", "a=c"], []), (["a=b"], ["a"])])
def test_a_class_is_changed_once(renamed: list[str], ignored: list[str]) -> None:
    with pytest.raises(CrispError, match="class is changed twice"):
        parse(renamed, ignored)


def test_a_damaged_record(folder: Path) -> None:
    Path("config/tt").mkdir(parents=True)
    Path("config/tt/import.json").write_text('{"map": ["fh"]}')
    with pytest.raises(CrispError, match=r"config/tt/import.json"):
        importing.import_dataset(folder, "tt")


def test_labels_in_files_and_of_whole_clips(tmp_path: Path) -> None:
    xml = tmp_path / "a.xml"
    xml.write_text('<video><action begin="0" end="5" move="fh" player="left"/></video>')
    other = tmp_path / "b.xml"
    other.write_text('<video><action begin="0" end="5" move="bh"/></video>')
    found = Found(
        [
            FoundVideo("a.mp4", labels=[Labels("classification", xml=xml)]),
            FoundVideo("b.mp4", labels=[Labels("classification", xml=other)]),
            FoundVideo("c.mp4", labels=[Labels("classification", "train", whole="fh")]),
            FoundVideo("d.mp4", labels=[Labels("classification", "train", whole="talk")]),
            FoundVideo("e.mp4"),
        ]
    )
    changes = parse(["fh=Forehand"], ["talk"])
    class_changes.apply(found, changes, changes)
    assert [video.path for video in found.videos] == ["a.mp4", "b.mp4", "c.mp4", "e.mp4"]
    (a,), (b,), (c,), () = (video.labels for video in found.videos)
    assert [(one.begin, one.end, one.label, one.player) for one in a.intervals] == [
        (0, 5, "Forehand", "left")
    ]
    assert (a.xml, b.xml, c.whole) == (None, other, "Forehand")


NAMES = st.sampled_from("ABCD")


@given(
    st.dictionaries(NAMES, NAMES), st.frozensets(NAMES), st.dictionaries(NAMES, NAMES), st.frozensets(NAMES)
)
def test_later_changes_come_before_earlier_ones(
    names: dict[str, str], ignored: frozenset[str], earlier: dict[str, str], gone: frozenset[str]
) -> None:
    own = ClassChanges({old: new for old, new in names.items() if old not in ignored}, ignored)
    before = ClassChanges({old: new for old, new in earlier.items() if old not in gone}, gone)
    both = own.after(before)
    assert not set(both.names) & both.ignored
    for old in "ABCD":
        said = own if old in own.names or old in own.ignored else before
        assert (both.names.get(old), old in both.ignored) == (said.names.get(old), old in said.ignored)


def test_two_classes_of_one_interval_are_refused(folder: Path) -> None:
    write(folder, ["b.mp4,0,10,Hit", "b.mp4,20,30,Hit", "b.mp4,0,10,Push"])
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt")
    (fault,) = error.value.faults
    assert (fault.where, fault.what) == (f"{folder}/strokes.csv, line 4", "interval has two labels")
    assert fault.found == f"'Push' here, 'Hit' at {folder}/strokes.csv, line 2"
    assert not Path("config").exists()
    importing.import_dataset(folder, "tt", classes=parse([], ["Push"]))
    assert read_annotation(XML) == [Stroke(0, 10, "Hit"), Stroke(20, 30, "Hit")]
