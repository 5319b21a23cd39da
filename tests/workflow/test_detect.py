"""Detection in the workflow: planned where it is asked for, and rerun by its settings alone."""

from __future__ import annotations

import json

import pytest

from crisp.study import tables
from crisp.study.tables import Annotation
from tests.workflow.conftest import Study

pytestmark = pytest.mark.slow


def with_detection(study: Study) -> None:
    rows = study.folder / "tables/annotations.tsv"
    row = Annotation("v3", "annotations/v3.xml", "detection", "test")
    tables.write_annotations(rows, [*tables.read_annotations(rows), row])


def test_untrimmed_videos_are_searched_and_settings_rerun_nothing_else(done: Study) -> None:
    with_detection(done)
    run = done.run()
    assert run.jobs["detect"] == 2
    model = done.folder / "results/studies/tiny/models/twin/main/seed-1"
    figures = json.loads((model / "detection.json").read_text())
    assert (figures["videos"], figures["strokes"]) == (["v3"], 5)
    assert done.run("-n").jobs == {}
    for change in ({"stride": 0.2}, {"shortest": 0.1}, {"smoothing": 0.5}):
        done.configure(detection=change)
        assert dict(done.run("-n").jobs) == {"detect": 2, "summary": 1}
    done.configure(detection={})
    (model / "detection.png").unlink()
    assert dict(done.run("-n").jobs) == {"detect": 1, "summary": 1}


def test_other_studies_have_no_such_job(study: Study) -> None:
    with_detection(study)
    assert study.run("-n").jobs["detect"] == 2
    rows = tables.read_annotations(study.folder / "tables/annotations.tsv")
    tables.write_annotations(
        study.folder / "tables/annotations.tsv",
        [Annotation(row.video, row.path, row.task, row.split) for row in rows if row.task != "detection"],
    )
    assert "detect" not in study.run("-n").jobs
