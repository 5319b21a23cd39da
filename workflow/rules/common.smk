# What several rules share: the study, its paths, and the digests that stand for its inputs.
# Every cluster job parses this again, so only small tables are read here.
from pathlib import Path

from snakemake.exceptions import WorkflowError

from crisp import files, splits, strokes, study as studies
from crisp.errors import CrispError
from crisp.versions import STAGES


def reported(work, *arguments):
    """Call crisp; a fault in the user's files ends the run as a message, not as a traceback."""
    try:
        return work(*arguments)
    except CrispError as error:
        raise WorkflowError(str(error))


STUDY = reported(
    studies.resolve, config, ", ".join(map(str, workflow.configfiles)) or "--config"
)
VIDEOS = reported(lambda: STUDY.used)
reported(lambda: STUDY.annotations)

RESULTS = STUDY.results.as_posix()
VOLUMES = STUDY.volumes.as_posix()
MODELS = f"{RESULTS}/models/{{variant}}/{{split}}/seed-{{seed}}"
LOGS = f"{RESULTS}/logs"
TIMES = f"{RESULTS}/benchmarks"
# The study as this run started with it; verbs read it, rules track digests of its parts.
SNAPSHOT = f"{RESULTS}/study.json"
SPLIT = "main"
TRAININGS = {
    "variant": [variant.name for variant in STUDY.variants],
    "split": [SPLIT],
    "seed": STUDY.seeds,
}


wildcard_constraints:
    video="[A-Za-z0-9][A-Za-z0-9_-]*",
    method="[a-z0-9]+",
    variant="[A-Za-z0-9][A-Za-z0-9_-]*",
    split="[A-Za-z0-9-]+",
    kind="normal|max|none",
    seed="[0-9]+",


def start():
    """Check everything that can be checked before any job, and keep the study as it is now."""
    from crisp import start as starting

    reported(starting.start, STUDY, ", ".join(map(str, workflow.configfiles)))


def present(paths):
    """Inputs that exist, their dates ignored; `start` lists the missing ones with their remedies."""
    return [ancient(str(path)) for path in paths if Path(path).exists()]


def stage_file(video, stage, method=""):
    return STUDY.stage_file(video, stage, method).as_posix()


def stage_files(stage, method=""):
    return [stage_file(video, stage, method) for video in VIDEOS]


def all_stage_files(wildcards):
    return [
        *stage_files("frames"),
        *(path for method in STUDY.flow_methods for path in stage_files("flow", method)),
        *(path for method in STUDY.flow_methods for path in stage_files("roi", method)),
        *(f"{VOLUMES}/{video}/{video}.h5" for video in VIDEOS),
    ]


def version(stage, *parts):
    """One string that changes with a stage's version or with any of `parts`."""
    return files.digest([STAGES[stage], *parts])


def minutes(seconds_per_frame):
    """Run time by the length of the video, growing with each attempt."""

    def runtime(wildcards, attempt):
        seconds = seconds_per_frame * VIDEOS[wildcards.video].working_frames
        return attempt * (10 + int(seconds / 60))

    return runtime


def megabytes(amount):
    """Memory that grows with each attempt."""
    return lambda wildcards, attempt: attempt * amount
