"""Run a command whom file permissions stop, also in tests that root runs."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

PR_CAPBSET_DROP = 24
OVERRIDES = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def _drop() -> None:
    if os.geteuid() == 0:
        for capability in OVERRIDES:
            ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def run(command: list[str], folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder; returns its exit code and output."""
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, preexec_fn=_drop
    )
