"""What the report tells of a study besides its figures: data, confusions, run times, versions and config."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from crisp import about, class_counts, confusions, label_errors, plots, run_times, splits, strokes
from crisp.evaluation import read_predictions
from crisp.study import Study
from crisp.summary import Run, read_history

NOTE = "crisp label-errors makes this list with a link from each row to the sample in the viewer."


def write(study: Study, runs: Sequence[Run]) -> None:
    """Write the pictures and pages of an evaluated study into its results.

    Raises
    ------
    CrispError
        If a file of the results is missing or damaged.
    """
    samples = strokes.read(study.results / "strokes.tsv")
    assigned = {name: splits.read(study.results / "splits" / f"{name}.tsv") for name in study.split_names}
    fps = {video: row.working_fps for video, row in study.videos.items()}
    usual = statistics.median(fps[video] for video in study.used)
    sizes = dict.fromkeys(variant.size[0] for variant in study.variants)
    clips = {f"clip of {frames} frames": frames / usual for frames in sizes} if usual else {}
    class_counts.draw(study.results / "samples.png", samples, assigned, study.classes, fps, clips)
    by_variant = {
        variant.name: [run for run in runs if run.variant == variant.name] for variant in study.variants
    }
    plots.all_curves(
        study.results / "curves.png",
        {name: [read_history(run.folder / "history.csv") for run in of] for name, of in by_variant.items()},
    )
    for name, of in by_variant.items():
        predictions = [
            one for run in of for one in read_predictions(run.folder / "predictions.csv", study.classes)
        ]
        found = confusions.worst(predictions, study.classes)
        confusions.draw(study.results / "confusions" / f"{name}.png", study, name, found)
    ranking = label_errors.rank(study)
    label_errors.write(study.results / "label_errors.tsv", ranking.suspects)
    label_errors.page(study.results / "label_errors.html", study, ranking, NOTE)
    run_times.table(study.results / "run_times.html", run_times.collect(study.results / "benchmarks"))
    about.table(study.results / "study.html", study)
