"""The pages of the documentation, and the commands that they tell people to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "config").glob("*.md")])
BETWEEN = {"&&", "||", "|", ";", "&"}


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block of a page, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def lines(block: str) -> list[str]:
    """The command lines of a shell block, those that go on after a backslash as one."""
    return [line for line in block.replace("\\\n", " ").splitlines() if shlex.split(line, comments=True)]


def commands(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, those of a job's ``--wrap`` too."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    command: list[str] = []
    for word in [*lexer, ";"]:
        if word not in BETWEEN:
            command.append(word)
        elif command:
            yield command
            if "--wrap" in command:
                yield from commands(command[command.index("--wrap") + 1])
            command = []
