"""The summary stage: tables, plots and pages of an evaluated study."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from crisp.evaluation.baselines import baselines
from crisp.evaluation.confusions import worst_confusions
from crisp.evaluation.predictions import read_predictions
from crisp.report import provenance, sample_counts_plot, summary_plot, worst_confusions_plot
from crisp.report.comparisons import compare_variants, write_comparisons, write_comparisons_page
from crisp.report.detection_summary import collect_detections, write_detection_page, write_detection_summary
from crisp.report.label_errors import rank_label_errors, write_label_errors, write_label_errors_page
from crisp.report.study_page import write_study_page
from crisp.report.summary import Run, collect_rows, summary_text, write_summary, write_summary_page
from crisp.study.config import Study
from crisp.study.samples import read_samples
from crisp.study.splits import read_split
from crisp.training import curves
from crisp.training.history import read_history
from crisp.workflow.run_times import collect_run_times, write_run_times_page

NOTE = "crisp label-errors makes this list with a link from each row to the sample in the viewer."


def summarise_study(study: Study) -> str:
    """Write all that compares the runs of an evaluated study to its results; return it as text.

    Raises
    ------
    CrispError
        If a file of the results is missing or damaged.
    """
    results = study.results
    runs = [
        Run(variant.name, split, seed, study.model_folder(variant.name, split, seed), variant.double_softmax)
        for variant in study.variants
        for split in study.split_names
        for seed in study.seeds
    ]
    fused = [
        Run(fusion.name, split, seed, study.fusion_folder(fusion.name, split, seed), fusion=True)
        for fusion in study.fusions
        for split in study.split_names
        for seed in study.seeds
    ]
    rows = collect_rows([*runs, *fused])
    write_summary(results / "summary.tsv", rows)
    summary_plot.plot_summary(results / "summary.png", rows)
    if study.flow_groups:
        summary_plot.plot_flow_study(results / "flow_study.png", rows, study.flow_groups)
    simple = baselines(study)
    write_summary_page(results / "summary.html", rows, simple)
    compared = compare_variants([*runs, *fused], rows)
    write_comparisons(results / "comparisons.tsv", compared)
    write_comparisons_page(results / "comparisons.html", compared)
    if study.detection_rows:
        found = collect_detections(runs)
        write_detection_summary(results / "detection.tsv", found)
        write_detection_page(results / "detection.html", found)
    makers = provenance.flow_makers(study)
    provenance.write_flow_page(results / "flow.html", makers)
    write_study_report(study, runs)
    lines = [
        f"flow {method} was computed by several backends or versions: {results / 'flow.html'}"
        for method in provenance.mixed_methods(makers)
    ]
    return "\n".join([summary_text(rows, simple), *lines])


def write_study_report(study: Study, runs: Sequence[Run]) -> None:
    """Write the pages and plots besides the metrics: data, confusions, label errors, run times, config.

    Raises
    ------
    CrispError
        If a file of the results is missing or damaged.
    """
    samples = read_samples(study.results / "strokes.tsv")
    assigned = {name: read_split(study.split_table(name)) for name in study.split_names}
    fps = {view: row.working_fps for row in study.videos.values() for view in row.views}
    usual = statistics.median(row.working_fps for row in study.used.values())
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
        found = worst_confusions(predictions, study.classes)
        worst_confusions_plot.plot_worst_confusions(
            study.results / "confusions" / f"{name}.png", study, name, found
        )
    ranking = rank_label_errors(study)
    write_label_errors(study.results / "label_errors.tsv", ranking.suspects)
    write_label_errors_page(study.results / "label_errors.html", study, ranking, NOTE)
    write_run_times_page(study.results / "run_times.html", collect_run_times(study.results / "benchmarks"))
    write_study_page(study.results / "study.html", study)
