"""The doctor: each check on a machine that has what it looks for, and on one that has not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from crisp.core import stage_files, system_libraries
from crisp.workflow import doctor

ROOT = Path(__file__).parents[2]
NO_LIBGL = "libGL.so.1: cannot open shared object file: No such file or directory"


@pytest.fixture
def bare_node(tmp_path: Path) -> dict[str, str]:
    """Environment of a machine where OpenCV's wheel cannot be loaded."""
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "cv2.py").write_text(f"raise ImportError({NO_LIBGL!r}, name='cv2')\n")
    return {**os.environ, "PYTHONPATH": f"{tmp_path / 'bare'}:{ROOT}"}


def crisp(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from crisp.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def one(name: str, **asked: Any) -> doctor.Finding:
    return next(finding for finding in doctor.examine_machine(**asked) if finding.check == name)


def command(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_sound_machine(tmp_path: Path) -> None:
    """The environment that runs these tests; SLURM is out of sight, as it may be half installed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": str(tmp_path)}
    done = crisp(environment, "doctor", "--json")
    found = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    for name in ("Python", "packages", "OpenCV", "codecs", "HDF5"):
        assert found[name]["state"] == "ok", found[name]
    assert found["SLURM"]["state"] == "note"


def test_bare_node_is_examined_to_the_end(bare_node: dict[str, str]) -> None:
    done = crisp(bare_node, "doctor")
    assert done.returncode == 1
    assert done.stderr == ""
    broken = next(line for line in done.stdout.splitlines() if "OpenCV" in line)
    assert "libGL.so.1" in broken
    assert all(remedy in done.stdout for remedy in ("apt-get install libgl1", "dnf install", "envs/headless"))
    assert "HDF5       2" in done.stdout


@pytest.mark.parametrize("arguments", [["frames", "v.mp4", "f.h5"], ["flow", "f.h5", "o.h5"]])
def test_every_verb_says_what_a_bare_node_lacks(bare_node: dict[str, str], arguments: list[str]) -> None:
    done = crisp(bare_node, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("crisp: libGL.so.1: this system library is missing; cv2 requires it")
    assert "libgl1" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_starts_on_a_bare_login_node(bare_node: dict[str, str]) -> None:
    """The check at the start needs no OpenCV: the jobs may run in a container that has it."""
    code = "import sys, crisp.workflow.onstart; sys.exit('cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=bare_node, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (NO_LIBGL, "libgl1"),
        ("libgthread-2.0.so.0: cannot open shared object file: No such file", "libglib2.0-0"),
        ("libxcb.so.1: cannot open shared object file: No such file", "libxcb1"),
        ("libstrange.so.7: cannot open shared object file: No such file", "the system package that holds it"),
    ],
)
def test_missing_library_has_a_remedy(text: str, found: str) -> None:
    fault = system_libraries.missing(ImportError(text))
    assert fault is not None
    assert fault.where == text.split(":")[0]
    assert found in fault.remedy


def test_other_import_errors_are_no_missing_library() -> None:
    assert system_libraries.missing(ImportError("cannot import name 'x' from 'y'")) is None


def test_both_builds_of_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    both = ("opencv-contrib-python", "opencv-contrib-python-headless")
    monkeypatch.setattr(doctor, "_installed", lambda package: "5" if package in both else "")
    finding = one("OpenCV")
    assert finding.state == "broken"
    assert finding.remedy.startswith("pip uninstall -y opencv-contrib-python opencv-contrib-python-headless,")


@pytest.mark.parametrize(
    ("package", "version", "state"),
    [
        ("torch", "2.13.0+cu999", "ok"),
        ("torch", "2.12.0", "broken"),
        ("tqdm", "", "broken"),
        ("opencv-contrib-python", "", "broken"),
    ],
)
def test_versions_against_pins(
    monkeypatch: pytest.MonkeyPatch, package: str, version: str, state: str
) -> None:
    found = doctor.pins() | {package: version}
    monkeypatch.setattr(doctor, "_installed", lambda name: found.get(name, ""))
    finding = one("packages")
    assert finding.state == state
    assert (package in finding.found) == (state == "broken")


def test_headless_build_counts_as_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctor.pins()
    found["opencv-contrib-python-headless"] = found.pop("opencv-contrib-python")
    monkeypatch.setattr(doctor, "_installed", lambda name: found.get(name, ""))
    assert one("packages").state == "ok"


def test_pins_of_an_installed_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Outside a clone there is no pyproject.toml; what pip recorded says the same."""
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "crisp" / "doctor.py"))
    monkeypatch.setattr(metadata, "requires", lambda _: ["torch==2.13.0", 'ruff==1; extra == "dev"'])
    assert doctor.pins() == {"torch": "2.13.0"}


@pytest.mark.parametrize(
    ("script", "state", "found"),
    [
        ("echo 'batch* up 3 (null)'; echo 'gpu up 1 gpu:a100:2'", "ok", "gpu (up, 1 nodes, gpu:a100:2)"),
        ("echo 'slurm_load_partitions: Unable to contact' >&2; exit 1", "broken", "Unable to contact"),
        ("exec sleep 60", "broken", "does not answer within 1 s"),
    ],
)
def test_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, state: str, found: str) -> None:
    command(tmp_path / "bin", "sinfo", script)
    command(tmp_path / "bin", "sbatch", "")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    monkeypatch.setattr(doctor, "SECONDS", 1)
    finding = one("SLURM")
    assert (finding.state, bool(finding.remedy)) == (state, state == "broken")
    assert found in finding.found


def test_slurm_without_sbatch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command(tmp_path / "bin", "sinfo", "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert one("SLURM")[1:3] == ("broken", "sinfo is installed, sbatch is not")


@pytest.mark.parametrize("asked", [False, True])
def test_absent_is_a_fault_only_where_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: bool
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for build in (None, "12.8"):
        cuda = SimpleNamespace(is_available=lambda: False)
        torch = SimpleNamespace(version=SimpleNamespace(cuda=build), __version__="2", cuda=cuda)
        monkeypatch.setitem(sys.modules, "torch", torch)
        found = {finding.check: finding for finding in doctor.examine_machine(gpu=asked, slurm=asked)}
        for name in ("GPU", "SLURM"):
            assert found[name].state == ("broken" if asked else "note")
            assert bool(found[name].remedy) == asked


def test_gpu_that_the_build_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with ...")

    cuda = SimpleNamespace(is_available=lambda: True)
    torch = SimpleNamespace(version=SimpleNamespace(cuda="12.8"), __version__="2", cuda=cuda, ones=refuse)
    monkeypatch.setitem(sys.modules, "torch", torch)
    finding = one("GPU")
    assert finding[1:3] == ("broken", "CUDA error: no kernel image is available")
    assert "build of the same torch" in finding.remedy


@pytest.mark.parametrize(("missing", "state"), [("av1", "note"), ("h264", "broken")])
def test_missing_decoder(monkeypatch: pytest.MonkeyPatch, missing: str, state: str) -> None:
    monkeypatch.setattr("av.codecs_available", set(doctor.DECODERS) - {missing})
    finding = one("codecs")
    assert (finding.state, finding.found) == (state, f"PyAV cannot decode {missing}")


def test_checksum_that_does_not_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_files, "read_rows", lambda *rows: np.zeros(rows[1:]))
    assert one("HDF5")[1:3] == ("broken", "a damaged byte is not detected")


def test_folders_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    assert one("scratch").state == "broken"
    assert one("results", results=tmp_path / "file").state == "broken"
    assert one("results", results=tmp_path / "new" / "folder").found.startswith(f"{tmp_path}: ")
