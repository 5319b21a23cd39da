"""Location of compiled code, cached between processes.

Numba's default is beside the package, for all machines that share the folder. Two machines with different
processors that compile at the same moment can then swap their code. Its cache also survives changes
in modules that the compiled one imports. So each kind of machine and each content of this package has
its own folder.
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
PROBE = 2**20  # bytes written to test a folder


def compiled(function: Callable[..., Any]) -> Any:
    """Compile `function` on its first call; cache the code, including all functions it calls, if possible.

    Other threads run in parallel with it.
    """
    place = folder()
    before = SETTINGS.CACHE_DIR
    SETTINGS.CACHE_DIR = str(place or "")
    try:
        return numba.njit(error_model="numpy", nogil=True, cache=place is not None)(function)
    finally:
        SETTINGS.CACHE_DIR = before


def kind() -> str:
    """Return the name of this kind of machine with this content of the package."""
    content = [path.read_bytes() for path in sorted(PACKAGE.glob("*.py"))]
    features = binding.get_host_cpu_features().flatten().encode()
    return f"{binding.get_host_cpu_name()}-{hashlib.sha256(b''.join([features, *content])).hexdigest()[:16]}"


def folder() -> Path | None:
    """Return the first writable one of $NUMBA_CACHE_DIR, the package's and the user's cache; else None."""
    return next((path / kind() for path in _places() if _writable(path / kind())), None)


def _places() -> Iterator[Path]:
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen)
    yield PACKAGE / "__pycache__"
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        yield Path(chosen, "crisp")
    with suppress(RuntimeError):  # a user without a home directory
        yield Path.home() / ".cache" / "crisp"


def _writable(path: Path) -> bool:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(bytes(PROBE))  # a full disk or quota still accepts an empty file
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True
