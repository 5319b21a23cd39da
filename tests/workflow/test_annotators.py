"""Several annotators in real Snakemake runs: merged labels train, and only their changes run again."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from crisp.study import tables
from crisp.study.annotations import read_annotation, write_annotation
from tests.workflow.conftest import Study
from tests.workflow.test_rerun import LABELS_ONWARD

TABLE = "tables/annotations.tsv"


def name_annotators(study: Study) -> None:
    """Name the annotator of all videos, and copy the files of the first to two others."""
    path = study.folder / TABLE
    rows = [replace(row, annotator="Anna") for row in tables.read_annotations(path)]
    of_first = [row for row in rows if row.video == "v1"]
    for name in ("Ben", "Carla"):
        write_annotation(study.xml(name), read_annotation(study.xml("v1")))
        rows += [replace(row, path=f"annotations/{name}.xml", annotator=name) for row in of_first]
    tables.write_annotations(path, rows)


def move(study: Study, name: str, frames: int) -> None:
    """Let the first stroke of an annotator begin later."""
    first, *rest = read_annotation(study.xml(name))
    write_annotation(study.xml(name), [first._replace(begin=first.begin + frames), *rest])


@pytest.mark.slow
def test_a_finished_study_gets_annotators(done: Study) -> None:
    name_annotators(done)
    refused = done.run("-n", check=False)
    assert refused.code != 0
    assert "several annotators, and no rule to merge their strokes" in refused.text
    done.configure(annotators={"merge": "majority"})
    planned = json.loads(done.crisp("plan", "--study", "study.yaml", "--json").stdout)
    assert [(row["rule"], row["jobs"]) for row in planned["rows"]] == [("agreement", 1)]
    run = done.run()
    assert dict(run.jobs) == {"agreement": 1}  # all three agree, so that the labels are those of before
    results = done.folder / "results/studies/tiny"
    assert json.loads((results / "agreement.json").read_text())["alpha"]["frames"]["value"] == 1
    with (results / "merged_labels.tsv").open() as file:
        origins = {
            (row["video"], row["rule"], row["annotators"]) for row in csv.DictReader(file, delimiter="\t")
        }
    assert origins == {
        ("v1", "majority", "Anna; Ben; Carla"),
        ("v2", "only", "Anna"),
        ("v3", "only", "Anna"),
    }
    assert dict(done.run("-n").jobs) == {}

    move(done, "Ben", 1)  # the other two still agree
    assert dict(done.run().jobs) == {"agreement": 1}
    move(done, "Carla", 2)
    assert dict(done.run("-n").jobs) == LABELS_ONWARD | {"agreement": 1, "quality": 1}
