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
from pathlib import Path
from typing import Any

from crisp.errors import CrispError, fail
from crisp.limits import LARGEST_TEXT
from crisp.unreadable import counted_from as counted_from
from crisp.unreadable import reading

ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=list)  # one for thousands of digests
HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")  # in JSON: may be one half of a character, which is no text
LOST = 300  # seconds without a change until what another machine began is taken for lost, as SLURM has it


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; on success fsync it and put it in place of `path`.

    Raises
    ------
    CrispError
        If the disk is full or the quota is used up, or the folder cannot be written to. `path` is
        then as it was before.
    """
    path = Path(path)
    _prepare(path)
    others = _sweep(path)
    beside = path.with_name(f"{path.name}.tmp-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        yield beside
        with open(beside, "rb") as written:
            os.fsync(written.fileno())
        beside.replace(path)
        _sweep_lost(others, path)
    except OSError as error:
        if _is_full(error):
            raise fail(
                path,
                "no room to write this file",
                "free space on its file system",
                os.strerror(error.errno or errno.ENOSPC),
                "free some space (or quota), then give the same command again; nothing is lost",
            ) from None
        raise
    finally:
        beside.unlink(missing_ok=True)


def _prepare(path: Path) -> None:
    """Make the folder of `path`, and see that a file of that name can be put there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise fail(
            path,
            "file cannot be written",
            "a folder that can be written to, and no folder of that name in it",
            f"{error.strerror}{f': {error.filename}' if error.filename else ''}",
            "correct the path or the permissions, then give the same command again; nothing is lost",
        ) from None


def _is_full(error: OSError) -> bool:
    """HDF5 reports a full disk as a plain OSError that carries the number in its text only."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(f"errno = {number}," in str(error) for number in (errno.ENOSPC, errno.EDQUOT))


def _sweep(path: Path) -> list[Path]:
    """Remove what a killed process of this machine left beside `path`; what other machines began there."""
    own, others = f"{path.name}.tmp-{socket.gethostname()}-", []
    for leftover in path.parent.glob(f"{path.name}.tmp-*"):
        pid = leftover.name.split("-")[-2]
        if not leftover.name.startswith(own):
            others.append(leftover)
        elif pid.isdecimal() and not _alive(int(pid)):
            leftover.unlink(missing_ok=True)
    return others


def _sweep_lost(others: list[Path], path: Path) -> None:
    """Remove what a lost machine began beside `path`, which is whole now; times are the file server's."""
    written = path.stat().st_mtime
    for leftover in others:
        with suppress(FileNotFoundError):  # another writer's, done just now
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
