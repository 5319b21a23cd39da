"""Hooks of mkdocs.yml: the site has the folders of the repository, so that a link is right in both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PATHS = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md"),
    *("LICENSE", "CITATION.cff", "envs/crisp.def", "envs/headless.yaml", "docs/site.css"),
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").glob("*.md"))),
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs/pictures").iterdir())),
]
API, LISTED = "docs/api.md", re.compile(r"^- `(crisp\.[\w.]+)`$", re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """Replace the files of docs/ with those of PATHS, named by their place in the repository."""
    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)
    for path in PATHS:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace each name that the API page lists with its documentation; a search ranks other pages higher."""
    if page.file.src_uri != API:
        return markdown
    page.meta["search"] = {"boost": 0.5}
    return LISTED.sub(r"::: \1", markdown)
