"""Check that this machine meets CRISP's requirements: one finding per check, each with its remedy.

Every library is imported inside its check, so that one that cannot be loaded does not stop the others.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from crisp import __version__
from crisp.core import system_libraries
from crisp.core.errors import CrispError
from crisp.core.signals import provisional

OK, NOTE, BROKEN = "ok", "note", "broken"
DECODERS = ("h264", "hevc", "vp9", "av1", "mpeg4", "mjpeg", "prores", "rawvideo")
USUAL_DECODER = "h264"  # used by nearly every camera; other missing decoders are a note
OPENCV = tuple(
    f"opencv{contrib}-python{headless}" for contrib in ("-contrib", "") for headless in ("", "-headless")
)
LEAST_FREE = 5e9  # bytes; about the stage files of ten minutes of video
SECONDS = 20  # timeout for SLURM


class Finding(NamedTuple):
    """Result of a check: `state` is ok, note (fine unless required) or broken."""

    check: str
    state: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<7} {self.check:<10} {self.found}"
        return f"{line}\n{'':<19}remedy: {self.remedy}" if self.remedy else line


def examine_machine(gpu: bool = False, slurm: bool = False, results: str | Path = "results") -> list[Finding]:
    """Check this machine.

    Parameters
    ----------
    gpu, slurm : bool
        Whether their absence is a fault.
    results : path-like
        Folder for results; it need not exist.

    Returns
    -------
    list of Finding
        One per check.
    """
    checks: dict[str, Callable[[], Finding]] = {
        "Python": _python,
        "packages": _packages,
        "OpenCV": _opencv,
        "GPU": lambda: _gpu(gpu),
        "codecs": _codecs,
        "HDF5": _hdf5,
        "SLURM": lambda: _slurm(slurm),
        "scratch": lambda: _folder("scratch", os.environ.get("TMPDIR") or "/tmp", "set TMPDIR to a folder"),
        "results": lambda: _folder("results", results, "work in a folder"),
    }
    return [_found(name, check) for name, check in checks.items()]


def _found(name: str, check: Callable[[], Finding]) -> Finding:
    """Run a check; report a library that cannot be loaded as a finding."""
    try:
        return check()
    except (ImportError, OSError, CrispError) as error:
        fault = system_libraries.missing(error) if isinstance(error, ImportError) else None
        if fault:
            return Finding(name, BROKEN, f"{fault.where}: {fault.what}", fault.remedy)
        return Finding(name, BROKEN, str(error).splitlines()[0], _REINSTALL)


_REINSTALL = 'make a new environment: python3 -m venv .venv && .venv/bin/pip install -e "."'


def _python() -> Finding:
    # Python older than 3.11 never gets here: the first import of this module fails.
    return Finding("Python", OK, f"{sys.version.split()[0]} at {sys.executable}, crisp {__version__}")


def pins() -> dict[str, str]:
    """Return the pinned version of every required package, from the clone or from the installed metadata."""
    project = Path(__file__).parents[2] / "pyproject.toml"
    if project.exists():
        lines = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    else:
        lines = [line for line in metadata.requires("crisp-sport") or () if ";" not in line]
    return dict(line.split("==") for line in lines)


def _installed(package: str) -> str:
    """Return the version of an installed package; empty if there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _packages() -> Finding:
    wanted = pins()
    wrong = []
    for package, version in wanted.items():
        found = _installed(package)
        if not found and package in OPENCV:
            found = _installed(f"{package}-headless")  # the same module without GUI
        # The part behind + is the build (cpu, cu128), not the version.
        if found.split("+")[0] != version:
            wrong.append(f"{package} {found or '(none)'}, not {version}")
    if wrong:
        return Finding("packages", BROKEN, "; ".join(wrong), _REINSTALL)
    return Finding("packages", OK, f"{len(wanted)} as pinned")


def _opencv() -> Finding:
    builds = [build for build in OPENCV if _installed(build)]
    if len(builds) > 1:
        return Finding(
            "OpenCV",
            BROKEN,
            f"{' and '.join(builds)} are installed, which overwrite each other's files",
            f"pip uninstall -y {' '.join(builds)}, then install one of them again, of the pinned version",
        )
    cv2 = importlib.import_module("cv2")
    if not hasattr(cv2, "optflow"):
        remedy = f"pip uninstall -y {' '.join(builds)}, then install opencv-contrib-python as pinned"
        return Finding("OpenCV", BROKEN, "a build without the contrib modules (cv2.optflow)", remedy)
    return Finding("OpenCV", OK, f"{cv2.__version__}, {builds[0] if builds else 'of unknown origin'}")


def _gpu(needed: bool) -> Finding:
    torch = importlib.import_module("torch")
    state = BROKEN if needed else NOTE
    driver = shutil.which("nvidia-smi") is not None
    if torch.version.cuda is None:
        found = f"torch {torch.__version__} is the CPU build"
        remedy = "install the build of the same torch for your CUDA, as envs/crisp.yaml says"
        return Finding("GPU", state, found, remedy if driver or needed else "")
    if not torch.cuda.is_available():
        why = "a driver is installed, but no GPU was allocated to this job" if driver else "no NVIDIA driver"
        remedy = "request a GPU (sbatch --gpus=1 or --gres=gpu:1), or log in to a node with one"
        return Finding("GPU", state, f"torch {torch.__version__} sees none: {why}", remedy if needed else "")
    return _gpu_works(torch)


def _gpu_works(torch: ModuleType) -> Finding:
    """Run a computation: a GPU too old or too new for the build is listed, but fails at the first one."""
    try:
        torch.ones(2, device="cuda").sum().item()
    except RuntimeError as error:
        remedy = (
            "install the build of the same torch for the CUDA version that this GPU and its driver support"
        )
        return Finding("GPU", BROKEN, str(error).splitlines()[0], remedy)
    found = torch.cuda.get_device_properties(0)
    size = found.total_memory / 1e9
    use = "also computes flow with preparation.flow_backend: gpu"
    return Finding("GPU", OK, f"{found.name}, {size:.0f} GB, torch {torch.__version__}; {use}")


def _codecs() -> Finding:
    av = importlib.import_module("av")
    missing = [name for name in DECODERS if name not in av.codecs_available]
    if missing:
        state = BROKEN if USUAL_DECODER in missing else NOTE
        remedy = "pip install --force-reinstall av of the pinned version; or convert such videos to H.264"
        return Finding("codecs", state, f"PyAV cannot decode {', '.join(missing)}", remedy)
    return Finding("codecs", OK, f"PyAV {av.__version__} decodes {', '.join(DECODERS)}")


def _hdf5() -> Finding:
    """Write, read and damage a stage file: the checksum must detect it."""
    import h5py
    import numpy as np

    from crisp.core import stage_files

    values = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder, provisional(Path(folder)):
        path = Path(folder) / "frames.h5"
        with stage_files.create(path, "frames", {"fps": 25.0}) as file:
            rows = stage_files.Appender(file, "rgb", values.shape[1:], "u1", len(values))
            rows.append(values)
            rows.close()
        with stage_files.open_stage(path, "frames") as file:
            same = np.array_equal(file["rgb"], values)
            place = file["rgb"].id.get_chunk_info(0)
        with open(path, "r+b") as raw:
            raw.seek(place.byte_offset + place.size // 2)
            byte = raw.read(1)[0]
            raw.seek(-1, os.SEEK_CUR)
            raw.write(bytes([byte ^ 255]))
        with stage_files.open_stage(path, "frames") as file:
            try:
                stage_files.read_rows(file["rgb"], 0, len(values))
                noticed = False
            except CrispError:
                noticed = True
    if not (same and noticed):
        found = "a damaged byte is not detected" if same else "values do not read back as written"
        return Finding("HDF5", BROKEN, found, _REINSTALL)
    version = h5py.version.hdf5_version
    return Finding("HDF5", OK, f"{version}: Zstandard reads back, fletcher32 detects a damaged byte")


def _slurm(needed: bool) -> Finding:
    if not shutil.which("sinfo"):
        remedy = "load the site's SLURM module, or log in to a node that has sinfo and sbatch"
        return Finding(
            "SLURM", BROKEN if needed else NOTE, "SLURM is not installed", remedy if needed else ""
        )
    if not shutil.which("sbatch"):
        return Finding(
            "SLURM", BROKEN, "sinfo is installed, sbatch is not", "install SLURM's client commands"
        )
    asks = "run sinfo and scontrol ping; if they fail too, contact the site's administrators"
    try:
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%R %a %D %G"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding("SLURM", BROKEN, f"sinfo does not answer within {SECONDS} s", asks)
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        return Finding("SLURM", BROKEN, f"sinfo fails: {told[0]}", asks)
    parts = []
    for line in done.stdout.splitlines():
        name, state, nodes, resources = line.split(maxsplit=3)
        gpus = f", {resources}" if "gpu" in resources else ""
        parts.append(f"{name} ({state}, {nodes} nodes{gpus})")
    return Finding("SLURM", OK, "; ".join(parts) or "responds, but has no partition")


def _folder(name: str, path: str | Path, what: str) -> Finding:
    """Check that a folder is writable; if it does not exist, its nearest existing parent."""
    folder = Path(path).absolute()
    while name == "results" and not folder.exists():
        folder = folder.parent
    remedy = f"{what} that you can write to"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(2**20))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Finding(name, BROKEN, f"{folder}: {error.strerror}", f"{remedy}, or free some space or quota")
    free = shutil.disk_usage(folder).free
    found = f"{folder}: {free / 1e9:,.0f} GB free (a quota may allow less)"
    if free < LEAST_FREE:
        return Finding(name, NOTE, found, "crisp plan estimates what a study needs")
    return Finding(name, OK, found)
