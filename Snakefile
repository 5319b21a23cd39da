# CRISP: from videos to volumes, trained and evaluated models, and a report.
# `snakemake -j 8` runs the demo; `snakemake -j 8 --configfile config/<study>.yaml` your own study.
from snakemake.logging import logger
from snakemake.utils import min_version

from crisp.workflow.onerror import failure_report

min_version("9.19")


# Only without --configfile: Snakemake would merge the demo under another study.
if not workflow.config_settings.configfiles:

    configfile: "config/config.yaml"


# Used with --software-deployment-method apptainer; envs/crisp.def says how to build it.
container: "crisp.sif"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/frames.smk"
include: "workflow/rules/flow.smk"
include: "workflow/rules/roi.smk"
include: "workflow/rules/pose.smk"
include: "workflow/rules/volume.smk"
include: "workflow/rules/quality.smk"
include: "workflow/rules/strokes.smk"
include: "workflow/rules/agreement.smk"
include: "workflow/rules/split.smk"
include: "workflow/rules/normalisation.smk"
include: "workflow/rules/training_samples.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/fuse.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/summary.smk"


rule all:
    default_target: True
    input:
        # A deleted stage file comes back, too.
        INPUTS.all_stage_files,
        [STUDY.quality_picture(video).as_posix() for video in STUDY.pictured],
        f"{RESULTS}/summary.tsv",
        f"{RESULTS}/summary.png",
        f"{RESULTS}/summary.html",
        f"{RESULTS}/comparisons.tsv",
        f"{RESULTS}/comparisons.html",
        expand(f"{MODELS}/curves.png", **TRAININGS),
        expand(f"{MODELS}/confusion.png", **TRAININGS),
        of_detection("detection.png"),
        [f"{RESULTS}/agreement.json"] if STUDY.several_annotators else [],


# In the head process, before any job; no rule depends on its output.
onstart:
    start(log)


# Snakemake calls no handler of a module, and no job runs without what this one prepares.
if not workflow.modifier.is_main_snakefile():
    workflow._onstart = start


onerror:
    # By the logger: after all that it has to print before, and into its file.
    logger.error(failure_report(workflow.scheduler.failed, RESULTS))
