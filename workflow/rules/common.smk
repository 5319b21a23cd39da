# What several rules share: the study, its paths, and the digests that stand for its inputs.
# Every cluster job parses this again, so only small tables are read here.
import os
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from crisp.core import files, names
from crisp.workflow import run_record
from crisp.study.checks import pose_sources, video_sources
from crisp.study import load, samples, splits
from crisp.core.errors import CrispError
from crisp.workflow.rule_inputs import SplitSamples
from crisp.workflow.rule_resources import RuleResources
from crisp.study.config import NO_RESULT
from crisp.core.versions import STAGES


def reported(work, *arguments):
    """Call crisp; a fault in the user's files ends the run as a message, not as a traceback."""
    try:
        return work(*arguments)
    except CrispError as error:
        raise WorkflowError(str(error))


if workflow.remote_exec:
    # A job goes by the table of videos that the run began with.
    kept = Path("results/studies", str(config.get("study")), "videos.tsv")
    if kept.exists():
        config["dataset"]["videos"] = kept.as_posix()

# As a person would type it: Snakemake makes it absolute.
STUDY_FILE = ", ".join(os.path.relpath(path) for path in workflow.configfiles) or "--config"
STUDY = reported(load.resolve_study, config, STUDY_FILE)
VIDEOS = reported(lambda: STUDY.used)
reported(lambda: STUDY.annotations)

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


wildcard_constraints:
    video=names.PATTERNS["video"],
    method=names.PATTERNS["method"],
    variant=names.PATTERNS["variant"],
    split=names.PATTERNS["split"],
    kind=names.PATTERNS["kind"],
    seed=names.PATTERNS["seed"],
    part="[0-9]+",
    parts="[0-9]+",


def start(log):
    """Check everything that can be checked before any job, and keep the study as it is now."""
    from crisp.workflow import console, onstart as starting

    parsed_labels()  # before they are kept: of a fix in between the next run makes new samples
    reported(starting.prepare_run, STUDY, workflow.configfiles, str(log[0]) if log else "")
    console.expect(STUDY, workflow.executor_plugin.name == "local")
    if workflow.executor_plugin.name == "slurm":
        from crisp.workflow import slurm_preflight

        jobs = workflow.dag.needrun_jobs()
        LIMITS.update(reported(slurm_preflight.check_requests, jobs, workflow.executor_settings))


if not workflow.remote_exec and run_record.is_locked():
    if reported(run_record.was_cut_off, STUDY):
        print(
            f"The last run of study {STUDY.name} was cut off. `crisp recover --study {STUDY_FILE}`"
            " ends what is left of it, unlocks and goes on.",
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


def present(paths):
    """Inputs that exist, their dates ignored; `start` lists the missing ones with their remedies.

    Of a name like ``match {final}.mp4`` Snakemake is not told: parameters tell it whether such a file changed.
    """
    return [ancient(str(path)) for path in paths if names.plain(path) and Path(path).exists()]


def stage_file(video, stage, method=""):
    return STUDY.stage_file(video, stage, method).as_posix()


def stage_files(stage, method="", videos=tuple(VIDEOS)):
    return [stage_file(video, stage, method) for video in videos]


def all_stage_files(wildcards):
    """The ROI files, whose making takes all others, each other that was deleted since, and poses.

    Naming all of them would be right as well, and make the graph of a large study a tenth larger.
    """
    wanted = []
    for video in VIDEOS:
        for method in STUDY.flow_methods:
            roi = stage_file(video, "roi", method)
            wanted.append(roi)
            if Path(roi).exists():
                others = (
                    stage_file(video, "frames"),
                    stage_file(video, "flow", method),
                    f"{VOLUMES}/{video}/{video}.h5",
                )
                wanted += [path for path in others if not Path(path).exists()]
        if STUDY.takes_pose:
            wanted.append(stage_file(video, "pose"))
    return list(dict.fromkeys(wanted))


def version(stage, *parts):
    """One string that changes with a stage's version or with any of `parts`."""
    return files.digest([STAGES[stage], *parts])


def on_gpu(rule):
    """Whether the jobs of a rule run on a GPU; all ask for one, unless the profile says otherwise."""
    asked = workflow.resource_settings.overwrite_resources.get(rule, {})
    return "gres" in asked or str(getattr(asked.get("gpu"), "value", asked.get("gpu"))) != "0"


# The most that a job of a rule can have of a resource, by (rule, resource); on SLURM, once the run has started.
LIMITS = {}
ASKED = RuleResources(STUDY, LIMITS, on_gpu)
memory, runtime, growing = ASKED.memory, ASKED.runtime, ASKED.growing


def raw_video(wildcards):
    """The raw video; where it is generated the demo rule makes it."""
    reported(STUDY.video, wildcards.video)
    path = STUDY.source(wildcards.video)
    return ancient(str(path)) if STUDY.generate else present([path])


def past_snakemake(wildcards):
    """The raw video as a word of the command, where Snakemake would take its name for a pattern."""
    path = STUDY.source(wildcards.video)
    return "" if names.plain(path) else shlex.quote(str(path))


SEEN = video_sources.read_cache(STUDY)


def replaced(wildcards):
    """What the raw video is now, if not the one scanned: it makes `start` look, and stop the run."""
    row = VIDEOS[wildcards.video]
    try:
        return "" if STUDY.generate else video_sources.found_instead(STUDY, row, SEEN)
    except OSError:
        return ""  # a missing file is `start`'s to report


SEEN_POSES = pose_sources.read_cache(STUDY) if STUDY.takes_pose else {}


def pose_source(wildcards):
    """The pose file of a video; `start` tells of a missing one, the generator makes it. None to estimate."""
    try:
        path = pose_sources.source(STUDY, wildcards.video)
    except CrispError:
        return []
    return ancient(path.as_posix())


def flow_parts(wildcards):
    """The parts that a long video's flow is joined from; none where one job computes it."""
    whole = stage_file(wildcards.video, "flow", wildcards.method)
    count = ASKED.part_count(wildcards.video, wildcards.method)
    parts = [
        f"{whole.removesuffix('.h5')}.part-{part}-of-{count}.h5" for part in range(1, count + 1)
    ]
    return parts if count > 1 else []


def volume_inputs(wildcards):
    video = wildcards.video
    return [
        stage_file(video, "frames"),
        *(stage_file(video, "flow", method) for method in STUDY.flow_methods),
        *(stage_file(video, "roi", method) for method in STUDY.flow_methods),
        *([stage_file(video, "pose")] if STUDY.takes_pose else []),
    ]


def annotation_files(videos):
    """The XML files of videos, by existence only: what they say counts, as a digest."""
    rows = [row for row in STUDY.annotations if row.video in videos]
    return present(dict.fromkeys(map(STUDY.annotation_file, rows)))


@cache
def parsed_labels():
    """The labels as this run found them: Snakemake asks only when the job runs, maybe hours later."""
    return samples.parsed_labels(STUDY)


def labels_digest():
    return samples.labels_digest(parsed_labels())


@cache
def split_samples():
    """The samples of every split, by the labels that this run found; a job takes those that it began with."""
    if workflow.remote_exec and Path(LABELS).exists():
        return SplitSamples(STUDY, reported(samples.read_labels, LABELS))
    return SplitSamples(
        STUDY, {row.path: found for row, found in parsed_labels() if not isinstance(found, str)}
    )


@cache
def labels_by_video():
    """One string for each annotated video that changes with its strokes."""
    found = {}
    for row, parsed in parsed_labels():
        found.setdefault(row.video, []).append(parsed)
    return {video: files.digest(parsed) for video, parsed in found.items()}


def quality_version(wildcards):
    """Of the labels those of the one video, so that a fix makes its picture alone again."""
    labels = labels_by_video().get(wildcards.video, "")
    return version("quality", labels, STUDY.crop_sizes)


def strokes_version(wildcards):
    return version(
        "strokes",
        labels_digest(),
        STUDY.negative_class,
        STUDY.negative_share,
        STUDY.negative_seconds,
        STUDY.split_seed,
    )


def training_videos(split):
    return split_samples().videos(split, "train", "validation")


def training_tables(split):
    return [f"{RESULTS}/splits/{split}/{part}.tsv" for part in ("train", "validation")]


def normalisation_inputs(variant, split):
    return (
        [STUDY.normalisation_file(variant, split).as_posix()] if "flow" in variant.streams else []
    )


def training_inputs(wildcards):
    """Samples, what is fitted on them, and the stage files of their videos.

    An edge from every video to every training would be most of a large study's graph, and the normalisation has
    them already.
    """
    variant, split = STUDY.variant(wildcards.variant), wildcards.split
    videos = training_videos(split)
    fitted = normalisation_inputs(variant, split)
    pose = stage_files("pose", "", videos) if "pose" in variant.streams else []
    origin = [variant.init_from] if variant.init_from and names.plain(variant.init_from) else []
    return (
        training_tables(split)
        + (fitted or stage_files("roi", variant.flow, videos))
        + pose
        + origin
    )


def prediction_inputs(wildcards, videos):
    """Samples, what is fitted on them, and the stage files of the videos to predict."""
    variant, split = STUDY.variant(wildcards.variant), wildcards.split
    tables = [f"{RESULTS}/strokes.tsv", f"{RESULTS}/splits/{split}.tsv"]
    pose = stage_files("pose", "", videos) if "pose" in variant.streams else []
    roi = stage_files("roi", variant.flow, videos)
    return tables + normalisation_inputs(variant, split) + roi + pose


def evaluation_inputs(wildcards):
    return prediction_inputs(wildcards, split_samples().videos(wildcards.split, "test"))


def detection_inputs(wildcards):
    return prediction_inputs(wildcards, {row.video: None for row in STUDY.detection_rows})


def train_version(wildcards):
    training = {
        key: value for key, value in STUDY.config["training"].items() if key not in NO_RESULT
    }
    return version("train", vars(STUDY.variant(wildcards.variant)), training, STUDY.classes)


def training_samples_version(wildcards):
    return version("split", split_samples().training_digest(wildcards.split))


def of_detection(name):
    """A file of each training's detection; none where the study has no video to find strokes in."""
    return expand(f"{MODELS}/{name}", **TRAININGS) if STUDY.detection_rows else []
