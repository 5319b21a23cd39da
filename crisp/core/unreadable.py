"""Explain why a file cannot be read, and the remedy.

CRISP can recreate its own files; a user's file is never deleted by a remedy.
"""

from __future__ import annotations

import csv
import os
import pwd
import re
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crisp.core.errors import CrispError, fail
from crisp.core.words import counted

RESULTS = Path("results")  # in the working directory: all outputs of the workflow
HEAD = 512  # bytes of a file that identify its kind
VIDEO = "a video"
WIDE_TEXT = "text in UTF-16 or UTF-32"
# (offset, bytes, kind): first bytes that identify a kind of file.
MARKS = (
    (4, b"ftyp", VIDEO),  # MP4, MOV
    (4, b"moov", VIDEO),
    (4, b"mdat", VIDEO),
    (8, b"AVI ", VIDEO),
    (0, b"\x1aE\xdf\xa3", VIDEO),  # Matroska, WebM
    (0, b"\x00\x00\x01\xba", VIDEO),  # MPEG
    (0, b"FLV\x01", VIDEO),
    (0, b"0&\xb2u\x8ef\xcf\x11", VIDEO),  # WMV
    (0, b"\x89PNG", "a picture"),
    (0, b"\xff\xd8\xff", "a picture"),
    (0, b"GIF8", "a picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a compressed file"),
    (0, b"\xff\xfe", WIDE_TEXT),
    (0, b"\xfe\xff", WIDE_TEXT),
    (0, b"\0\0\xfe\xff", WIDE_TEXT),
)
PLAYLIST = "a playlist that names other files, not a video"
# First bytes of playlists and stream descriptions, which are text.
LISTS = re.compile(
    rb"(\xef\xbb\xbf)?\s*(#EXTM3U|ffconcat\s|v=0\r?\n|\[(playlist|reference)\]|"
    rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(MPD|asx|smil|playlist|\?wpl)\b)",
    re.IGNORECASE | re.DOTALL,
)
TAKES_VIDEO = (
    "give a video to crisp index, which finds its strokes and makes an index.json, or to crisp frames,"
    " which makes a stage file of it"
)
# Errors that readers raise for files of another kind or damaged content.
ERRORS = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,  # includes OverflowError
    RuntimeError,  # includes RecursionError
    MemoryError,
    EOFError,
    csv.Error,
)
RIDDLES = {  # clearer texts for some errors
    RecursionError: "nested too deeply",
    MemoryError: "more than fits into memory",
}


def counted_from(path: str | Path) -> str:
    """Return, for the message of a missing file, the working folder if the path is relative; else nothing."""
    return "" if Path(path).is_absolute() else f"; the path is relative to the working folder, {Path.cwd()}"


def made_by_workflow(path: str | Path) -> bool:
    """Return whether a file lies in the workflow's results, and can be recreated."""
    # Unlike Path.resolve, os.path.realpath handles circular links.
    return "\0" not in str(path) and Path(os.path.realpath(Path(path).parent)).is_relative_to(
        os.path.realpath(RESULTS)
    )


def kind_of(path: str | Path) -> str:
    """Describe a file by the file system and its first bytes; empty if these do not show its kind."""
    path = Path(path)
    if path.is_dir():
        return "a folder"
    if path.exists() and not path.is_file():  # opening a pipe would block for ever
        return "a pipe or device"
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return "an empty file"
    if LISTS.match(head):
        return PLAYLIST
    return next((kind for at, mark, kind in MARKS if head[at : at + len(mark)] == mark), "")


def remade(path: str | Path, rule: str = "", by_hand: str = "", else_: str = "") -> str:
    """Return the remedy for a damaged file: recreate it only if CRISP made it.

    Parameters
    ----------
    path : path-like
        The file.
    rule : str
        The workflow rule that makes it; empty if several do.
    by_hand : str
        How to make it outside the workflow, in words.
    else_ : str
        What to do outside the workflow instead of correcting the path.

    Returns
    -------
    str
    """
    if made_by_workflow(path):
        return "delete it and run snakemake again" + (f": the {rule} rule makes it" if rule else "")
    return f"{else_ or 'correct the path, or restore the file'}{f'; {by_hand}' if by_hand else ''}"


def denied(path: str | Path) -> tuple[str, str]:
    """Explain what prevents this user from reading a file, and the remedy.

    The cause may be a parent folder.
    """
    path = Path(path).absolute()
    for part in (*reversed(path.parents), path):
        if os.access(part, os.R_OK if part == path else os.X_OK):
            continue
        status = part.stat()
        try:
            owner = pwd.getpwuid(status.st_uid).pw_name
        except KeyError:
            owner = f"user {status.st_uid}"
        right = "x" if part != path else "rx" if stat.S_ISDIR(status.st_mode) else "r"
        change = f"chmod {'u' if status.st_uid == os.geteuid() else 'go'}+{right} {shlex.quote(str(part))}"
        found = f"no permission: {part} belongs to {owner}, {stat.filemode(status.st_mode)}"
        if status.st_uid == os.geteuid():
            return found, change
        return found, f"ask {owner} for permission to read it, as by {change}"
    return "no permission", "ask the owner of the file for permission to read it"


def explained(
    path: str | Path,
    error: Exception,
    name: str,
    expected: str = "",
    rule: str = "",
    by_hand: str = "",
) -> CrispError:
    """Return the error for a file that could not be read.

    Parameters
    ----------
    path : path-like
        The file.
    error : Exception
        Error raised by its reader.
    name : str
        Its name in messages, for example ``split table``.
    expected : str
        Its expected content; the name by default.
    rule : str
        The workflow rule that makes it.
    by_hand : str
        How to make it outside the workflow, for example ``crisp index makes one``.

    Returns
    -------
    CrispError
    """
    expected, own = expected or f"a readable {name}", made_by_workflow(path)
    if isinstance(error, FileNotFoundError):
        run = f"run snakemake{f': the {rule} rule makes it' if rule else ''}" if own else "correct the path"
        remedy = run if own or not by_hand else f"{run}; {by_hand}"
        return fail(path, f"{name} is missing", expected, f"nothing{counted_from(path)}", remedy)
    what = f"{name} cannot be read"
    if isinstance(error, PermissionError):
        return fail(path, what, expected, *denied(path))
    try:
        kind = kind_of(path)
    except (OSError, ValueError) as other:  # ValueError for a NUL in the path
        kind, error = "", other
    if kind == VIDEO:
        return fail(path, what, expected, kind, f"correct the path; {TAKES_VIDEO}")
    if kind == WIDE_TEXT:
        return fail(path, what, expected, kind, "save it again as UTF-8, or correct the path")
    if kind in ("a folder", "a pipe or device"):
        return fail(path, what, expected, kind, f"give the {name} itself")
    if kind and kind != "an empty file" and kind not in expected:
        remedy = f"correct the path{f'; {by_hand}' if by_hand else ''}"
        return fail(path, what, expected, kind, remedy)
    if isinstance(error, OSError) and error.errno and error.strerror:  # the system's, not the reader's
        remedy = "correct the path; if it is right, check the disk or the network that stores the file"
        return fail(path, what, expected, error.strerror, remedy)
    found = kind if kind and kind not in expected else reason(error)
    return fail(path, what, expected, found, remade(path, rule, by_hand))


def reason(error: Exception) -> str:
    """Format an error on one line, with its type if its text alone is unclear, e.g. for a missing key."""
    for kind, words in RIDDLES.items():
        if isinstance(error, kind):
            return words
    text = (str(error).strip().splitlines() or [""])[0][:200]
    plain = isinstance(error, ValueError | OSError) and text
    return text if plain else f"{type(error).__name__}: {text}" if text else type(error).__name__


def check_finite(path: str | Path, name: str, largest: int | None = None) -> None:
    """Reject a file that would block a reader for ever, or fill the memory.

    Missing or inaccessible files are left to their reader.

    Parameters
    ----------
    path : path-like
        The file or folder.
    name : str
        Its name in messages.
    largest : int, optional
        Maximum bytes; None for a format that is read in parts.

    Raises
    ------
    CrispError
        If it is a pipe or device, or too large.
    """
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        what = f"{name} cannot be read"
        raise fail(path, what, f"a readable {name}", "a pipe or device", f"give the {name} itself")
    if largest is not None and stat.S_ISREG(status.st_mode) and status.st_size > largest:
        what, remedy = f"{name} is too large", f"correct the path, if this is not the {name}"
        raise fail(path, what, f"at most {counted(largest, 'byte')}", f"{status.st_size:,}", remedy)


@contextmanager
def reading(
    path: str | Path,
    name: str,
    expected: str = "",
    rule: str = "",
    by_hand: str = "",
    largest: int | None = None,
) -> Iterator[None]:
    """Convert a reader's errors for a file to one message.

    Parameters
    ----------
    path : path-like
        The file that is read inside the context.
    name, expected, rule, by_hand : str
        As for `explained`.
    largest : int, optional
        As for `check_finite`.

    Raises
    ------
    CrispError
        If the file is missing, unreadable, of another kind, endless or damaged.
    """
    check_finite(path, name, largest)
    try:
        yield
    except ERRORS as error:
        raise explained(path, error, name, expected, rule, by_hand) from None
