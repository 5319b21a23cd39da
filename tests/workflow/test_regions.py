"""Regions in real Snakemake runs: frames and flow once a video, all else once a player."""

from __future__ import annotations

import csv
import json

import h5py
import hdf5plugin  # noqa: F401 the masks are compressed by its filter

from crisp.study.annotations import read_annotation, write_annotation
from tests.workflow.conftest import Study

REGIONS = "left=0,0,0.5,1; right=0.5,0,1,1"
ONWARD = {"strokes": 1, "split": 1, "training_samples": 1, "normalisation": 1, "train": 2, "evaluate": 2}


def regions(study: Study, name: str, given: str = REGIONS) -> None:
    """Give a video regions, and its strokes in turn to the players."""
    study.edit(name, regions=given)
    path = study.xml(name)
    strokes = [
        stroke._replace(player=("left", "right")[number % 2])
        for number, stroke in enumerate(read_annotation(path))
    ]
    write_annotation(path, strokes)


def test_a_finished_study_with_regions(done: Study) -> None:
    for name in ("v1", "v3"):
        regions(done, name)
    run = done.run()
    # The frames and the flow are those of before.
    assert dict(run.jobs) == ONWARD | {"roi": 4, "quality": 4, "summary": 1}
    volumes = done.folder / "results/volumes/tiny"
    assert sorted(path.name for path in (volumes / "v1/roi").iterdir()) == [
        "dis.h5",  # of before; unused
        "dis@left.h5",
        "dis@right.h5",
    ]
    with h5py.File(volumes / "v1/v1.h5") as volume:
        shape = volume["rgb"].shape[:3]
        left, right = volume["mask@left"][:], volume["mask@right"][:]
        assert left.shape == right.shape == shape
        assert not left[..., shape[2] // 2 :].any()
        assert not right[..., : shape[2] // 2].any()
        assert (volume["roi/dis@left"][..., 0] <= shape[2] / 2).all()
        assert (volume["roi/dis@right"][..., 0] >= shape[2] / 2).all()
    results = done.folder / "results/studies/tiny"
    assert {path.name for path in (results / "videos").glob("v[13]@*.png")} == {
        f"{video}@{side}.png" for video in ("v1", "v3") for side in ("left", "right")
    }
    with (results / "models/rgb/main/seed-1/predictions.csv").open() as file:
        assert {row["video"] for row in csv.DictReader(file)} == {"v3@left", "v3@right"}
    with (results / "strokes.tsv").open() as file:
        videos = {row["video"] for row in csv.DictReader(file, delimiter="\t")}
    assert videos == {"v1@left", "v1@right", "v2", "v3@left", "v3@right"}
    assert dict(done.run("-n").jobs) == {}

    # Another box of a test player: its own ROI, and what is predicted from it.
    done.edit("v3", regions="left=0,0,0.5,1; right=0.6,0,1,1")
    assert dict(done.run("-n").jobs) == {"roi": 1, "quality": 1, "evaluate": 2, "summary": 1}
    done.edit("v3", regions=REGIONS)

    # The other player strikes: labels only.
    path = done.xml("v3")
    first, *rest = read_annotation(path)
    write_annotation(path, [first._replace(player="right"), *rest])
    planned = dict(done.run("-n").jobs)
    assert {"strokes", "evaluate"} <= planned.keys()
    assert not {"frames", "flow", "roi", "train"} & planned.keys()


def test_plan_counts_the_jobs_of_regions(study: Study) -> None:
    regions(study, "v1")
    said = study.crisp("plan", "--study", "study.yaml", "--json")
    assert said.returncode == 0, said.stderr
    counted: dict[str, int] = {}
    for row in json.loads(said.stdout)["rows"]:
        counted[row["rule"]] = counted.get(row["rule"], 0) + row["jobs"]
    assert counted == dict(study.run("-n").jobs)
    assert (counted["frames"], counted["flow"], counted["roi"]) == (3, 3, 4)


def test_player_without_region_stops_the_run(study: Study) -> None:
    regions(study, "v1")
    write_annotation(study.xml("v1"), [read_annotation(study.xml("v1"))[0]._replace(player="Cleo")])
    run = study.run(check=False)
    assert run.code != 0
    assert "stroke of a player whom the video does not have" in run.text
    assert "Traceback" not in run.text
    assert not (study.folder / "results/volumes/tiny/v1/frames.h5").exists()
