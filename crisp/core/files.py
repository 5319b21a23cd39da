"""The one way files are written: beside, complete, then put in place.

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

ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=list)  # one for thousands of digests
HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")  # in JSON: may be one half of a character, which is no text
LOST = 300  # seconds without a change until what another machine began is taken for lost, as SLURM has it
TEMPORARY = r"\.tmp-(?P<host>.+)-(?P<pid>[0-9]+)-[0-9a-f]{8}"  # what the name of a file being written ends in
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, `ulimit -f`
ELSEWHERE = "choose another name for the output, or move that file away; it is as it was"
PROBE = 2**20  # bytes: a full disk or quota still takes an empty file


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; on success fsync it and put it in place of `path`.

    Raises
    ------
    CrispError
        If the disk is full or the quota is used up, if the folder cannot be written to, or if a file of
        another kind is in the place. `path` is then as it was before.
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
    """Make the folder of `path`, and see that a file of that name can be put there."""
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
            "correct the path or the permissions, then give the same command again; nothing is lost",
        ) from None


def spare(path: str | Path, kind: str) -> None:
    """Refuse to write over a file of another kind than `kind` (see :func:`crisp.core.unreadable.kind_of`).

    Raises
    ------
    CrispError
        If there is one: somebody else's file, or an input that was named as the output. What is in the
        workflow's results is CRISP's own.
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
            "another kind of file is in the place of the output",
            f"nothing, or {kind or 'text'}",
            found or "text, or a file of a kind that is not known",
            ELSEWHERE,
        )


def _no_room(error: Exception, beside: Path) -> int:
    """The number of the error if a writer had no room, else 0.

    Not every library passes the number on: HDF5 has it in its text, torch and NumPy leave it out. Then the
    file itself tells whether it can still grow.
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
        f"{way}, then give the same command again; nothing is lost",
    )


def _sweep(path: Path) -> list[Path]:
    """Remove what a killed process of this machine left beside `path`; what other machines began there."""
    others = []
    for leftover in path.parent.glob(f"{escape(path.name)}.tmp-*"):
        named = re.fullmatch(re.escape(path.name) + TEMPORARY, leftover.name)
        if not named or leftover.is_symlink() or not leftover.is_file():
            continue  # not from here
        if named["host"] != socket.gethostname():
            others.append(leftover)
        elif not _alive(int(named["pid"])):
            with suppress(OSError):  # it is another user's
                leftover.unlink()
    return others


def _sweep_lost(others: list[Path], path: Path) -> None:
    """Remove what a lost machine began beside `path`, which is whole now; times are the file server's."""
    written = path.stat().st_mtime
    for leftover in others:
        with suppress(OSError):  # another writer's, done just now, or another user's
            if leftover.stat().st_mtime < written - LOST:
                leftover.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def write_json(path: str | Path, content: Any, indent: int | None = 1) -> None:
    """Write `content` as JSON with a final newline, indented or (None) in one line."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(content, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | Path, name: str = "JSON file", by_hand: str = "", expected: str = "JSON") -> Any:
    """Read a JSON file that CRISP wrote; a mark of the byte order before it is passed over.

    Parameters
    ----------
    path : of the file.
    name : what the file is called, for messages.
    by_hand : how it is made where the workflow does not make it.
    expected : what it should hold.

    Raises
    ------
    CrispError
        If it is missing, may not be read, is another kind of file or damaged.
    """
    with reading(path, name, expected, by_hand=by_hand, largest=LARGEST_TEXT):
        text = Path(path).read_text(encoding="utf-8-sig")
        content = json.loads(text)
        if HALF_PAIR.search(text):
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        return content


def read_cache(path: str | Path) -> dict[str, Any]:
    """The object of a JSON file that only saves time: missing or damaged, it is empty."""
    try:
        content = read_json(path)
    except (CrispError, OSError):
        return {}
    return content if isinstance(content, dict) else {}


def digest(content: Any) -> str:
    """SHA-256 of any JSON-like content: one string that changes when the content does."""
    return hashlib.sha256(ENCODER.encode(content).encode()).hexdigest()


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parts_record(flow: str | Path) -> Path:
    """Path of the number of parts that a flow stage file was gathered from; absent for a whole one."""
    return Path(flow).with_suffix(".parts")
