"""One run that meets a cancelled job, killed processes, a lost node, a restarted controller and edits.

It has to end complete and right by itself, so the same run shows what an undisturbed one would.
"""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from crisp.study.annotations import read_annotation, write_annotation
from tests.slurm.cluster import GPU_NODE, NODES
from tests.slurm.conftest import Head, Run, Site, Study, Submission, cloned
from tests.workflow.conftest import CLASSES

SPLITS = ("train", "train", "validation", "test")
VIDEOS = tuple(f"v{number}" for number in range(1, len(SPLITS) + 1))
LABELS_ONWARD = dict.fromkeys(("strokes", "split", "training_samples", "train", "evaluate", "summary"), 1)
STAGES = ("frames.h5", "flow/deepflow.h5", "roi/deepflow.h5")
LIMIT = 1000  # minutes of the partition: less than twice a training's, which its next try would ask for
MODEL = "results/studies/tiny/models/rgb/main/seed-1"
STROKES = "results/studies/tiny/strokes.tsv"


@dataclass
class Story:
    """What was done to a run, and how it ended."""

    study: Study
    before: Path  # a copy of the study's folder as it was before
    head: Head
    run: Run
    ended: dict[str, dict[str, str]]
    hit: set[str]  # ids of the jobs that met a fault
    training: dict[str, str]  # environment of the training's process

    @property
    def ids(self) -> set[str]:
        return {one.job for one in self.head.submissions}

    def nodes(self, *rules: str) -> set[str]:
        """The nodes that jobs of these rules ran on."""
        return {self.ended[one.job]["NodeList"] for one in self.head.submissions if one.rule in rules}


def fix_label(study: Study) -> None:
    """Give the first stroke of a video the class of its second."""
    first, second, *rest = read_annotation(study.xml("v1"))
    write_annotation(study.xml("v1"), [first._replace(label=second.label), second, *rest])


def flows(head: Head) -> dict[str, Submission]:
    """The newest flow job of each video."""
    return {one.wildcards.split("_")[0]: one for one in head.submissions if one.rule == "flow"}


def hold_flows(site: Site, study: Study, head: Head) -> dict[str, tuple[str, psutil.Process]]:
    """Stop the flow of every video half-way; the node and process of each."""
    held: dict[str, tuple[str, psutil.Process]] = {}

    def all_held() -> bool:
        for video in set(VIDEOS) - set(held):
            if not list(study.stage_file(video, "flow").glob("*.tmp-*")):
                continue
            for node in NODES:
                if process := site.process(node, " flow ", f"/{video}/"):
                    process.suspend()
                    held[video] = (node, process)
        return len(held) == len(VIDEOS)

    head.until(all_held, "every video's flow is under way")
    return held


@pytest.fixture(scope="module")
def story(site: Site, tmp_path_factory: pytest.TempPathFactory, make_video) -> Story:
    study = cloned(tmp_path_factory.mktemp("faults"), make_video, SPLITS)
    # Slow enough to be hit, in a few seconds.
    study.configure(
        preparation={"width": 64, "upscale": True, "flow_methods": ["deepflow"]},
        defaults={**study.config["defaults"], "flow": "deepflow"},
    )
    before = Path(
        shutil.copytree(study.folder, tmp_path_factory.mktemp("before"), dirs_exist_ok=True, symlinks=True)
    )
    site.cluster.limit(LIMIT)
    head = site.start(study)
    head.until(lambda: head.counts["frames"], "a frames job is submitted")
    fix_label(study)
    table = study.folder / "tables/videos.tsv"
    videos = table.read_bytes()
    table.write_text("half-written")

    held = hold_flows(site, study, head)
    jobs = flows(head)
    # Not the node with the GPU: the training has to go somewhere.
    lost = next(node for node, _ in held.values() if node != GPU_NODE)
    cancelled, killed = [video for video, (node, _) in held.items() if node != lost][:2]
    hit = site.jobs_on(lost) | {jobs[cancelled].job, jobs[killed].job}
    site.cluster.crash(lost)
    site.cluster.call("scancel", jobs[cancelled].job)
    held[killed][1].kill()
    for _, process in held.values():
        with suppress(psutil.NoSuchProcess):
            process.resume()
    head.until(lambda: head.counts["flow"] > len(VIDEOS), "a flow is submitted again")
    site.cluster.stop_controller()
    site.cluster.start_controller()

    seen: dict[str, str] = {}

    def training() -> bool:
        if process := site.process(GPU_NODE, " train "):
            with suppress(psutil.NoSuchProcess):
                seen.update(process.environ())
                process.kill()
        return bool(seen)

    head.until(training, "training is under way on the node with the GPU")
    hit |= {one.job for one in head.submissions if one.rule == "train"}
    run = head.end()
    site.cluster.limit(None)
    table.write_bytes(videos)
    site.cluster.boot(lost)
    return Story(study, before, head, run, site.ended(), hit, seen)


def test_run_ends_complete(story: Story) -> None:
    assert story.run.code == 0, story.run.text
    asked = [(video, stage) for video in VIDEOS for stage in ("frames.h5", "flow/deepflow.h5", f"{video}.h5")]
    assert all(story.study.stage_file(*one).exists() for one in asked)
    assert (story.study.folder / "results/studies/tiny/summary.tsv").exists()


def test_only_the_jobs_that_were_hit_are_repeated(story: Story) -> None:
    pieces = Counter((one.rule, one.wildcards) for one in story.head.submissions)
    struck = Counter((one.rule, one.wildcards) for one in story.head.submissions if one.job in story.hit)
    assert len(struck) == len(story.hit) >= 4
    assert pieces - Counter(set(pieces)) == struck
    states = {story.ended[job]["JobState"] for job in story.hit}
    assert states == {"NODE_FAIL", "CANCELLED", "FAILED"}
    assert {
        job for job, end in story.ended.items() if job in story.ids and end["JobState"] != "COMPLETED"
    } == story.hit


def test_preparation_is_spread_over_nodes(story: Story) -> None:
    assert len(story.nodes("frames")) >= 2
    assert len(story.nodes("flow")) >= 2


def test_training_has_the_gpu(story: Story) -> None:
    assert story.nodes("train", "evaluate") == {GPU_NODE}
    assert story.training["CUDA_VISIBLE_DEVICES"] == "0"


def test_next_try_asks_for_no_more_time_than_there_is(story: Story) -> None:
    trainings = [one.job for one in story.head.submissions if one.rule == "train"]
    assert [story.ended[job]["TimeLimit"] for job in trainings] == ["720", str(LIMIT)]


def test_every_job_has_its_log(story: Story) -> None:
    logs = story.study.folder / "results/studies/tiny/logs"
    found = {path.relative_to(logs).with_suffix("").as_posix() for path in logs.rglob("*.log")}
    assert found == {
        *(f"frames/{video}" for video in VIDEOS),
        *(f"{rule}/{video}-deepflow" for rule in ("flow", "roi") for video in VIDEOS),
        "strokes",
        "split/main",
        "training_samples/main",
        "train/rgb-main-1",
        "evaluate/rgb-main-1",
        "summary",
    }


def test_results_are_those_of_a_local_run(story: Story) -> None:
    """With the labels as they were when the run on the cluster began."""
    local = Study(story.before)
    local.run("--profile", "profiles/local")
    stage_files = [f"results/volumes/tiny/{video}/{stage}" for video in VIDEOS for stage in STAGES]
    for path in (*stage_files, STROKES, f"{MODEL}/metrics.json", f"{MODEL}/history.csv"):
        assert (story.study.folder / path).read_bytes() == (local.folder / path).read_bytes(), path


def test_label_fixed_meanwhile_is_seen_by_the_next_run(site: Site, story: Story) -> None:
    """Comes last: it goes on with the study of the run."""
    table = story.study.folder / STROKES
    assert table.read_text().splitlines()[1].startswith(f"v1\t0\t6\t{CLASSES[0]}\t")
    head = site.run(story.study)
    assert dict(head.counts) == LABELS_ONWARD
    assert table.read_text().splitlines()[1].startswith(f"v1\t0\t6\t{CLASSES[1]}\t")
