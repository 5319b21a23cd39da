"""What a test run says of tests that it cannot run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.pages import ROOT


def test_a_run_without_chromium_says_at_once_what_is_skipped(tmp_path: Path) -> None:
    pages, others = "tests/indexing/viewer/test_touch.py", "tests/core/test_names.py"
    command = [sys.executable, "-m", "pytest", "--collect-only", "-n", "0", pages, others]
    environment = {**os.environ, "PATH": str(tmp_path)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    told = re.search(r"no Chromium: (\d+) tests .* `sudo make browser`", done.stdout)
    assert told, done.stdout[:2000] + done.stderr
    assert done.stdout.index(told[0]) < done.stdout.index("collected")
    assert int(told[1]) > 5
    listed = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-n",
        "0",
        "-m",
        "browser",
        pages,
        others,
    ]
    found = subprocess.run(listed, cwd=ROOT, env=environment, capture_output=True, text=True).stdout
    assert found.count("test_touch.py::") == int(told[1])
    assert "test_names.py::" not in found
