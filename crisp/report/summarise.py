"""Report of a study besides its metrics: data, confusions, run times, versions and config."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from crisp.evaluation.predictions import read_predictions
from crisp.report import sample_counts_plot, worst_confusions_plot
from crisp.report.label_errors import rank_label_errors, write_label_errors, write_label_errors_page
from crisp.report.study_page import write_study_page
from crisp.report.summary import Run
from crisp.study.config import Study
from crisp.study.samples import read_samples
from crisp.study.splits import read_split
from crisp.training import curves
from crisp.training.history import read_history
from crisp.workflow.run_times import collect_run_times, write_run_times_page

NOTE = "crisp label-errors makes this list with a link from each row to the sample in the viewer."


def write_study_report(study: Study, runs: Sequence[Run]) -> None:
    """Write the plots and pages of an evaluated study to its results.

    Raises
    ------
    CrispError
        If a file of the results is missing or damaged.
    """
    samples = read_samples(study.results / "strokes.tsv")
    assigned = {name: read_split(study.results / "splits" / f"{name}.tsv") for name in study.split_names}
    fps = {video: row.working_fps for video, row in study.videos.items()}
    usual = statistics.median(fps[video] for video in study.used)
    sizes = dict.fromkeys(variant.size[0] for variant in study.variants)
    clips = {f"clip of {frames} frames": frames / usual for frames in sizes} if usual else {}
    sample_counts_plot.plot_sample_counts(
        study.results / "samples.png", samples, assigned, study.classes, fps, clips
    )
    by_variant = {
        variant.name: [run for run in runs if run.variant == variant.name] for variant in study.variants
    }
    curves.plot_all_curves(
        study.results / "curves.png",
        {name: [read_history(run.folder / "history.csv") for run in of] for name, of in by_variant.items()},
    )
    for name, of in by_variant.items():
        predictions = [
            one for run in of for one in read_predictions(run.folder / "predictions.csv", study.classes)
        ]
        found = worst_confusions_plot.worst(predictions, study.classes)
        worst_confusions_plot.plot_worst_confusions(
            study.results / "confusions" / f"{name}.png", study, name, found
        )
    ranking = rank_label_errors(study)
    write_label_errors(study.results / "label_errors.tsv", ranking.suspects)
    write_label_errors_page(study.results / "label_errors.html", study, ranking, NOTE)
    write_run_times_page(study.results / "run_times.html", collect_run_times(study.results / "benchmarks"))
    write_study_page(study.results / "study.html", study)
