"""What computed the flow: read from the files, mixtures found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crisp.core import stage_files
from crisp.report import provenance
from crisp.report.provenance import Maker
from crisp.study import config, load, tables
from tests import stagefiles
from tests.trainable import CONTENT

VIDEOS = ("a", "b", "c")


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Study:
    """A study of three videos, of which two have flow."""
    monkeypatch.chdir(tmp_path)
    rows = [tables.VideoRow(name, f"{name}.mp4", 1, 5, "0" * 64, 120) for name in VIDEOS]
    tables.write_videos(Path("videos.tsv"), rows)
    Path("annotations.tsv").write_text("video\tpath\ttask\tsplit\n")
    made = load.resolve_study(CONTENT)
    for name in VIDEOS[:2]:
        stagefiles.write(made.volumes / name, np.zeros((5, 8, 8, 3), np.uint8))
        set_backend(made, name, "cpu", "opencv 1, numba 2")
    return made


def set_backend(made: config.Study, video: str, backend: str, versions: str) -> None:
    with stage_files.h5py.File(made.stage_file(video, "flow", stagefiles.METHOD), "r+") as file:
        file.attrs.update({"backend": backend, "versions": versions})


def test_videos_of_one_maker(prepared: config.Study) -> None:
    makers = provenance.flow_makers(prepared)
    assert makers == {Maker(stagefiles.METHOD, "cpu", "opencv 1, numba 2"): ["a", "b"]}
    assert provenance.mixed_methods(makers) == []


@pytest.mark.parametrize("other", [("opencv", "opencv 1"), ("cpu", "opencv 1, numba 3")])
def test_mixtures_are_found_and_listed(prepared: config.Study, other: tuple[str, str]) -> None:
    set_backend(prepared, "b", *other)
    makers = provenance.flow_makers(prepared)
    assert makers[Maker(stagefiles.METHOD, *other)] == ["b"]
    assert provenance.mixed_methods(makers) == [stagefiles.METHOD]
    provenance.write_flow_page("flow.html", makers)
    page = Path("flow.html").read_text(encoding="utf-8")
    for words in ("opencv 1, numba 2", *other, stagefiles.METHOD):
        assert f">{words}<" in page
