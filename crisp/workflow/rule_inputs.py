"""Input files of each rule's jobs, from the study and its labels.

The Snakefile loads this at every start: import no slow library.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from snakemake.io import ancient

from crisp.core import names
from crisp.core.errors import CrispError
from crisp.core.views import video_of
from crisp.study import training_samples
from crisp.study.annotators import by_video
from crisp.study.checks import pose_sources
from crisp.study.config import Study
from crisp.study.networks import KINETICS
from crisp.study.variants import Variant
from crisp.workflow.rule_resources import RuleResources, Wildcards
from crisp.workflow.run_labels import RunLabels


def existing(paths: Iterable[str | Path]) -> list[str]:
    """Return the paths that exist, with their dates ignored; the check of the study reports the others.

    Names such as ``match {final}.mp4`` are left out, as Snakemake would read a wildcard: parameters
    detect changes of these files.
    """
    return [ancient(str(path)) for path in paths if names.plain(path) and Path(path).exists()]


class RuleInputs:
    """The inputs of a study's rules, as functions that Snakemake calls for each job.

    Parameters
    ----------
    study : Study
    labels : RunLabels
        They decide the videos that a split's training and evaluation depend on.
    resources : RuleResources
        It decides into how many parts the flow of a video is divided.
    """

    def __init__(self, study: Study, labels: RunLabels, resources: RuleResources) -> None:
        self.study, self.labels, self.resources = study, labels, resources
        self.results = study.results.as_posix()

    def stage_file(self, view: str, stage: str, method: str = "") -> str:
        """Return the path of a view's stage file.

        Parameters
        ----------
        view : str
        stage : str
        method : str
            Flow method, for the stages ``flow`` and ``roi``.

        Returns
        -------
        str
        """
        return self.study.stage_file(view, stage, method).as_posix()

    def stage_files(self, stage: str, method: str, views: Iterable[str]) -> list[str]:
        """Return the paths of a stage's files, each once.

        Parameters
        ----------
        stage : str
        method : str
            Flow method, for the stages ``flow`` and ``roi``.
        views : iterable of str

        Returns
        -------
        list of str
        """
        return list(dict.fromkeys(self.stage_file(view, stage, method) for view in views))

    def all_stage_files(self, _: Wildcards) -> list[str]:
        """Return what `all` needs: the ROI files, which depend on all others, deleted others, and poses.

        Listing every file would be equivalent, but make the graph of a large study a tenth larger.
        """
        wanted = []
        for view, row in self.study.views.items():
            for method in self.study.flow_methods:
                roi = self.stage_file(view, "roi", method)
                wanted.append(roi)
                if Path(roi).exists():
                    others = (
                        self.stage_file(view, "frames"),
                        self.stage_file(view, "flow", method),
                        (self.study.volumes / row.video / f"{row.video}.h5").as_posix(),
                    )
                    wanted += [path for path in others if not Path(path).exists()]
            if self.study.takes_pose:
                wanted.append(self.stage_file(view, "pose"))
        return list(dict.fromkeys(wanted))

    def raw_video(self, wildcards: Wildcards) -> list[str]:
        """Return the raw video; if it is generated, rule `demo` makes it."""
        path = self.study.source(self.study.video(wildcards.video).video)
        return [ancient(str(path))] if self.study.generate else existing([path])

    def pose_source(self, wildcards: Wildcards) -> list[str]:
        """Return the pose file of a video; none if poses are estimated, or if it is missing."""
        try:
            return [ancient(pose_sources.source(self.study, wildcards.video).as_posix())]
        except CrispError:
            return []

    def flow_parts(self, wildcards: Wildcards) -> list[str]:
        """Return the parts from which a long video's flow is joined; none if one job computes it."""
        whole = self.stage_file(wildcards.video, "flow", wildcards.method).removesuffix(".h5")
        count = self.resources.part_count(wildcards.video, wildcards.method)
        return [f"{whole}.part-{part}-of-{count}.h5" for part in range(1, count + 1)] if count > 1 else []

    def volume(self, wildcards: Wildcards) -> list[str]:
        """Return the stage files that a volume links."""
        views = self.study.used[wildcards.video].views
        methods = [(stage, method) for stage in ("flow", "roi") for method in self.study.flow_methods]
        stages = [("frames", ""), *methods, *([("pose", "")] if self.study.takes_pose else [])]
        return [path for stage in stages for path in self.stage_files(*stage, views)]

    def annotation_files(self, views: Iterable[str] | None = None) -> list[str]:
        """Return the existing annotation files of views; all by default. Parameters digest their content.

        Of several annotators of a video, only those of the first in the table: for another set of files
        Snakemake would rerun the jobs, even if another annotator does not change the merged labels.
        """
        wanted = set(self.study.used if views is None else map(video_of, views))
        firsts = {key: next(iter(of)) for key, of in by_video(self.study.annotator_rows).items()}
        rows = [
            row
            for row in self.study.annotator_rows
            if row.video in wanted and firsts[row.video, row.task] == row.annotator
        ]
        return existing(dict.fromkeys(map(self.study.annotation_file, rows)))

    def annotator_files(self, _: Wildcards) -> list[str]:
        """Return the existing annotation files of all annotators."""
        return existing(dict.fromkeys(map(self.study.annotation_file, self.study.annotator_rows)))

    def training_views(self, wildcards: Wildcards) -> list[str]:
        """Return the views with a training or validation sample of a split."""
        return self.labels.split_samples.views(wildcards.split, *training_samples.TRAINING)

    def training_frames(self, wildcards: Wildcards) -> list[str]:
        """Return the frames of a split's training videos."""
        return self.stage_files("frames", "", self.training_views(wildcards))

    def training_roi(self, wildcards: Wildcards) -> list[str]:
        """Return the ROI of a split's training and validation videos.

        The normalisation uses only training samples; the training depends on validation videos through it.
        """
        return self.stage_files("roi", wildcards.method, self.training_views(wildcards))

    def training_annotations(self, wildcards: Wildcards) -> list[str]:
        """Return the annotation files of a split's training videos."""
        return self.annotation_files(self.training_views(wildcards))

    def training(self, wildcards: Wildcards) -> list[str]:
        """Return samples, normalisation, and the stage files that the normalisation does not imply.

        An edge from every video to every training would be most of a large study's graph.
        """
        variant, split = self.study.variant(wildcards.variant), wildcards.split
        views = self.training_views(wildcards)
        parts = training_samples.TRAINING
        tables = [training_samples.path(self.study, split, part).as_posix() for part in parts]
        fitted = self._normalisation(variant, split)
        roi = [] if fitted else self.stage_files("roi", variant.flow, views)
        record = [self.study.features_record(variant).as_posix()] if variant.frozen else []
        return tables + fitted + roi + self._pose(variant, views) + self._origin(variant) + record

    def features(self, wildcards: Wildcards) -> list[str]:
        """Return the stage files of all videos that a frozen network is trained on, and its weights."""
        variant = self.study.variant(wildcards.variant)
        views = self.labels.split_samples.trained_on
        return self.stage_files("roi", variant.flow, views) + self._origin(variant)

    def evaluation(self, wildcards: Wildcards) -> list[str]:
        """Return samples, normalisation, and the stage files of a split's test videos."""
        return self._prediction(wildcards, self.labels.split_samples.views(wildcards.split, "test"))

    def fusion(self, wildcards: Wildcards) -> list[str]:
        """Return the predictions of a fusion's variants, and where it fits weights the models."""
        fusion = self.study.fusion(wildcards.fusion)
        files = ["predictions.csv", *(["model.pt"] if fusion.weights == "validation" else [])]
        folders = [
            self.study.model_folder(name, wildcards.split, int(wildcards.seed)).as_posix()
            for name in fusion.of
        ]
        return [f"{folder}/{file}" for folder in folders for file in files]

    def detection(self, wildcards: Wildcards) -> list[str]:
        """Return samples, normalisation, and the stage files of the videos to find strokes in."""
        return self._prediction(wildcards, self.study.detection_views)

    def _prediction(self, wildcards: Wildcards, views: Sequence[str]) -> list[str]:
        variant, split = self.study.variant(wildcards.variant), wildcards.split
        tables = [f"{self.results}/strokes.tsv", self.study.split_table(split).as_posix()]
        roi = self.stage_files("roi", variant.flow, views)
        return tables + self._normalisation(variant, split) + roi + self._pose(variant, views)

    def _normalisation(self, variant: Variant, split: str) -> list[str]:
        takes_flow = "flow" in variant.streams
        return [self.study.normalisation_file(variant, split).as_posix()] if takes_flow else []

    @staticmethod
    def _origin(variant: Variant) -> list[str]:
        """Return the file of weights that a training starts from, if there is one."""
        given = [variant.init_from, variant.weights if variant.weights != KINETICS else ""]
        return [path for path in given if path and names.plain(path)]

    def _pose(self, variant: Variant, views: Iterable[str]) -> list[str]:
        return self.stage_files("pose", "", views) if "pose" in variant.streams else []
