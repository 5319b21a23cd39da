"""What runs again after a change, and nothing else: counted in real Snakemake runs."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from crisp.study import tables
from crisp.study.annotations import read_annotation, write_annotation
from tests.workflow.conftest import FRAMES, ROOT, SPLITS, Study, add_video

PAGE = ROOT / "docs/results.md"
COUNT = len(SPLITS)
ONE_VIDEO = {"frames": 1, "flow": 1, "roi": 1, "quality": 1}
TESTED_ANEW = {"strokes": 1, "split": 1, "evaluate": 2, "summary": 1}
LABELS_ONWARD = TESTED_ANEW | {"training_samples": 1, "normalisation": 1, "train": 2}
SAMPLES = ("strokes", "split", "training_samples")
TRAIN, VALIDATION, TEST = "v1", "v2", "v3"


def planned(folder: Study, *arguments: str, **options: str) -> dict[str, int]:
    """Jobs per rule of a dry run."""
    return dict(folder.run("-n", *arguments, **options).jobs)


def older(path: Path) -> None:
    """Date a file back by a day."""
    past = time.time() - 86400
    os.utime(path, (past, past))


def relabel(path: Path) -> None:
    """Give the first stroke of a file the class of the second."""
    first, second, *rest = read_annotation(path)
    write_annotation(path, [first._replace(label=second.label), second, *rest])


def lengthen(path: Path) -> None:
    """Let the first stroke of a file end a frame later."""
    first, *rest = read_annotation(path)
    write_annotation(path, [first._replace(end=first.end + 1), *rest])


def drop(path: Path) -> None:
    """Take the last stroke out of a file."""
    write_annotation(path, read_annotation(path)[:-1])


@pytest.mark.parametrize(
    ("changed", "rules"),
    [
        ("a test stroke: its class or bounds, added or removed", {*TESTED_ANEW, "quality"}),
        ("a training stroke", {*LABELS_ONWARD, "quality"}),
        ("a validation stroke", {*LABELS_ONWARD, "quality"}),
        ("a new test video", {*ONE_VIDEO, *TESTED_ANEW}),
        ("a new training or validation video", {*ONE_VIDEO, *LABELS_ONWARD}),
    ],
)
def test_documented_as_tested_here(changed: str, rules: set[str]) -> None:
    rows = dict(re.findall(r"^\| (.+) \| (`strokes`.*|`frames`.*) \|$", PAGE.read_text(), re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows[changed])) == rules


def test_fresh_clone_plans_everything_and_computes_nothing(study: Study) -> None:
    run = study.run("-n")
    assert dict(run.jobs) == dict.fromkeys(ONE_VIDEO, COUNT) | LABELS_ONWARD
    assert not (study.folder / "results").exists()


def test_plan_counts_the_jobs_that_snakemake_plans(study: Study) -> None:
    said = study.crisp("plan", "--study", "study.yaml", "--json")
    assert said.returncode == 0, said.stderr
    counted: Counter[str] = Counter()
    for row in json.loads(said.stdout)["rows"]:
        counted[row["rule"]] += row["jobs"]
    assert dict(counted) == planned(study)


def test_nothing_changed_runs_nothing(finished: Study) -> None:
    assert planned(finished) == {}


def test_results_tell_of_the_data_and_of_the_run(finished: Study) -> None:
    results = finished.folder / "results/studies/tiny"
    for name in ("videos/v1.png", "samples.png", "curves.png", "confusions/rgb.png", "confusions/twin.png"):
        assert (results / name).read_bytes()[:4] == b"\x89PNG", name
    row = '<td class="left" data-name="Rule">train</td><td data-name="Jobs">2</td>'
    assert row in (results / "run_times.html").read_text()
    assert ">preparation.width<" in (results / "study.html").read_text()
    suspects = (results / "label_errors.tsv").read_text().splitlines()
    assert {line.split("\t")[2] for line in suspects[1:]} == {"v3"}


def test_touched_files_run_nothing(done: Study) -> None:
    for path in (done.xml("v1"), done.folder / "data/tiny/v1.mp4", done.folder / "tables/videos.tsv"):
        path.touch()
    run = done.run()  # a real run: the check hashes the touched video
    assert dict(run.jobs) == {}


def test_white_space_and_comments_in_an_xml_run_nothing(done: Study) -> None:
    text = done.xml("v1").read_text().replace("<action", "\n\n  <!-- checked twice -->  <action")
    done.xml("v1").write_text(text)
    assert planned(done) == {}


def test_moved_data_and_moved_folder_run_nothing(done: Study) -> None:
    elsewhere = done.folder / "elsewhere"
    (done.folder / "data/tiny").rename(elsewhere)
    (done.folder / "data/tiny").symlink_to(elsewhere)
    moved = done.folder.with_name("moved")
    done.folder.rename(moved)
    elsewhere = moved / "elsewhere"
    (moved / "data/tiny").unlink()
    (moved / "data/tiny").symlink_to(elsewhere)
    assert dict(Study(moved).run().jobs) == {}


def test_only_a_video_of_changed_pictures_is_prepared_again(done: Study) -> None:
    path = done.folder / "tables/videos.tsv"
    first, *others = tables.read_videos(path)
    tables.write_videos(path, [replace(first, picture="PQ (HDR): converted to SDR"), *others])
    assert planned(done)["frames"] == 1


def test_worker_count_runs_nothing(done: Study) -> None:
    done.configure(training={**done.config["training"], "workers": 2})
    assert planned(done, "-j", "7") == {}


@pytest.mark.parametrize(
    ("edit", "video", "expected"),
    [
        (relabel, TRAIN, LABELS_ONWARD),
        (lengthen, TRAIN, LABELS_ONWARD),
        (relabel, VALIDATION, LABELS_ONWARD),
        (lengthen, VALIDATION, LABELS_ONWARD),
        (relabel, TEST, TESTED_ANEW),
        (lengthen, TEST, TESTED_ANEW),
        (drop, TEST, TESTED_ANEW),
    ],
)
def test_annotation_edit_reruns_what_depends_on_it_and_its_videos_picture_only(
    done: Study, edit, video: str, expected: dict
) -> None:
    edit(done.xml(video))
    run = done.run("-n")
    assert dict(run.jobs) == expected | {"quality": 1}
    assert re.findall(r"output: results/studies/tiny/videos/(\w+)\.png", run.text) == [video]


def test_dates_of_a_corrected_annotation_play_no_part(done: Study) -> None:
    relabel(done.xml(TEST))
    older(done.xml(TEST))
    assert planned(done) == TESTED_ANEW | {"quality": 1}


@pytest.mark.parametrize(
    ("split", "expected"), [("test", TESTED_ANEW), ("train", LABELS_ONWARD), ("validation", LABELS_ONWARD)]
)
def test_new_video_is_prepared_and_trains_nothing_if_it_is_tested(
    done: Study, make_video, split: str, expected: dict
) -> None:
    add_video(done, make_video, split)
    assert planned(done) == ONE_VIDEO | expected


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"method": "by_video", "folds": 3}, {"method": "leave_one_group_out"}])
def test_models_of_the_fold_that_tests_a_label_are_kept(done: Study, how: dict) -> None:
    done.configure(split=how, variants=[{"name": "rgb", "model": "rgb"}])
    done.run()
    relabel(done.xml("v1"))
    anew = {"split": 3, "training_samples": 2, "train": 2, "evaluate": 3, "quality": 1}
    assert planned(done) == TESTED_ANEW | anew


@pytest.mark.slow
def test_a_test_label_corrected_keeps_the_models_and_changes_the_figures(done: Study) -> None:
    model = done.folder / "results/studies/tiny/models/twin/main/seed-1"
    trained, tested = (model / "model.pt").read_bytes(), (model / "predictions.csv").read_text()
    relabel(done.xml(TEST))
    assert dict(done.run().jobs) == TESTED_ANEW | {"quality": 1}
    assert (model / "model.pt").read_bytes() == trained
    assert (model / "predictions.csv").read_text() != tested
    assert planned(done) == {}


@pytest.mark.slow
def test_edits_and_a_new_video_really_run_settle_and_give_what_a_fresh_study_gives(
    done: Study, study: Study, make_video
) -> None:
    results = Path("results/studies/tiny")
    split, model = results / "splits/main.tsv", results / "models/twin/main/seed-1"
    before = (done.folder / split).read_text().splitlines()
    for each in (done, study):
        add_video(each, make_video, "train")
        relabel(each.xml("v1"))
        older(each.xml("v1"))
    assert dict(done.run().jobs) == ONE_VIDEO | LABELS_ONWARD | {"quality": 2}
    assert planned(done) == {}
    after = (done.folder / split).read_text().splitlines()
    assert [line for line in after if not line.startswith("v4:")] == before
    study.run((model / "metrics.json").as_posix())
    stages = [path.relative_to(study.folder) for path in study.folder.glob("results/volumes/*/*/**/*.h5")]
    assert len(stages) == 4 * (COUNT + 1)
    compared = [model / name for name in ("metrics.json", "predictions.csv", "history.csv", "model.pt")]
    for path in (*compared, *stages):
        assert (done.folder / path).read_bytes() == (study.folder / path).read_bytes(), path


@pytest.mark.parametrize("when", ["newer", "older"])
def test_replaced_video_stops_the_run_until_scanned(done: Study, make_video, when: str) -> None:
    path = make_video(done.folder / "data/tiny/v1.mp4", frames=FRAMES, seed=9)
    if when == "older":
        older(path)
    run = done.run(check=False)
    assert run.code != 0
    assert "v1.mp4" in run.text
    assert "crisp scan" in run.text
    assert "Traceback" not in run.text
    assert not run.jobs
    scanned = done.crisp("scan", "--study", "study.yaml", "v1")
    assert scanned.returncode == 0, scanned.stderr
    assert planned(done) == ONE_VIDEO | LABELS_ONWARD


def test_replacement_of_equal_size_is_noticed(done: Study) -> None:
    path = done.folder / "data/tiny/v1.mp4"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    run = done.run(check=False)
    assert run.code != 0
    assert "crisp scan" in run.text


@pytest.mark.parametrize("key", ["alpha", "threshold"])
def test_roi_parameter_reruns_roi_and_after(done: Study, key: str) -> None:
    done.configure(preparation={**done.config["preparation"], "roi": {key: 0.5}})
    jobs = planned(done)
    after = {name: count for name, count in LABELS_ONWARD.items() if name not in SAMPLES}
    assert jobs == {"roi": COUNT, "quality": COUNT} | after


def test_added_flow_method_prepares_it_alone(done: Study) -> None:
    done.configure(preparation={**done.config["preparation"], "flow_methods": ["dis", "farneback"]})
    assert planned(done) == {"flow": COUNT, "roi": COUNT}


@pytest.mark.slow
def test_volume_holds_what_is_prepared(done: Study) -> None:
    """The ROI jobs write it, with an added method, too; a deleted one comes back."""
    assert members(done) == ["flow/dis", "flow_stats/dis", "mask", "rgb", "roi/dis"]
    done.configure(preparation={**done.config["preparation"], "flow_methods": ["dis", "farneback"]})
    done.run()
    assert {"flow/dis", "flow/farneback", "roi/dis", "roi/farneback"} < set(members(done))
    done.stage_file("v1", "v1.h5").unlink()
    assert dict(done.run().jobs) == {"volume": 1}
    assert {"flow/dis", "flow/farneback", "roi/dis", "roi/farneback"} < set(members(done))


def members(study: Study) -> list[str]:
    """Datasets that open through the volume of the first video."""
    with h5py.File(study.stage_file("v1", "v1.h5"), "r") as file:
        found: list[str] = []
        file.visit_links(lambda name: found.append(name) if isinstance(file[name], h5py.Dataset) else None)
        return sorted(found)


def test_added_variant_and_seed_train_alone(done: Study) -> None:
    variants = done.config["variants"]
    done.configure(variants=[*variants, {"name": "flow", "model": "flow"}])
    assert planned(done) == {"train": 1, "evaluate": 1, "summary": 1}
    done.configure(variants=variants, seeds=[1, 2])
    assert planned(done) == {"train": 2, "evaluate": 2, "summary": 1}


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("frames.h5", ONE_VIDEO | LABELS_ONWARD),
        ("flow/dis.h5", {"flow": 1, "roi": 1, "quality": 1} | LABELS_ONWARD),
        ("roi/dis.h5", {"roi": 1, "quality": 1} | LABELS_ONWARD),
        ("v1.h5", {"volume": 1}),
    ],
)
def test_deleted_stage_file_comes_back_with_what_follows(done: Study, stage: str, expected: dict) -> None:
    done.stage_file("v1", stage).unlink()
    if stage not in ("frames.h5", "v1.h5"):
        expected = {rule: count for rule, count in expected.items() if rule not in SAMPLES}
        # The rgb variant takes the ROI, too; only the flow stage file itself is none of its inputs.
    assert planned(done) == expected


def test_stage_file_of_a_test_video_trains_nothing(done: Study) -> None:
    done.stage_file(TEST, "roi/dis.h5").unlink()
    assert planned(done) == {"roi": 1, "quality": 1, "evaluate": 2, "summary": 1}


def test_redo_starts_a_video_from_a_stage(done: Study) -> None:
    assert done.crisp("redo", "--study", "study.yaml", "--from", "roi", "v2").returncode == 0
    assert not done.stage_file("v2", "roi/dis.h5").exists()
    jobs = planned(done)
    assert jobs["roi"] == 1
    assert not {"frames", "flow", "volume"} & set(jobs)
    assert done.crisp("redo", "--study", "study.yaml", "--from", "volume", "v3").returncode == 0
    assert planned(done)["volume"] == 1


@pytest.mark.slow
def test_pictures_of_videos_are_as_many_as_asked_for(done: Study, study: Study) -> None:
    for count in (0, 1):
        study.configure(report={"videos": count})
        assert planned(study).get("quality", 0) == count
    done.configure(report={"videos": 0})
    assert planned(done) == {}
    (done.folder / "results/studies/tiny/videos/v1.png").unlink()
    assert planned(done) == {}
    assert planned(done, "results/studies/tiny/videos/v1.png") == {"quality": 1}


def test_flow_backend_changed_runs_nothing(done: Study) -> None:
    done.configure(preparation={**done.config["preparation"], "flow_backend": "opencv"})
    assert planned(done) == {}


def test_another_study_on_the_same_dataset_prepares_nothing(done: Study) -> None:
    (done.folder / "other.yaml").write_text(
        (done.folder / "study.yaml").read_text().replace("study: tiny", "study: other")
    )
    assert planned(done, study="other.yaml") == LABELS_ONWARD | {"quality": COUNT}


def test_another_study_with_other_preparation_is_refused(done: Study) -> None:
    text = (done.folder / "study.yaml").read_text()
    (done.folder / "other.yaml").write_text(
        text.replace("study: tiny", "study: other").replace("width: 48", "width: 32")
    )
    run = done.run(study="other.yaml", check=False)
    assert run.code != 0
    assert "were prepared with other parameters, by study 'tiny'" in run.text
    assert not run.jobs


def test_second_study_file_of_that_name_and_repeated_keys_are_refused(done: Study) -> None:
    (done.folder / "other.yaml").write_text((done.folder / "study.yaml").read_text() + "seeds: [2]\n")
    before = (done.folder / "results/studies/tiny/study.json").read_bytes()
    run = done.run(study="other.yaml", check=False)
    assert run.code != 0
    assert "the results of study 'tiny' belong to another study file" in run.text
    assert "expected: study.yaml" in run.text
    assert "key 'seeds' occurs twice" in run.text
    assert not run.jobs
    assert (done.folder / "results/studies/tiny/study.json").read_bytes() == before


def test_configfile_replaces_the_demo(study: Study) -> None:
    """Nothing of the demo's config may leak into another study."""
    assert planned(study)["train"] == 2
