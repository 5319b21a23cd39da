# What several rules share: the study, its paths, wildcards and hooks.
# Every cluster job parses this again, so only small tables are read here.
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from crisp.core import names, unicode_forms, views
from crisp.core.errors import CrispError
from crisp.study import load
from crisp.workflow import run_record
from crisp.workflow.rule_inputs import RuleInputs
from crisp.workflow.rule_params import RuleParams, version
from crisp.workflow.rule_resources import RuleResources
from crisp.workflow.run_labels import RunLabels


def reported(work, *arguments):
    """Call crisp; report a fault in the user's files as a message, not as a traceback."""
    try:
        return work(*arguments)
    except CrispError as error:
        raise WorkflowError(str(error))


if workflow.remote_exec:
    # A job uses the table of videos that the run started with.
    kept = Path("results/studies", str(config.get("study")), "videos.tsv")
    if kept.exists():
        config["dataset"]["videos"] = kept.as_posix()

# As a person would type it: Snakemake makes it absolute.
STUDY_FILE = ", ".join(os.path.relpath(path) for path in workflow.configfiles) or "--config"
STUDY = reported(load.resolve_study, config, STUDY_FILE)
reported(lambda: STUDY.used)
reported(unicode_forms.check_file_names, map(STUDY.source, STUDY.used))
reported(lambda: STUDY.annotations)
reported(run_record.check_access, STUDY)

RESULTS = STUDY.results.as_posix()
VOLUMES = STUDY.volumes.as_posix()
MODELS = f"{RESULTS}/models/{{variant}}/{{split}}/seed-{{seed}}"
LOGS = f"{RESULTS}/logs"
TIMES = f"{RESULTS}/benchmarks"
# The study and its labels as this run started with them; verbs read them, rules track digests of their parts.
SNAPSHOT = f"{RESULTS}/study.json"
LABELS = f"{RESULTS}/labels.json"
TRAININGS = {
    "variant": [variant.name for variant in STUDY.variants],
    "split": reported(lambda: STUDY.split_names),
    "seed": STUDY.seeds,
}


FUSIONS = f"{RESULTS}/fusions/{{fusion}}/{{split}}/seed-{{seed}}"
FUSED = {
    "fusion": [fusion.name for fusion in STUDY.fusions],
    "split": TRAININGS["split"],
    "seed": STUDY.seeds,
}


wildcard_constraints:
    fusion=names.PATTERNS["variant"],
    video=names.PATTERNS["video"],
    method=names.PATTERNS["method"],
    region=f"({views.REGION})?",  # of a player; empty for the whole picture
    variant=names.PATTERNS["variant"],
    split=names.PATTERNS["split"],
    kind=names.PATTERNS["kind"],
    seed=names.PATTERNS["seed"],
    part="[0-9]+",
    parts="[0-9]+",


def start(log):
    """Check everything that can be checked before any job, and record the study as it is now."""
    from crisp.workflow import console, onstart as starting

    RUN_LABELS.parsed  # before the snapshot: a fix in between makes the next run rebuild the samples
    reported(starting.prepare_run, STUDY, workflow.configfiles, str(log[0]) if log else "")
    console.expect(STUDY, workflow.executor_plugin.name == "local")
    if workflow.executor_plugin.name == "slurm":
        from crisp.workflow import slurm_preflight

        jobs = workflow.dag.needrun_jobs()
        LIMITS.update(reported(slurm_preflight.check_requests, jobs, workflow.executor_settings))


if not workflow.remote_exec and run_record.is_locked():
    if reported(run_record.was_cut_off, STUDY):
        print(
            f"The last run of study {STUDY.name} was interrupted. `crisp recover --study {STUDY_FILE}`"
            " cancels its remaining jobs, unlocks the folder and resumes the run.",
            file=sys.stderr,
        )
    for path, running in reported(run_record.living, STUDY).items():
        print(
            f"study {path.parent.name} is running: {running};"
            " --unlock would let two runs write the same files.",
            file=sys.stderr,
        )


def of_model(figure):
    """Labels in the report of a figure of one trained model."""
    return {"variant": "{variant}", "split": "{split}", "seed": "{seed}", "figure": figure}


def of_fusion(figure):
    """Labels in the report of a figure of one fusion."""
    return {"variant": "{fusion}", "split": "{split}", "seed": "{seed}", "figure": figure}


def of_detection(name):
    """A file of each training's detection; none if the study has no video to find strokes in."""
    return expand(f"{MODELS}/{name}", **TRAININGS) if STUDY.detection_rows else []


def on_gpu(rule):
    """Whether the jobs of a rule run on a GPU; all request one, unless the profile overrides it."""
    asked = workflow.resource_settings.overwrite_resources.get(rule, {})
    return "gres" in asked or str(getattr(asked.get("gpu"), "value", asked.get("gpu"))) != "0"


# The most that a job of a rule can have of a resource, by (rule, resource); on SLURM, once the run has started.
LIMITS = {}
RESOURCES = RuleResources(STUDY, LIMITS, on_gpu)
memory, runtime, growing = RESOURCES.memory, RESOURCES.runtime, RESOURCES.growing

# A job uses the labels that the run started with.
RUN_LABELS = RunLabels(STUDY, Path(LABELS) if workflow.remote_exec else None)
INPUTS = RuleInputs(STUDY, RUN_LABELS, RESOURCES)
PARAMS = RuleParams(STUDY, RUN_LABELS)
