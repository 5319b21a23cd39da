"""Classes renamed or left out at import; kept beside the tables, so that importing again gives the same."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from crisp.core import files, json_file, json_schema
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.plain_text import is_plain
from crisp.core.unicode_forms import compose
from crisp.core.words import counted, few
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.importers.discovery import AnnotatedInterval, Found, FoundVideo, Labels

FILE = "import.json"  # beside the tables
MOST = 10  # names in a message


@dataclass(frozen=True)
class ClassChanges:
    """Changes of class names: `names` are the new ones by those in the source, `ignored` are left out.

    All count for the names in the source: of ``A=B`` and ``B=C``, A becomes B.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()

    def after(self, earlier: ClassChanges) -> ClassChanges:
        """Return the changes together with earlier ones; of one class, these count."""
        own = {*self.names, *self.ignored}
        names = {name: new for name, new in earlier.names.items() if name not in own}
        return ClassChanges({**names, **self.names}, (earlier.ignored - own) | self.ignored)

    def options(self) -> list[str]:
        """Return them as options of the command line."""
        changes = [("--map", f"{old}={new}") for old, new in self.names.items()]
        changes += [("--ignore", name) for name in sorted(self.ignored)]
        return [text for change in changes for text in change]


def parse(renamed: Iterable[str], ignored: Iterable[str]) -> ClassChanges:
    """Return the changes stated by the options ``--map Old=New`` and ``--ignore CLASS``.

    Raises
    ------
    CrispError
        If one is not of this form, or a class is stated twice.
    """
    names: dict[str, str] = {}
    left_out = frozenset(map(_plain, ignored))
    for text in renamed:
        old, mark, new = text.partition("=")
        old, new = _plain(old), _plain(new)
        if not (mark and old and new and is_plain(new)):
            expected = "OLD=NEW, for example --map 'fh drive=Forehand drive'"
            raise fail("--map", "bad change of a class", expected, repr(text), "correct it")
        if names.setdefault(old, new) != new or old in left_out:
            raise fail("--map", "class is changed twice", "one change of a class", repr(old), "omit one")
        names[old] = new
    return ClassChanges(names, left_out)


def _plain(text: str) -> str:
    return " ".join(compose(text).split())


def recorded(folder: Path) -> ClassChanges:
    """Return the changes of earlier imports, from the file beside the tables; none if there is no file.

    Raises
    ------
    CrispError
        If it is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return ClassChanges()
    remedy = "correct it, or delete it and state the changes again"
    content = json_file.read(path, json_schema.schema("import"), "record of changed classes", remedy)
    return ClassChanges(content.get("map", {}), frozenset(content.get("ignore", [])))


def record(folder: Path, changes: ClassChanges) -> bool:
    """Write the changes beside the tables, if they are not recorded there; return whether they were not."""
    if changes == recorded(folder):
        return False
    content = {"map": dict(sorted(changes.names.items())), "ignore": sorted(changes.ignored)}
    files.write_json(folder / FILE, content)
    return True


def apply(found: Found, changes: ClassChanges, given: ClassChanges) -> None:
    """Rename and leave out classes of all labels; say so in the notes of what was found.

    A video that was a clip of an ignored class is left out. The time of another ignored stroke counts as time
    without a stroke.

    Parameters
    ----------
    found : Found
        Changed.
    changes : ClassChanges
        All changes.
    given : ClassChanges
        Those that must be of classes that were found.

    Raises
    ------
    CrispError
        If one of `given` is not.
    """
    if changes == ClassChanges():
        return
    counts = class_counts(found.videos)
    faults = [
        _unknown(option, name, counts)
        for option, names in (("--map", given.names), ("--ignore", given.ignored))
        for name in sorted(names)
        if name not in counts
    ]
    if faults:
        raise CrispError(*faults)
    kept = []
    for video in found.videos:
        labelled = bool(video.labels)
        labels = (label for label in video.labels if not (label.whole and label.whole in changes.ignored))
        video.labels = [_changed(label, changes) for label in labels]
        if video.labels or not labelled:
            kept.append(video)
    found.videos[:] = kept
    for name, count in sorted(counts.items()):
        strokes = counted(count, "stroke")
        if name in changes.ignored:
            found.notes.append(f"note: class {name!r} is left out: {strokes}")
        elif name in changes.names:
            found.notes.append(f"note: class {name!r} is read as {changes.names[name]!r}: {strokes}")


def _unknown(option: str, name: str, counts: Mapping[str, int]) -> Fault:
    close = difflib.get_close_matches(name, counts, n=1)
    remedy = f"did you mean {close[0]!r}?" if close else "correct it; crisp import --preview lists all"
    expected = few(sorted(counts), MOST) or "a label"
    return Fault(option, "no such class in the labels", expected, repr(name), remedy)


def class_counts(videos: Iterable[FoundVideo]) -> Counter[str]:
    """Return the number of strokes of each class; those without a label and unreadable files do not count."""
    counts = Counter[str]()
    for video in videos:
        for label in video.labels:
            counts.update([label.whole] if label.whole else [])
            counts.update(one.label for one in _strokes(label) if one.label)
    return counts


def _strokes(label: Labels) -> Sequence[Stroke | AnnotatedInterval]:
    """Return the strokes of a label, also of one in a file; none if that is damaged, as is reported later."""
    if label.xml is None:
        return label.intervals
    try:
        return read_annotation(label.xml)
    except CrispError:
        return []


def _changed(label: Labels, changes: ClassChanges) -> Labels:
    """Return a label with its classes changed; one in a file only if it has such a class."""
    whole = changes.names.get(label.whole, label.whole)
    strokes = _strokes(label)
    if not any(one.label in changes.names or one.label in changes.ignored for one in strokes):
        return replace(label, whole=whole)
    intervals = (
        one if isinstance(one, AnnotatedInterval) else AnnotatedInterval(*one[:3], player=one.player)
        for one in strokes
        if one.label not in changes.ignored
    )
    named = (replace(one, label=changes.names.get(one.label, one.label)) for one in intervals)
    return replace(label, whole=whole, xml=None, intervals=tuple(dict.fromkeys(named)))
