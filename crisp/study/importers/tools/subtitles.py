"""WebVTT and SRT subtitles: the text of a cue is its class, its voice the subject.

The name and the percentage that ``crisp index`` writes into the text are taken out.
"""

from __future__ import annotations

import io
import re
from html import unescape
from pathlib import Path

from webvtt import WebVTT
from webvtt.errors import MalformedCaptionError, MalformedFileError
from webvtt.models import Caption, Timestamp

from crisp.core.errors import CrispError, Fault
from crisp.core.limits import LARGEST_TEXT
from crisp.core.unreadable import reading
from crisp.study.importers.table_file import decoded
from crisp.study.importers.tools.label_file import LABEL, SUBJECT, Event, LabelFile, Medium

NAME = "file of subtitles"
SUFFIXES = (".vtt", ".srt")
ARROW = "-->"
CLOCKS = {  # WebVTT may omit the hours
    "WebVTT": r"(?:\d{1,4}:)?[0-5]?\d:[0-5]?\d\.\d{1,3}",
    "SRT": r"\d{1,4}:[0-5]?\d:[0-5]?\d[.,]\d{1,3}",
}
SURE = re.compile(r"\s\d{1,3}%$")  # probability, as crisp index writes it


def is_one(path: Path) -> bool:
    """Return whether a file is named as subtitles."""
    return path.suffix.lower() in SUFFIXES


def read(path: Path) -> LabelFile:
    """Read subtitles; their video is the one of the same name, or of the name of their folder.

    Raises
    ------
    CrispError
        If the file is missing, no text or no subtitles, or has times that cannot be read; all are listed.
    """
    kind = "WebVTT" if path.suffix.lower() == ".vtt" else "SRT"
    with reading(path, NAME, kind, largest=LARGEST_TEXT):
        text = decoded(path.read_bytes())[0].removeprefix("\ufeff")
        if not text.strip():
            raise ValueError("no text")
    lines = text.splitlines()
    times = re.compile(rf"\s*{CLOCKS[kind]}\s*{ARROW}\s*{CLOCKS[kind]}(?=\s|$)")
    faults = [
        Fault(
            f"{path}, line {number}", "bad times of a cue", "00:00:01.000 --> 00:00:02.000", line.strip()[:80]
        )
        for number, line in enumerate(lines, start=1)
        if ARROW in line and not times.match(line)
    ]
    if faults:
        raise CrispError(*faults)
    with reading(path, NAME, kind):
        try:
            form = kind.removeprefix("Web").lower()
            cues: list[Caption] = WebVTT.from_buffer(io.StringIO(text), format=form).captions
        except (MalformedFileError, MalformedCaptionError) as error:
            raise ValueError(str(error)) from None
    sure = all(SURE.search(cue.text) for cue in cues)
    events = [_event(number, cue, sure) for number, cue in enumerate(cues, start=1)]
    file = LabelFile(path, [Medium((path.stem, path.absolute().parent.name), events, named=False)])
    if lost := sum(ARROW in line for line in lines) - len(cues):
        file.skipped["no text"] = ["cues"] * lost
    return file


def _event(number: int, cue: Caption, sure: bool) -> Event:
    begin, end = (Timestamp.from_string(time).in_milliseconds() / 1000 for time in (cue.start, cue.end))
    voice = unescape(cue.voice or "")
    text = unescape(cue.text).removeprefix(f"{voice}: ")
    fields = {LABEL: SURE.sub("", text) if sure else text, SUBJECT: voice}
    return Event(begin, end, fields, f"cue {number}")
