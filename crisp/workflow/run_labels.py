"""The labels that a run found at its start; later changes belong to the next run."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from pathlib import Path

from crisp.core.files import digest
from crisp.study import samples
from crisp.study.annotations import Stroke
from crisp.study.config import Study
from crisp.study.tables import Annotation
from crisp.workflow.split_samples import SplitSamples


class RunLabels:
    """Labels of a study, parsed once: Snakemake asks for some only when a job starts, maybe hours later.

    Parameters
    ----------
    study : Study
    snapshot : Path, optional
        Snapshot of the run, for a job; it may be missing. The driver process parses the annotation files.
    """

    def __init__(self, study: Study, snapshot: Path | None = None) -> None:
        self.study, self.snapshot = study, snapshot

    @cached_property
    def parsed(self) -> list[tuple[Annotation, list[Stroke] | str]]:
        """Return the strokes of every annotation row, or the error message for a bad file."""
        return samples.parsed_labels(self.study)

    @cached_property
    def of_annotators(self) -> str:
        """Return a digest of the strokes of each annotator of the study's task."""
        rows = [row for row in self.study.annotator_rows if row.task == self.study.task]
        return digest(
            [(row.video, row.annotator, samples.content(samples.parsed(self.study, row))) for row in rows]
        )

    @cached_property
    def by_video(self) -> dict[str, str]:
        """Return a digest of the strokes of each annotated video."""
        found = defaultdict(list)
        for row, parsed in self.parsed:
            found[row.video].append(samples.content(parsed))
        return {video: digest(parsed) for video, parsed in found.items()}

    @cached_property
    def split_samples(self) -> SplitSamples:
        """Return the samples of every split.

        Raises
        ------
        CrispError
            If the snapshot is damaged.
        """
        if self.snapshot is not None and self.snapshot.exists():
            return SplitSamples(self.study, samples.read_labels(self.snapshot))
        return SplitSamples(
            self.study, {row.path: found for row, found in self.parsed if not isinstance(found, str)}
        )
