"""Label errors: the scores by hand, flipped labels found, and what cannot be ranked."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core import files
from crisp.core.errors import CrispError
from crisp.core.views import region_of
from crisp.evaluation import predictions
from crisp.evaluation.predictions import evaluate_predictions
from crisp.indexing.viewer import label_error_pages
from crisp.indexing.viewer.label_error_pages import make_label_error_pages
from crisp.preparation.frames import extract_frames
from crisp.report import label_errors
from crisp.report.label_errors import rank_label_errors
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.config import Study
from crisp.study.index_file import read_index
from crisp.study.samples import collect_samples, read_samples, write_samples
from crisp.study.splits import assign_split
from tests.lab import CONTENT, Lab

CLASSES = CONTENT["classes"]  # Negative, Hit, Push
FOLDS: dict[str, Any] = {
    "split": {"method": "by_video", "folds": 3},
    "negatives": {"share": 0.4, "seconds": 0.2},
}


def test_scores_of_confident_learning_by_hand() -> None:
    labels = [0, 0, 0, 1, 1]
    probabilities = [
        [0.9, 0.1, 0.0],
        [0.7, 0.2, 0.1],
        [0.2, 0.8, 0.0],  # says 1, and surely so
        [0.3, 0.7, 0.0],
        [0.6, 0.4, 0.0],  # says 0: 0.6 is the mean of the given labels of 0
    ]
    doubt = label_errors.label_confidence(labels, probabilities)
    np.testing.assert_allclose(doubt.self_confidence, [0.9, 0.7, 0.2, 0.7, 0.4])
    np.testing.assert_allclose(doubt.margin, [0.8, 0.5, -0.6, 0.4, -0.2])
    # Thresholds: 0.6 of class 0, 0.55 of class 1, none of class 2, which nothing is labelled as.
    assert doubt.likely.tolist() == [False, False, True, False, True]


def test_class_without_samples_and_certain_models() -> None:
    doubt = label_errors.label_confidence([0, 0], [[0.1, 0.9], [0.2, 0.8]])
    assert not doubt.likely.any()
    doubt = label_errors.label_confidence([0, 1], np.eye(2))
    np.testing.assert_array_equal(doubt.margin, [1, 1])
    assert not doubt.likely.any()


def test_flipped_labels_come_first() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 5, 400)
    probabilities = 0.1 + 0.4 * random.random((400, 5))
    probabilities[np.arange(400), truth] += 2 * random.random(400)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    given, flipped = truth.copy(), random.choice(400, 40, replace=False)
    given[flipped] = (truth[flipped] + random.integers(1, 5, 40)) % 5
    doubt = label_errors.label_confidence(given, probabilities)
    first = np.argsort(doubt.self_confidence)[:60]
    assert np.isin(flipped, first).mean() > 0.85
    assert np.isin(np.flatnonzero(doubt.likely), flipped).mean() > 0.6


def evaluated(lab: Lab, wrong: str = "", **changes: Any) -> Study:
    """A study whose models are sure of the annotation, but take the sample `wrong` for a Push."""
    made = lab.study(**{**FOLDS, "seeds": [1, 2], "variants": [{"name": "rgb"}, {"name": "flow"}], **changes})
    for video in made.used:
        extract_frames(made.source(video), made.stage_file(video, "frames"))
    samples = collect_samples(made, dict.fromkeys(made.views, 40))
    write_samples(made.results / "strokes.tsv", samples)
    for split in made.split_names:
        tested = [
            sample for sample in samples if assign_split(made, samples, split).get(sample.sample) == "test"
        ]
        for variant in ("rgb", "flow"):
            for seed in made.seeds:
                share = 0.9 if variant == "flow" else 0.4
                windows = [
                    [
                        scores(sample.label, share, seed)
                        if sample.sample != wrong
                        else scores("Push", 0.95, seed)
                    ]
                    for sample in tested
                ]
                rows, _ = evaluate_predictions(tested, windows, CLASSES, "mean")
                path = made.model_folder(variant, split, seed) / "predictions.csv"
                predictions.write_predictions(path, rows, CLASSES)
    return made


def scores(label: str, share: float, seed: int) -> list[float]:
    """Probabilities with about `share` for a class, less with a higher seed."""
    most = share - 0.1 * seed
    return [most if name == label else (1 - most) / 2 for name in CLASSES]


def test_every_sample_of_a_cross_validation_is_ranked_by_the_mean_over_seeds(lab: Lab) -> None:
    made = evaluated(lab, "test:0-10")
    ranking = rank_label_errors(made)
    assert ranking.variant == "flow", "the more accurate one"
    assert len(ranking.suspects) == ranking.samples == len(read_samples(made.results / "strokes.tsv"))
    assert "split.folds" not in ranking.scope
    first = ranking.suspects[0]
    assert (first.rank, first.sample, first.label, first.predicted, first.likely, first.models) == (
        *(1, "test:0-10", "Hit", "Push", True, 2),
    )
    # Mean of 0.075 and 0.125; that of Push is of 0.85 and 0.75.
    assert first.self_confidence == pytest.approx(0.1)
    assert first.margin == pytest.approx(0.1 - 0.8)
    assert not any(one.likely for one in ranking.suspects[1:])
    assert {one.kind for one in ranking.suspects} == {"stroke", "negative"}
    assert rank_label_errors(made, "rgb").variant == "rgb"


def test_of_one_split_the_test_samples_are_ranked_and_said_to_be(lab: Lab) -> None:
    ranking = rank_label_errors(evaluated(lab, split={"method": "given"}))
    assert {one.video for one in ranking.suspects} == {"test"}
    assert len(ranking.suspects) < ranking.samples
    assert f"{len(ranking.suspects)} of {ranking.samples} samples" in ranking.scope
    assert "split.folds" in ranking.scope


def test_samples_annotated_anew_or_out_of_use_are_left_out(lab: Lab) -> None:
    made = evaluated(lab, "test:0-10")
    samples = read_samples(made.results / "strokes.tsv")
    anew = [one._replace(label="Push") if one.sample == "test:0-10" else one for one in samples]
    write_samples(made.results / "strokes.tsv", anew)
    lab.change("train", use=False)
    ranked = rank_label_errors(lab.study(**{**made.config})).suspects
    assert "test:0-10" not in [one.sample for one in ranked]
    assert {one.video for one in ranked} == {"validation", "test"}


def test_verb_writes_table_list_and_pages(lab: Lab) -> None:
    lab.strokes("test", Stroke(0, 10, "Hit"), Stroke(20, 30, "Hit"))
    made = evaluated(lab, "test:20-30")
    files.write_json("study.json", made.config)
    done = CliRunner().invoke(application.app, ["label-errors", "--study", "study.json", "--out", "out"])
    assert done.exit_code == 0, done.output
    assert "by flow; likely errors: 1" in done.output
    with open("out/label_errors.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert (rows[0]["sample"], rows[0]["likely"], rows[0]["models"]) == ("test:20-30", "yes", "2")
    page = Path("out/index.html").read_text()
    assert '<a href="test.html#frame=20" target="_blank">0.80 s</a>' in page
    for video in made.used:
        assert Path(f"out/{video}.html").exists()
    index = files.read_json("out/test.json")
    assert index["truth"] == [
        dict(zip(Stroke._fields, stroke.row, strict=False)) for stroke in read_annotation("xml/test.xml")
    ]
    assert [(one["begin"], one["end"], one["label"]) for one in index["strokes"]] == [
        (0, 10, "Hit"),
        (20, 30, "Push"),
    ]
    assert index["strokes"][1]["scores"]["Push"] == pytest.approx(0.8)
    assert index["warnings"] == []
    said = CliRunner().invoke(
        application.app, ["label-errors", "--study", "study.json", "--out", "out", "--json"]
    )
    told = json.loads(said.stdout)
    assert told["ranked"][0]["page"] == "test.html#frame=20"
    assert len(told["ranked"]) == told["samples"]


def test_folder_of_other_files_is_refused(lab: Lab) -> None:
    lab.strokes("test", Stroke(0, 10, "Hit"), Stroke(20, 30, "Hit"))
    files.write_json("study.json", evaluated(lab, "test:20-30").config)
    page = Path("site/index.html")
    page.parent.mkdir()
    page.write_text("my page")
    command = ["label-errors", "--study", "study.json", "--out", "site"]
    assert "site: folder holds other files" in str(CliRunner().invoke(application.app, command).exception)
    assert [path.read_text() for path in page.parent.iterdir()] == ["my page"]
    page.unlink()
    assert CliRunner().invoke(application.app, command).exit_code == 0, "an empty folder is as good as none"


def test_stroke_taken_for_none_is_shown_with_its_class(lab: Lab) -> None:
    """It is no stroke that the model did not find: the page holds what the model takes it for."""
    made = evaluated(lab)
    ranking = rank_label_errors(made)
    first = next(one for one in ranking.suspects if one.sample == "test:20-30")
    doubted = first._replace(predicted="Negative", probabilities=(0.7, 0.1, 0.2))
    row = next(row for row in made.annotations if row.video == "test")
    index = label_error_pages.build_index(made, row, [doubted], "flow")
    (shown,) = index.strokes
    assert (shown.begin, shown.label, shown.probability) == (20, "Negative", 0.7)
    negative = doubted._replace(kind="negative")
    assert label_error_pages.build_index(made, row, [negative], "flow").strokes == ()


def test_curves_are_the_probabilities_of_the_samples(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    made = evaluated(lab)
    row = next(row for row in made.annotations if row.video == "test")
    (suspect,) = [one for one in rank_label_errors(made).suspects if one.sample == "test:20-30"]
    for points, stride in ((100, 1), (20, 2)):
        monkeypatch.setattr(label_error_pages, "MOST_POINTS", points)
        curves = label_error_pages.build_index(made, row, [suspect], "flow").probabilities
        assert curves is not None
        assert (curves.stride, curves.first, list(curves.classes)) == (stride, 0, CLASSES)
        judged = np.round(suspect.probabilities, 3).tolist()
        expected = [judged if 20 <= frame < 30 else [0, 0, 0] for frame in range(0, 40, stride)]
        assert curves.values == expected


def test_page_says_how_many_strokes_no_model_judged(lab: Lab) -> None:
    made = evaluated(lab)
    row = next(row for row in made.annotations if row.video == "test")
    suspects = [one for one in rank_label_errors(made).suspects if one.sample == "test:20-30"]
    (said,) = label_error_pages.build_index(made, row, suspects, "flow").warnings
    assert said.startswith("1 of the 2 annotated strokes have no prediction")


def test_frames_of_pages_are_those_of_the_video(lab: Lab) -> None:
    for row in lab.rows:
        lab.change(row.video, frame_step=2)
    lab.strokes("test", Stroke(1, 10, "Hit"), Stroke(20, 39, "Push"))
    made = evaluated(lab)
    ranking = rank_label_errors(made)
    pages = make_label_error_pages(made, ranking, Path("out"), "study.yaml")
    assert pages.links["test:1-5"] == "test.html#frame=2"
    assert pages.links["test:10-20"] == "test.html#frame=20"
    index = files.read_json("out/test.json")
    assert [(one["begin"], one["end"]) for one in index["strokes"]] == [(2, 10), (20, 40)]


def test_several_annotation_files_of_a_video_have_a_page_each(lab: Lab) -> None:
    row = next(row for row in lab.labels if row.video == "test")
    lab.labels.append(replace(row, path="xml/more.xml"))
    lab.write()
    lab.strokes("more", Stroke(11, 19, "Push"))
    made = evaluated(lab)
    pages = make_label_error_pages(made, rank_label_errors(made), Path("out"), "study.yaml")
    assert pages.links["test:0-10"] == "test.html#frame=0"
    assert pages.links["test:11-19"] == "test.2.html#frame=11"
    index = files.read_json("out/test.2.json")
    assert [stroke["begin"] for stroke in index["truth"]] == [11]
    assert index["annotations"].endswith("xml/more.xml")


def test_strokes_of_players_have_their_player(lab: Lab) -> None:
    lab.change("test", regions="left=0,0,0.5,1; right=0.5,0,1,1")
    write_annotation("xml/test.xml", [Stroke(0, 10, "Hit", "left"), Stroke(4, 14, "Push", "right")])
    made = evaluated(lab)
    ranking = rank_label_errors(made)
    assert {one.video for one in ranking.suspects} >= {"test@left", "test@right"}
    pages = make_label_error_pages(made, ranking, Path("out"), "study.yaml")
    samples = {one.video: one for one in ranking.suspects if one.kind == "stroke"}
    left, right = (samples[f"test@{player}"] for player in ("left", "right"))
    assert pages.links[left.sample] == "test.html#frame=0&player=left"
    assert pages.links[right.sample] == "test.html#frame=4&player=right"
    index = read_index("out/test.json")
    assert (index.schema, index.probabilities) == (3, None)
    assert index.truth == (Stroke(0, 10, "Hit", "left"), Stroke(4, 14, "Push", "right"))
    assert {(one.begin, one.player) for one in index.strokes} >= {(0, "left"), (4, "right")}
    for player, one in zip(index.players, (left, right), strict=True):
        assert player.name == region_of(one.video)
        assert player.probabilities is not None
        shares = np.round(one.probabilities, 3).tolist()
        assert player.probabilities.values[one.begin] == shares


def test_missing_video_is_told_and_the_page_made(lab: Lab) -> None:
    made = evaluated(lab)
    made.source("test").unlink()
    pages = make_label_error_pages(made, rank_label_errors(made), Path("out"), "study.yaml")
    assert any("test.mp4: video is missing" in warning for warning in pages.warnings)
    assert Path("out/test.html").exists()


def test_nothing_to_rank(lab: Lab) -> None:
    made = evaluated(lab)
    for path in made.results.glob("models/**/predictions.csv"):
        predictions.write_predictions(path, [], CLASSES)
    ranking = rank_label_errors(made)
    assert ranking.suspects == []
    pages = make_label_error_pages(made, ranking, Path("out"), "study.yaml")
    assert "0 of " in pages.page.read_text()
    assert len(Path("out/label_errors.tsv").read_text().splitlines()) == 1


def test_unlabelled_strokes_are_not_ranked(lab: Lab) -> None:
    lab.strokes("test", Stroke(0, 10, "Hit"), Stroke(20, 30, "Unknown"))
    ranking = rank_label_errors(evaluated(lab, split={"method": "given"}))
    assert [one.sample for one in ranking.suspects if one.kind == "stroke"] == ["test:0-10"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "table of predictions is missing"),
        (lambda path: path.write_text("sample,video\n"), "table of predictions cannot be read"),
        (
            lambda path: path.write_text(path.read_text().replace("p:Push", "p:Chop")),
            "table of predictions cannot be read",
        ),
        (
            lambda path: path.write_text(path.read_text().replace(",0.", ",x.")),
            "table of predictions cannot be read",
        ),
    ],
)
def test_bad_predictions(lab: Lab, spoil: Any, message: str) -> None:
    made = evaluated(lab)
    spoil(made.model_folder("rgb", "fold-2", 1) / "predictions.csv")
    with pytest.raises(CrispError, match=message):
        rank_label_errors(made)


def test_study_that_never_ran_and_unknown_variant(lab: Lab) -> None:
    with pytest.raises(CrispError, match="table of predictions is missing"):
        rank_label_errors(lab.study())
    with pytest.raises(CrispError, match="no variant 'twin'"):
        rank_label_errors(lab.study(), "twin")
