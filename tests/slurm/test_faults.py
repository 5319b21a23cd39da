"""One run that meets a cancelled job, a killed process, a lost node, a restarted controller and a label fix.

It has to end complete and right by itself, so the same run shows what an undisturbed one would.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from crisp import annotations
from tests.slurm.cluster import GPU_NODE, NODES
from tests.slurm.conftest import Head, Run, Site, Study, Submission, cloned

SPLITS = ("train", "train", "validation", "test")
VIDEOS = tuple(f"v{number}" for number in range(1, len(SPLITS) + 1))
LABELS_ONWARD = {"strokes": 1, "split": 1, "train": 1, "evaluate": 1, "summary": 1}
MODEL = "results/studies/tiny/models/rgb/main/seed-1"
STROKES = "results/studies/tiny/strokes.tsv"


@dataclass
class Story:
    """What was done to a run, and how it ended."""

    study: Study
    head: Head
    run: Run
    ended: dict[str, dict[str, str]]
    hit: set[str] = field(default_factory=set)
    training: dict[str, str] = field(default_factory=dict)

    def submissions(self, *jobs: str) -> Counter[tuple[str, str]]:
        """How often each piece of work was submitted (of the jobs with these ids, or all)."""
        wanted = [one for one in self.head.submissions if not jobs or one.job in jobs]
        return Counter((one.rule, one.wildcards) for one in wanted)


def fix_label(study: Study) -> None:
    """Give the first stroke of a video the class of its second."""
    first, second, *rest = annotations.read(study.xml("v1"))
    annotations.write(study.xml("v1"), [first._replace(label=second.label), second, *rest])


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
def story(site: Site, tmp_path_factory: pytest.TempPathFactory, make_video) -> Iterator[Story]:
    study = cloned(tmp_path_factory.mktemp("faults"), make_video, SPLITS)
    # Slow enough to be hit, in a few seconds.
    study.configure(
        preparation={"width": 64, "upscale": True, "flow_methods": ["deepflow"]},
        defaults={**study.config["defaults"], "flow": "deepflow"},
    )
    local = Study(Path(shutil.copytree(study.folder, study.folder.parent / "local", symlinks=True)))
    head = site.start(study)
    head.until(lambda: head.counts["frames"], "a frames job is submitted")
    fix_label(study)

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
        return bool(seen)

    head.until(training, "training is under way on the node with the GPU")
    run = head.end()
    site.cluster.boot(lost)
    yield Story(study, head, run, site.ended(), hit, seen)
    shutil.rmtree(local.folder)


def test_run_ends_complete(story: Story) -> None:
    assert story.run.code == 0, story.run.text
    assert (story.study.folder / "results/studies/tiny/summary.tsv").exists()
