"""Every job of a cluster parses the Snakefile: it loads no library that takes long."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.pages import ROOT

HEAVY = {"av", "cv2", "h5py", "matplotlib", "numba", "pandas", "scipy", "torch"}
IMPORT = re.compile(r"^from crisp[\w.]* import .*", re.MULTILINE)


def test_no_heavy_library_is_loaded() -> None:
    paths = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
    lines = [line for path in paths for line in IMPORT.findall(path.read_text())]
    assert len(lines) > 5
    command = "\n".join([*lines, f"import sys; print(*{HEAVY} & sys.modules.keys())"])
    loaded = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
