"""Resource requests of each rule's jobs: threads, memory, minutes and GPUs.

The Snakefile loads this at every start: import no slow library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Protocol

from crisp.study.config import Study
from crisp.workflow import model_memory

LONG = 2000  # frames of a flow job beyond which it gets a second thread
MOST_THREADS = 8
SECONDS, SECONDS_ON_GPU = 0.5, 0.05  # per flow frame; the second also per frame of detection on a GPU


class Wildcards(Protocol):
    """The wildcards of a job, as attributes and as a dictionary."""

    video: str
    region: str
    method: str
    variant: str
    fusion: str
    split: str
    seed: str

    def keys(self) -> Any:
        """Return the names of the wildcards."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a wildcard, or `default` if the job has none of that name."""


Amount = Callable[[Wildcards, int], int]  # amount of a resource, by wildcards and threads


class RuleResources:
    """The resources of a study's rules, as functions that Snakemake calls for each job.

    Parameters
    ----------
    study : Study
    limits : mapping of (str, str) to int
        Maximum of a resource per job of a rule, by (rule, resource). It may be filled later:
        on SLURM, once the run has started.
    on_gpu : callable
        Whether the jobs of a rule run on a GPU.
    """

    def __init__(
        self, study: Study, limits: Mapping[tuple[str, str], int], on_gpu: Callable[[str], bool]
    ) -> None:
        self.study, self.limits, self.on_gpu = study, limits, on_gpu
        # Several functions of a job need it; stat the files only once.
        self.part_count = cache(study.flow_parts)

    def growing(self, resource: str, amount: Amount) -> Callable[..., int]:
        """Return a resource that grows with each attempt, up to its limit; `amount` is the first request."""

        def grown(wildcards: Wildcards, attempt: int, rulename: str, threads: int) -> int:
            wanted = attempt * amount(wildcards, threads)
            return min(wanted, self.limits.get((rulename, resource), wanted))

        return grown

    def runtime(self, first: int, seconds_per_frame: float = 0.0) -> Callable[..., int]:
        """Return the minutes of a job: `first`, plus time for the length of its video."""

        def amount(wildcards: Wildcards, _: int) -> int:
            if not seconds_per_frame:
                return first
            frames = self.study.used[wildcards.video].working_frames
            return first + int(seconds_per_frame * frames / 60)

        return self.growing("runtime", amount)

    def memory(self, first: int) -> Callable[..., int]:
        """Return the megabytes of a job."""
        return self.growing("mem_mb", lambda wildcards, threads: first)  # noqa: ARG005 Snakemake's names

    def flow_frames(self, wildcards: Wildcards) -> float:
        """Return how many frames a flow job computes."""
        if "part" not in wildcards.keys() and self.part_count(wildcards.video, wildcards.method) > 1:  # noqa: SIM118
            return 0  # it only joins parts
        return self.study.used[wildcards.video].working_frames / int(wildcards.get("parts", 1))

    def flow_gpus(self, wildcards: Wildcards) -> int:
        """Return the GPUs of a flow job: none for joining parts, and only for DeepFlow."""
        wanted = self.study.flow_backend == "gpu" and wildcards.method == "deepflow"
        return int(wanted and self.flow_frames(wildcards) > 0)

    def flow_threads(self, wildcards: Wildcards) -> int:
        """Return one thread for a short video, as these run in parallel.

        Two threads share a GPU: one reads and converts frames while the GPU works for the other.
        """
        if self.flow_gpus(wildcards):
            return 2
        return min(MOST_THREADS, 1 + int(self.flow_frames(wildcards) / LONG))

    def flow_minutes(self, wildcards: Wildcards, _: int) -> int:
        """Return the minutes of a flow job's first attempt."""
        seconds = SECONDS_ON_GPU if self.flow_gpus(wildcards) else SECONDS
        return 10 + int(seconds * self.flow_frames(wildcards) / 60)

    def flow_megabytes(self, wildcards: Wildcards, threads: int) -> int:
        """Return the megabytes of a flow job's first attempt."""
        return (5000 if self.flow_gpus(wildcards) else 500) + 500 * threads

    def training_gpus(self, wildcards: Wildcards) -> int:
        """Return the GPUs of a training: none for the last layer of a frozen network."""
        return 0 if self.study.variant(wildcards.variant).frozen else self.study.training.gpus

    def training_megabytes(self, wildcards: Wildcards, _: int) -> int:
        """Return the megabytes of a training's first attempt."""
        variant, classes = self.study.variant(wildcards.variant), len(self.study.classes)
        settings = self.study.training_of(variant)
        if variant.frozen:  # missing features are computed
            return model_memory.inference_memory(variant, classes, settings.batch_size, gpu=False)
        return model_memory.training_memory(variant, classes, settings, self.on_gpu("train"))

    def inference_memory(self, rule: str) -> Callable[..., int]:
        """Return the megabytes of a job of `evaluate`, `detect` or `features`."""

        def amount(wildcards: Wildcards, _: int) -> int:
            variant = self.study.variant(wildcards.variant)
            batch_size = self.study.training_of(variant).batch_size
            return model_memory.inference_memory(
                variant, len(self.study.classes), batch_size, self.on_gpu(rule)
            )

        return self.growing("mem_mb", amount)

    def fusion_memory(self) -> Callable[..., int]:
        """Return the megabytes of a job of `fuse`, which runs its variants one after another."""

        def amount(wildcards: Wildcards, _: int) -> int:
            variants = [self.study.variant(name) for name in self.study.fusion(wildcards.fusion).of]
            return max(
                model_memory.inference_memory(
                    variant,
                    len(self.study.classes),
                    self.study.training_of(variant).batch_size,
                    self.on_gpu("fuse"),
                )
                for variant in variants
            )

        return self.growing("mem_mb", amount)

    def detection_minutes(self, _wildcards: Wildcards, _: int) -> int:
        """Return an hour, plus 50 ms per frame of the videos to process."""
        return self._minutes(self.study.detection_views)

    def features_minutes(self, _wildcards: Wildcards, _: int) -> int:
        """Return an hour, plus 50 ms per frame of all views."""
        return self._minutes(self.study.views)

    def _minutes(self, views: Iterable[str]) -> int:
        frames = sum(self.study.video(view).working_frames for view in views)
        return 60 + int(SECONDS_ON_GPU * frames / 60)
