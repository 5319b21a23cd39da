"""Read a submission: one list of clips, or an XML for each video, and check it against the annotation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from crisp.core import xml_files
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.unicode_forms import compose
from crisp.core.words import counted, few
from crisp.report.mediaeval import alike
from crisp.report.scoring.truth import TrueVideo, Truth
from crisp.study.annotations import Action, Stroke, read_actions
from crisp.study.importers.discovery import stem

MOST_CLIPS = 100_000  # in one list; that of the campaign has 118
MOST_NAMES = 5  # in one message


@dataclass(frozen=True)
class Submission:
    """A submission as written.

    Attributes
    ----------
    path : Path
        Its file or folder.
    clips : list of (str, str, str)
        Place, name and class of each clip of a list.
    actions : dict of str to list of Action
        By file name without suffix, in file order.
    files : dict of str to Path
        Their files.
    """

    path: Path
    clips: list[tuple[str, str, str]] = field(default_factory=list)
    actions: dict[str, list[Action]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """Return the task that it seems to be of: actions without any class are detections."""
        labelled = any(one.label for actions in self.actions.values() for one in actions)
        return "classification" if self.clips or labelled or not self.actions else "detection"


def read_submission(path: str | Path) -> Submission:
    """Read a submission.

    Parameters
    ----------
    path : path-like
        An XML file, or the folder of a run.

    Returns
    -------
    Submission

    Raises
    ------
    CrispError
        If it is missing, holds no XML, or a file is not XML, too large or of another kind.
    """
    path = Path(path)
    files = sorted(path.glob("*.xml")) if path.is_dir() else [path]
    if not files:
        runs = sorted({str(file.parent) for file in path.rglob("*.xml")})
        remedy = (
            f"give the folder of one run: {few(runs, MOST_NAMES)}" if runs else "give the folder of a run"
        )
        raise fail(
            path, "no XML file in the folder", "test.xml, or <video>.xml for each video", "none", remedy
        )
    roots = {file: xml_files.read(file, "submission") for file in files}
    odd = [
        Fault(str(file), "not a submission", "root element <videos> or <video>", f"<{root.tag}>")
        for file, root in roots.items()
        if root.tag not in ("videos", "video") or (root.tag == "videos" and len(files) > 1)
    ]
    if odd:
        raise CrispError(*odd)
    (file, root), *_ = roots.items()
    if root.tag == "videos":
        return Submission(path, clips=_clips(file, list(root.iter("video"))))
    named = {compose(stem(file.name)): file for file in files}
    return Submission(path, actions={name: read_actions(file) for name, file in named.items()}, files=named)


def _clips(file: Path, elements: Sequence[Element]) -> list[tuple[str, str, str]]:
    if not 0 < len(elements) <= MOST_CLIPS:
        expected = f"1 to {MOST_CLIPS:,} <video name class>"
        raise fail(file, "not a list of clips", expected, f"{len(elements):,}", "correct the XML")
    return [
        (
            f"{file}, video {number}",
            compose(one.get("name", "")),
            " ".join(compose(one.get("class", "")).split()),
        )
        for number, one in enumerate(elements, start=1)
    ]


def classified(submission: Submission, truth: Truth) -> list[tuple[str, Stroke, str]]:
    """Return the predicted class of every annotated stroke.

    Parameters
    ----------
    submission : Submission
    truth : Truth

    Returns
    -------
    list of (str, Stroke, str)
        Video, annotated stroke, predicted class; in the order of the annotation.

    Raises
    ------
    CrispError
        Listing everything that makes the submission invalid.
    """
    faults: list[Fault] = []
    rows = (
        _of_clips(submission, truth, faults) if submission.clips else _of_actions(submission, truth, faults)
    )
    predicted: dict[tuple[str, int, int], str] = {}
    for where, key, label in rows:
        if key in predicted:
            faults.append(Fault(where, "stroke is classified twice", "once", _text(key), "delete one"))
        elif label not in truth.classes:
            faults.append(Fault(where, "unknown class", ", ".join(truth.classes), repr(label)[:200]))
        predicted[key] = label
    wanted = {(video, *one[:2]): (video, one) for video, true in truth.videos.items() for one in true.strokes}
    if missing := [_text(key) for key in wanted if key not in predicted]:
        found = f"{counted(len(missing), 'stroke')} missing: {few(missing, MOST_NAMES)}"
        expected = f"all {len(wanted):,} of the {truth.part} set of {truth.where}"
        faults.append(Fault(str(submission.path), "not every stroke is classified", expected, found))
    if faults:
        raise CrispError(*faults)
    return [(*wanted[key], predicted[key]) for key in wanted]


Row = tuple[str, tuple[str, int, int], str]  # place, (video, begin, end), class


def _text(key: tuple[str, int, int]) -> str:
    return f"{key[0]} {key[1]}-{key[2]}"


def _of_clips(submission: Submission, truth: Truth, faults: list[Fault]) -> list[Row]:
    names = {video.name: name for name, video in truth.videos.items()}
    rows = []
    for where, given, label in submission.clips:
        name = names.get(given, "")
        strokes = truth.videos[name].strokes if name else ()
        if len(strokes) == 1:
            rows.append((where, (name, strokes[0].begin, strokes[0].end), label))
        elif name:
            found = counted(len(strokes), "stroke")
            remedy = "submit an XML for each video"
            faults.append(Fault(where, "a list is for trimmed clips", "one stroke a video", found, remedy))
        else:
            faults.append(_unknown(where, given, truth, names))
    return rows


def _unknown(where: str, given: str, truth: Truth, names: Iterable[str]) -> Fault:
    expected = f"{few(sorted(names), MOST_NAMES)} ({truth.part} set of {truth.where})"
    return Fault(where, "unknown video", expected, repr(given)[:200], "correct the name, or choose --part")


def _files(submission: Submission, truth: Truth, faults: list[Fault]) -> dict[str, TrueVideo]:
    """Return the submitted videos; report files of unknown videos and missing ones."""
    if submission.clips:
        raise fail(
            submission.path, "is of the other task", "an XML for each video", "a list of clips", "see --task"
        )
    faults += [
        _unknown(str(file), name, truth, truth.videos)
        for name, file in submission.files.items()
        if name not in truth.videos
    ]
    if missing := [f"{name}.xml" for name in truth.videos if name not in submission.files]:
        expected = f"{counted(len(truth.videos), 'file')}, one for each video of the {truth.part} set"
        found = f"{len(missing)} missing: {few(missing, MOST_NAMES)}"
        faults.append(Fault(str(submission.path), "not every video has a file", expected, found))
    return {name: truth.videos[name] for name in submission.files if name in truth.videos}


def _of_actions(submission: Submission, truth: Truth, faults: list[Fault]) -> list[Row]:
    rows = []
    for name, video in _files(submission, truth, faults).items():
        known = {one[:2] for one in video.strokes}
        for where, one in _sound(submission, name, video, faults):
            if one[:2] in known:
                rows.append((where, (name, one.begin, one.end), one.label))
            else:
                expected = "the bounds of the annotation"
                faults.append(Fault(where, "no such stroke", expected, _text((name, one.begin, one.end))))
    return rows


def _sound(
    submission: Submission, name: str, video: TrueVideo, faults: list[Fault]
) -> list[tuple[str, Stroke]]:
    """Return the actions of a file that are intervals in their video, each with its place."""
    found = []
    for number, action in enumerate(submission.actions[name], start=1):
        where = f"{submission.files[name]}, action {number}"
        faults += action.faults
        if (one := action.stroke) is None:
            continue
        if one.end > video.frames:
            expected = f"0 <= begin < end <= {video.frames} ({video.name})"
            faults.append(
                Fault(where, "action ends after the video", expected, f"begin={one.begin} end={one.end}")
            )
        else:
            found.append((where, one))
    return found


def detected(submission: Submission, truth: Truth) -> Mapping[str, list[Stroke]]:
    """Return the detections of every annotated video, in file order.

    Parameters
    ----------
    submission : Submission
    truth : Truth

    Returns
    -------
    mapping of str to list of Stroke

    Raises
    ------
    CrispError
        Listing everything that makes the submission invalid.
    """
    faults: list[Fault] = []
    found = {}
    for name, video in _files(submission, truth, faults).items():
        strokes = [one for _, one in _sound(submission, name, video, faults)]
        faults += alike(str(submission.files[name]), strokes)
        found[name] = strokes
    if faults:
        raise CrispError(*faults)
    return found
