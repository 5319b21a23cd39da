"""Atomic writing of files: written beside the target, completed, then moved into place.

A killed job leaves at most a ``<name>.tmp-…`` beside a file, never half a file under its real name.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

from crisp.core.errors import CrispError, fail
from crisp.core.limits import LARGEST_TEXT
from crisp.core.signals import provisional
from crisp.core.unreadable import kind_of, made_by_workflow, reading

ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=list)  # shared: digests are frequent
HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")  # in JSON: may be a lone surrogate, which is not text
LOST = 300  # seconds without a change before another machine's file counts as abandoned, as in SLURM
TEMPORARY = r"\.tmp-(?P<host>.+)-(?P<pid>[0-9]+)-[0-9a-f]{8}"  # suffix of a file being written
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, `ulimit -f`
ELSEWHERE = "choose another name for the output, or move that file away; it is as it was"
PROBE = 2**20  # bytes: a full disk or quota still accepts an empty file


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` to write to; on success fsync it and move it to `path`.

    Raises
    ------
    CrispError
        If the disk is full or the quota exceeded, if the folder is not writable, or if `path` is a file of
        another kind. `path` is then unchanged.
    """
    path = Path(path)
    _prepare(path)
    others = _sweep(path)
    beside = path.with_name(f"{path.name}.tmp-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    with provisional(beside):
        try:
            yield beside
            with open(beside, "rb") as written:
                os.fsync(written.fileno())
            spare(path, kind_of(beside))
            beside.replace(path)
        except CrispError:
            raise
        except Exception as error:
            if number := _no_room(error, beside):
                raise _full(path, number) from None
            raise
    _sweep_lost(others, path)


def _prepare(path: Path) -> None:
    """Create the folder of `path`, and check that the file can be placed there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        if error.errno in NO_ROOM:
            raise _full(path, error.errno) from None
        raise fail(
            path,
            "file cannot be written",
            "a folder that can be written to, and no folder of that name in it",
            f"{error.strerror}{f': {error.filename}' if error.filename else ''}",
            "correct the path or the permissions, then repeat the command; nothing is lost",
        ) from None


def spare(path: str | Path, kind: str) -> None:
    """Refuse to overwrite a file of another kind than `kind` (see `crisp.core.unreadable.kind_of`).

    Raises
    ------
    CrispError
        If there is one: another user's file, or an input given as the output. Files in the
        workflow's results belong to CRISP.
    """
    path, kind = Path(path), "" if kind == "an empty file" else kind
    if made_by_workflow(path):
        return
    try:
        found = kind_of(path)
    except FileNotFoundError:
        return
    except PermissionError:
        found = "a file that may not be read"
    if found not in (kind, "an empty file"):
        raise fail(
            path,
            "output path is a file of another kind",
            f"nothing, or {kind or 'text'}",
            found or "text, or a file of unknown kind",
            ELSEWHERE,
        )


def _no_room(error: Exception, beside: Path) -> int:
    """Return the error number if the disk was full, else 0.

    Not every library passes the number on: HDF5 has it in its text, torch and NumPy omit it. In these
    cases, test whether the file can still grow.
    """
    for number in NO_ROOM:
        told = f"errno = {number},", os.strerror(number)
        if getattr(error, "errno", None) == number or any(words in str(error) for words in told):
            return number
    try:
        with beside.open("ab") as file:
            file.write(bytes(PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as found:
        return found.errno if found.errno in NO_ROOM else 0
    return 0


def _full(path: Path, number: int) -> CrispError:
    way = "raise the limit of `ulimit -f`" if number == errno.EFBIG else "free some space (or quota)"
    return fail(
        path,
        "no room to write this file",
        "free space on its file system",
        os.strerror(number),
        f"{way}, then repeat the command; nothing is lost",
    )


def _sweep(path: Path) -> list[Path]:
    """Remove files that killed processes of this machine left beside `path`; return other machines' files."""
    others = []
    for leftover in path.parent.glob(f"{escape(path.name)}.tmp-*"):
        named = re.fullmatch(re.escape(path.name) + TEMPORARY, leftover.name)
        if not named or leftover.is_symlink() or not leftover.is_file():
            continue  # not from this machine
        if named["host"] != socket.gethostname():
            others.append(leftover)
        elif not _alive(int(named["pid"])):
            with suppress(OSError):  # another user's
                leftover.unlink()
    return others


def _sweep_lost(others: list[Path], path: Path) -> None:
    """Remove abandoned temporary files of other machines for `path`, now complete; times are the server's."""
    written = path.stat().st_mtime
    for leftover in others:
        with suppress(OSError):  # just finished by another writer, or another user's
            if leftover.stat().st_mtime < written - LOST:
                leftover.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 only checks
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's process
        return True
    return True


def write_json(path: str | Path, content: Any, indent: int | None = 1) -> None:
    """Write content as JSON with a final newline.

    Parameters
    ----------
    path : path-like
        File to write.
    content
        JSON-like content; text is not escaped to ASCII.
    indent : int or None
        Spaces per level; None writes one line.

    Raises
    ------
    CrispError
        If the file cannot be written (see `replacing`).
    """
    with replacing(path) as beside:
        beside.write_text(json.dumps(content, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | Path, name: str = "JSON file", by_hand: str = "", expected: str = "JSON") -> Any:
    """Read a JSON file that CRISP wrote; a byte order mark is skipped.

    Parameters
    ----------
    path : path-like
        File to read.
    name : str
        Its name in messages.
    by_hand : str
        How to make it outside the workflow.
    expected : str
        Its expected content.

    Returns
    -------
    dict, list, str, int, float, bool or None
        The content.

    Raises
    ------
    CrispError
        If it is missing, unreadable, of another kind, damaged or larger than `LARGEST_TEXT`.
    """
    with reading(path, name, expected, by_hand=by_hand, largest=LARGEST_TEXT):
        text = Path(path).read_text(encoding="utf-8-sig")
        content = json.loads(text)
        if HALF_PAIR.search(text):
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        return content


def read_cache(path: str | Path) -> dict[str, Any]:
    """Read the object in a JSON cache file; empty if it is missing or damaged."""
    try:
        content = read_json(path)
    except (CrispError, OSError):
        return {}
    return content if isinstance(content, dict) else {}


def digest(content: Any) -> str:
    """Return the SHA-256 of JSON-like content: a string that changes with the content."""
    return hashlib.sha256(ENCODER.encode(content).encode()).hexdigest()


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parts_record(flow: str | Path) -> Path:
    """Return the path of the recorded number of parts of a flow stage file; absent if computed as a whole."""
    return Path(flow).with_suffix(".parts")
