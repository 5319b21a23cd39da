"""Files of any name: Snakemake's patterns, the shell's signs and other alphabets are names like others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import h5py
import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.io import contains_wildcard
from snakemake.pathvars import PATHVAR_REGEX

from crisp.core import names
from crisp.study import tables
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.tables import Annotation
from tests.workflow.conftest import CLASSES, Study, build, scanned

FOLDER = "study {video} <results> $HOME %d [a-z]* 'it''s' \"q\" é"
NAMES = (
    "match {final}.mp4",
    "{video}.mp4",
    "<results>.mp4",
    "match <final>.mp4",
    "$HOME `id` %s \\n.mp4",
    "a[0-9]*?.mp4",
    'it\'s "quoted" & more; (x) | y.mp4',
    " .hidden -x\u00e9 \u5353\u7403 .mp4",
    "-n.mp4",
)


def write(study: Study, make_video, *names: str) -> list[str]:
    """Give a study these videos and annotation files; the hash of each."""
    rows = []
    for number, name in enumerate(names, 1):
        path = make_video(study.folder / "data/tiny" / name, frames=60, seed=number)
        rows.append(replace(scanned(path), video=f"v{number}"))
        strokes = [Stroke(begin, begin + 6, CLASSES[begin // 8 % 2]) for begin in range(0, 40, 8)]
        write_annotation(study.folder / "tables" / f"{name}.xml", strokes)
    table = [
        Annotation(row.video, f"{row.path}.xml", "classification", tables.SPLITS[number % 3])
        for number, row in enumerate(rows)
    ]
    tables.write_videos(study.folder / "tables/videos.tsv", rows)
    tables.write_annotations(study.folder / "tables/annotations.tsv", table)
    return [row.sha256 for row in rows]


@pytest.mark.slow
def test_each_video_is_its_own(tmp_path: Path, make_video) -> None:
    (tmp_path / FOLDER).mkdir()
    study = build(tmp_path / FOLDER, make_video)
    hashes = write(study, make_video, *NAMES)
    assert study.crisp("check", "--study", "study.yaml").stderr == ""
    wanted = {"frames": len(NAMES), "strokes": 1}
    assert dict(study.run("-n", "--until", "strokes").jobs) == wanted
    assert dict(study.run("--until", "strokes").jobs) == wanted
    for number, sha256 in enumerate(hashes, 1):
        with h5py.File(study.stage_file(f"v{number}", "frames.h5")) as file:
            assert file.attrs["source_sha256"] == sha256
    assert study.run("-n", "--until", "strokes").jobs == Counter()
    # A change of such a video or annotation is seen, too.
    xml = study.folder / "tables" / f"{NAMES[0]}.xml"
    write_annotation(xml, read_annotation(xml)[1:])
    assert dict(study.run("-n", "--until", "strokes").jobs) == {"strokes": 1}


def test_every_name_is_planned(tmp_path: Path, make_video) -> None:
    study = build(tmp_path, make_video)
    write(study, make_video, *NAMES)
    assert study.run("-n", "--until", "strokes").jobs["frames"] == len(NAMES)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0")))
def test_plain_names_are_no_patterns_of_snakemakes(name: str) -> None:
    if contains_wildcard(name) or PATHVAR_REGEX.search(name):
        assert not names.plain(name)
    else:
        assert names.plain(name) or {"{", "}"} <= set(name) or {"<", ">"} <= set(name)


def test_a_locale_that_cannot_write_a_name_is_one_message(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "M\u00fcller.mp4"
    (study.folder / "data/tiny/v1.mp4").rename(study.folder / "data/tiny" / name)
    study.edit("v1", path=name)
    for key, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(key, value)
    run = study.run("-n", check=False)
    assert run.code == 1
    assert "'data/tiny/M\\xfcller.mp4': file name cannot be encoded in this locale" in run.text
    assert "Traceback" not in run.text
    monkeypatch.setenv("PYTHONUTF8", "1")  # the remedy
    assert study.run("-n").jobs["frames"] == 3
