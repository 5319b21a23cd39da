"""Compiled code outlives its process, in a folder of its kind of machine that is certainly writable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crisp.preparation.deepflow import compile_cache

ROOT = Path(__file__).parents[3]
SOLVE = """
import numpy as np
from crisp.preparation.deepflow import cpu
print(cpu.solve(*np.arange(2 * 30 * 40, dtype=np.uint8).reshape(2, 30, 40)).tobytes().hex())
print(sum(cpu.refine.stats.cache_hits.values()))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Caches of package and user below a folder, and none chosen."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(compile_cache, "PACKAGE", tmp_path / "package")
    return tmp_path


def shut(place: Path) -> None:
    """Make a folder that nobody can write to, not even root."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("a file")


def test_first_writable_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [
        home / "chosen",
        home / "package" / "__pycache__",
        home / "cache" / "crisp",
        home / "home" / ".cache" / "crisp",
    ]
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(places[0]))
    for place in places:
        assert compile_cache.folder() == place / compile_cache.kind()
        (place / compile_cache.kind()).rmdir()
        place.rmdir()
        shut(place)
    assert compile_cache.folder() is None


def test_full_disk_is_not_writable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert compile_cache.folder() is None
    assert not list(home.rglob("*.tmp*"))


def test_other_content_or_machine_has_another_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "package").mkdir()
    names = {compile_cache.kind()}
    (home / "package" / "solver.py").write_text("ALPHA = 4")
    names.add(compile_cache.kind())
    (home / "package" / "solver.py").write_text("ALPHA = 8")
    names.add(compile_cache.kind())
    monkeypatch.setattr(compile_cache.binding, "get_host_cpu_name", lambda: "another")
    names.add(compile_cache.kind())
    assert len(names) == 4


def test_nowhere_to_keep_it_compiles_all_the_same(home: Path) -> None:
    for place in (compile_cache.PACKAGE, home / "cache", home / "home"):
        shut(place)

    @compile_cache.compiled
    def twice(number: float) -> float:
        return 2 * number

    assert twice(1.5) == 3


@pytest.mark.slow
def test_processes_that_compile_at_once_and_one_that_loads(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SOLVE]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = [process.communicate()[0].split() for process in both]
    flow, hits = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split()
    assert [process.returncode for process in both] == [0, 0]
    assert [each[0] for each in found] == [flow, flow]
    assert hits == "1"
    assert not list(tmp_path.rglob("*.tmp.*"))
