"""Where compiled code is kept from one process to the next.

Numba alone would keep it beside the package, for all machines that share the folder: two of different
processors that compile at the same moment can then swap their code. And what it keeps outlives a change
in a module that the compiled one imports from. So each kind of machine and each content of this package has
a folder of its own.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from llvmlite import binding

SETTINGS: Any = numba.config
PACKAGE = Path(__file__).parent
ENOUGH = 2**20  # bytes


def compiled(function: Callable[..., Any]) -> Any:
    """Compile `function` when it is first called; keep the code, with that of all it calls, if possible.

    Other threads run beside it.
    """
    place = folder()
    before = SETTINGS.CACHE_DIR
    SETTINGS.CACHE_DIR = str(place or "")
    try:
        return numba.njit(error_model="numpy", nogil=True, cache=place is not None)(function)
    finally:
        SETTINGS.CACHE_DIR = before


def kind() -> str:
    """Name of this kind of machine with this content of the package."""
    content = [path.read_bytes() for path in sorted(PACKAGE.glob("*.py"))]
    features = binding.get_host_cpu_features().flatten().encode()
    return f"{binding.get_host_cpu_name()}-{hashlib.sha256(b''.join([features, *content])).hexdigest()[:16]}"


def folder() -> Path | None:
    """The first writable one of $NUMBA_CACHE_DIR, the package's and the user's cache; None if none is."""
    return next((path / kind() for path in _places() if _writable(path / kind())), None)


def _places() -> Iterator[Path]:
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen)
    yield PACKAGE / "__pycache__"
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        yield Path(chosen, "crisp")
    with suppress(RuntimeError):  # a user without a home
        yield Path.home() / ".cache" / "crisp"


def _writable(path: Path) -> bool:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(bytes(ENOUGH))  # a full disk or quota still takes an empty file
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True
