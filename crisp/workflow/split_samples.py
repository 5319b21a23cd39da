"""The samples of each split, from tables and annotations, before any job runs."""

from __future__ import annotations

from functools import cached_property

from crisp.core.errors import CrispError
from crisp.core.files import digest
from crisp.core.versions import STAGES
from crisp.study.config import Study
from crisp.study.samples import Labels, Sample, collect_samples
from crisp.study.splits import assign_split
from crisp.study.tables import SPLITS
from crisp.study.training_samples import TRAINING


class SplitSamples:
    """The samples of each split, with the frame counts in ``videos.tsv``.

    The strokes rule uses the decoded frame counts. Digests must not change when these become known; a
    video that is decoded again is detected by its stage files.

    Parameters
    ----------
    study : Study
    label_snapshot : mapping, optional
        Snapshot of strokes to use instead of the files (see `crisp.study.samples.labels`).
    """

    def __init__(self, study: Study, label_snapshot: Labels | None = None) -> None:
        self.study, self.label_snapshot = study, label_snapshot
        self._parts: dict[str, dict[str, list[Sample]]] = {}
        self._views: dict[tuple[str, ...], list[str]] = {}  # requested by every job of a split

    @cached_property
    def samples(self) -> list[Sample]:
        """Return all samples of the study."""
        counts = {view: row.working_frames for view, row in self.study.views.items()}
        return collect_samples(self.study, counts, self.label_snapshot)

    def parts(self, split: str) -> dict[str, list[Sample]]:
        """Return the samples of each part (train, validation, test) of a split.

        Raises
        ------
        CrispError
            As `crisp.study.samples.collect_samples` and `crisp.study.splits.assign_split`.
        """
        if split not in self._parts:
            assigned = assign_split(self.study, self.samples, split)
            parts: dict[str, list[Sample]] = {part: [] for part in SPLITS}
            for sample in self.samples:
                if sample.sample in assigned:
                    parts[assigned[sample.sample]].append(sample)
            self._parts[split] = parts
        return self._parts[split]

    def views(self, split: str, *parts: str) -> list[str]:
        """List the views with a sample in some parts of a split; all used ones if these are unknown.

        They are unknown if single samples are drawn from all of them (``stratified``), or if labels are
        invalid: the check of the study reports these before the first job.
        """
        if (split, *parts) not in self._views:
            self._views[split, *parts] = self._found(split, parts)
        return self._views[split, *parts]

    @property
    def trained_on(self) -> list[str]:
        """Return the views with a training or validation sample of any split."""
        found = {view for split in self.study.split_names for view in self.views(split, *TRAINING)}
        return [view for view in self.study.views if view in found]

    def _found(self, split: str, parts: tuple[str, ...]) -> list[str]:
        if self.study.split_method == "stratified":
            return list(self.study.views)
        try:
            found = {sample.video for part in parts for sample in self.parts(split)[part]}
        except CrispError:
            return list(self.study.views)
        return [view for view in self.study.views if view in found]

    def training_digest(self, split: str) -> str:
        """Return a digest of the training and validation samples of a split."""
        try:
            rows = {part: [one[:4] for one in self.parts(split)[part]] for part in TRAINING}
        except CrispError as error:
            return str(error)
        return digest([STAGES["strokes"], STAGES["split"], rows])
