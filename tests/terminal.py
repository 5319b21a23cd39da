"""A clone of this repository and a terminal in it, to type the documentation's commands in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.pages import ROOT


class Terminal:
    """A home folder with the clone ``crisp`` in it.

    Two things differ from what a person does: the clone is a copy of this working tree, and its virtual
    environment is that of the tests.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clone = home / "crisp"
        self._stay: list[str] = []
        _copy(self.clone)

    def type(self, lines: list[str], folder: str = ".") -> str:
        """Type lines one after the other, in a folder of the home; what they print.

        Where ``cd`` leads, and an environment that is activated, stay for the next time.
        """
        script = "\n".join(["set -e", *self._stay, *lines, ":"])  # bash stays till the end, as in a terminal
        env = {**os.environ, "HOME": str(self.home), "PYTHONPATH": str(self.clone), "CORES": "2"}
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.home / folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=3000,
        )
        assert done.returncode == 0, "\n".join(lines) + done.stdout[-3000:] + done.stderr[-3000:]
        self._stay += [line for line in lines if line.startswith(("cd ", "source "))]
        return done.stdout + done.stderr


def _copy(folder: Path) -> None:
    """What ``git clone`` gives, with the environment that ``make`` would set up."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    (folder / ".venv").mkdir()
    (folder / ".venv/bin").symlink_to(Path(sys.executable).parent)
    (folder / ".venv/installed").touch()


def commit(folder: Path) -> None:
    """Make the copy a repository whose working tree has no changes."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "-m", "clone"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
