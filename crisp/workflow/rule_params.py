"""Parameters of rules that stand for content: digests of labels, settings and raw files.

Snakemake reruns a job if a parameter changes; these change only with what affects the job's result.
The Snakefile loads this at every start: import no slow library.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from functools import cached_property

from crisp.core import files, names
from crisp.core.versions import STAGES
from crisp.study import samples, schema, splits
from crisp.study.checks import pose_sources, video_sources
from crisp.study.config import Study
from crisp.study.training_samples import TRAINING
from crisp.workflow.rule_resources import Wildcards
from crisp.workflow.run_labels import RunLabels

LATER = ("candidates", "block", "against")  # keys of `detection` that finished studies were made without


def version(stage: str, *parts: object) -> str:
    """Return a digest that changes with a stage's version or with any of `parts`."""
    return files.digest([STAGES[stage], *parts])


class RuleParams:
    """The parameters of a study's rules, as functions that Snakemake calls for each job.

    Parameters
    ----------
    study : Study
    labels : RunLabels
    """

    def __init__(self, study: Study, labels: RunLabels) -> None:
        self.study, self.labels = study, labels

    @cached_property
    def _seen_videos(self) -> video_sources.Seen:
        return video_sources.read_cache(self.study)

    @cached_property
    def _seen_poses(self) -> pose_sources.Seen:
        return pose_sources.read_cache(self.study)

    def sha256(self, wildcards: Wildcards) -> str:
        """Return the SHA-256 of a raw video in the table: its content decides, not its date."""
        return self.study.used[wildcards.video].sha256

    def frames(self, wildcards: Wildcards) -> str:
        """Return the version of a video's frames, with the changes to its pictures, if there are any."""
        picture = self.study.used[wildcards.video].picture
        return version("frames", *filter(None, [picture]))

    @property
    def flow(self) -> str:
        """Return the version of the flow; with the camera's motion left in, that of older studies."""
        kept = self.study.stabilise == "never"
        return version("flow", *([] if kept else [self.study.stabilise]))

    def frame_step(self, wildcards: Wildcards) -> int:
        """Return the frame step of a video."""
        return self.study.used[wildcards.video].frame_step

    def replaced(self, wildcards: Wildcards) -> str:
        """Describe a raw video that differs from the scanned one: the job is planned, and the check fails."""
        if self.study.generate:
            return ""
        try:
            row = self.study.used[wildcards.video]
            return video_sources.found_instead(self.study, row, self._seen_videos)
        except OSError:
            return ""  # the check reports a missing file

    def other(self, wildcards: Wildcards) -> str:
        """Return words of the frames command that most videos do without.

        The raw video if it cannot be an input (see `existing`), and the rate at which it was recorded.
        """
        path, capture_fps = self.study.source(wildcards.video), self.study.used[wildcards.video].capture_fps
        if self.study.generate:  # another kind of machine may encode a generated video differently
            found = ["--other-is-fine"]  # the option's old name: another one would rerun finished studies
        else:
            found = [] if names.plain(path) else [shlex.quote(str(path))]
        return " ".join([*[f"--fps {capture_fps:.6g}"] * (capture_fps > 0), *found])

    def region(self, wildcards: Wildcards) -> str:
        """Return the option of the ROI command for the region of a player; empty for the whole picture.

        Raises
        ------
        CrispError
            If the video has no such region, as a file that was asked for by name.
        """
        if not wildcards.region:
            return ""
        return f"--region {self.study.region(wildcards.video + wildcards.region)}"

    def poses(self, wildcards: Wildcards) -> str:
        """Return the digest of a video's pose file: its content decides, not its date."""
        return pose_sources.fingerprint(self.study, wildcards.video, self._seen_poses)

    def pose_command(self, _: Wildcards) -> list[str]:
        """Return the command that makes poses, with its options.

        It must be a function: Snakemake would look for wildcards in the names of joints.
        """
        if self.study.pose_estimator:
            return ["estimate"]
        joints = sorted(self.study.pose_joints.items())
        return [
            "pose",
            f"--width={self.study.pose_width}",
            *(f"--joint={ours}={theirs}" for ours, theirs in joints),
        ]

    def quality(self, wildcards: Wildcards) -> str:
        """Return the version of a quality picture, with the labels of its own video only."""
        labels = self.labels.by_video.get(wildcards.video, "")
        return version("quality", labels, self.study.crop_sizes)

    def strokes(self, _: Wildcards) -> str:
        """Return the version of the table of strokes."""
        study = self.study
        return version(
            "strokes",
            samples.labels_digest(self.labels.parsed),
            study.negative_class,
            study.negative_share,
            study.negative_seconds,
            study.split_seed,
            *([study.task, study.detection.block] if study.task != "classification" else []),
        )

    def agreement(self, _: Wildcards) -> str:
        """Return the version of the comparison of annotators, with the labels of each and the rule."""
        study = self.study
        rule = [study.merging.merge, study.merging.order, study.merging.iou]
        return version("agreement", self.labels.of_annotators, *rule, study.classes, study.negative_class)

    def split(self, _: Wildcards) -> str:
        """Return the version of a split."""
        return version("split", splits.split_digest(self.study))

    def training_samples(self, wildcards: Wildcards) -> str:
        """Return the version of the training and validation samples of a split."""
        return version("split", self.labels.split_samples.training_digest(wildcards.split))

    def detect(self, _: Wildcards) -> str:
        """Return the version of a detection; later keys count only if they differ from their default."""
        study, defaults = self.study, schema.defaults("detection")
        settings = {
            key: value
            for key, value in study.config["detection"].items()
            if key not in LATER or value != defaults[key]
        }
        parts = [settings, study.decision, study.classes, study.negative_class]
        mirrored = self._mirrored(study.detection_views)
        return version("detect", *parts, *([study.task] if study.task != "classification" else []), *mirrored)

    def features(self, wildcards: Wildcards) -> str:
        """Return the version of the features of a frozen network."""
        variant = self.study.variant(wildcards.variant)
        return version("features", variant.backbone, *self._mirrored(self.labels.split_samples.trained_on))

    def train(self, wildcards: Wildcards) -> str:
        """Return the version of a training; settings that do not affect its result are excluded."""
        settings = self.study.train_settings(self.study.variant(wildcards.variant))
        mirrored = self._mirrored(self.labels.split_samples.views(wildcards.split, *TRAINING))
        return version("train", *settings, self.study.classes, *mirrored)

    def evaluate(self, wildcards: Wildcards) -> str:
        """Return the version of an evaluation."""
        study = self.study
        mirrored = self._mirrored(self.labels.split_samples.views(wildcards.split, "test"))
        return version("evaluate", study.decision, study.classes, study.super_classes, *mirrored)

    def fuse(self, wildcards: Wildcards) -> str:
        """Return the version of a fusion."""
        study, fusion = self.study, self.study.fusion(wildcards.fusion)
        return version("fuse", *fusion.of, fusion.weights, study.decision, study.classes, study.super_classes)

    def _mirrored(self, views: Iterable[str]) -> list[dict[str, list[str]]]:
        """Return the views whose clips are mirrored, as a part of a version; nothing for most studies."""
        found = [view for view in views if self.study.is_mirrored(view)]
        return [{"mirrored": found}] if found else []
