"""Simple baselines of a study: what a network has to beat on the same training and test samples.

They take seconds, from the stage files of the regions of interest and of the poses: the most frequent class,
a linear classifier on flow statistics, and extremely randomised trees on poses in the player's own frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crisp.clips.augmentation import centred
from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.core.skeleton import POINTS
from crisp.evaluation import metrics
from crisp.study.config import Study
from crisp.study.samples import Sample, read_samples
from crisp.study.splits import read_split

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

STRENGTHS = (0.01, 0.1, 1.0)  # inverse regularisation of the linear classifier; validation chooses
TREES = 300
INSTANTS = 8  # of a sample, evenly spaced, whose joints the trees see
SHOULDERS, HIPS = (
    [POINTS.index(f"{side} {joint}") for side in ("left", "right")] for joint in ("shoulder", "hip")
)

Features = Mapping[str, NDArray[np.float64]]  # by sample id
Labelled = tuple[np.ndarray, np.ndarray]  # features (n, F) and labels (n,)


class Baseline(NamedTuple):
    """Test samples of all splits together that a baseline classifies correctly.

    `remark` is the reason where it could not be computed.
    """

    name: str
    correct: int = 0
    n: int = 0
    remark: str = ""

    @property
    def accuracy(self) -> float | None:
        """Return the share of correct samples; None without any."""
        return self.correct / self.n if self.n else None


class SimpleClassifier(NamedTuple):
    """A classifier of samples that is fitted in seconds.

    `features` returns those of samples of a study, (F,) each, by sample id; `fit` takes features (n, F) and
    labels (n,) of the training and of the validation samples, and returns a classifier of scikit-learn.
    """

    name: str
    features: Callable[[Study, Sequence[Sample]], Features]
    fit: Callable[[Labelled, Labelled], ClassifierMixin]


def baselines(study: Study) -> list[Baseline]:
    """Compute the baselines of a study that has run.

    Those on flow use the study's first flow method; those on poses need a variant that takes poses. Each is
    fitted on the training samples of a split and scored on its test samples; folds count together.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of Baseline
        One whose stage files are missing or damaged has a remark instead of a figure.

    Raises
    ------
    CrispError
        If the table of samples or of a split is missing or damaged.
    """
    samples = [one for one in read_samples(study.results / "strokes.tsv") if one.label in study.classes]
    splits = [read_split(study.split_table(name)) for name in study.split_names]
    found = [_majority(study, samples, splits)]
    kinds = [STATISTICS, SERIES, *([POSES] if study.takes_pose else [])]
    for name, features_of, fit in kinds:
        try:
            features = features_of(study, samples)
        except CrispError as error:
            fault = error.faults[0]
            found.append(Baseline(name, remark=f"{fault.where}: {fault.what}"))
            continue
        found.append(_scored(name, features, samples, splits, fit))
    return found


def _parts(samples: Sequence[Sample], split: Mapping[str, str]) -> dict[str, list[Sample]]:
    parts: dict[str, list[Sample]] = {"train": [], "validation": [], "test": []}
    for sample in samples:
        if sample.sample in split:
            parts[split[sample.sample]].append(sample)
    return parts


def _majority(study: Study, samples: Sequence[Sample], splits: Sequence[Mapping[str, str]]) -> Baseline:
    correct = n = 0
    for split in splits:
        parts = _parts(samples, split)
        train, test = ([study.classes.index(one.label) for one in parts[part]] for part in ("train", "test"))
        correct += round((metrics.majority(train, test) or 0) * len(test))
        n += len(test)
    return Baseline("most frequent class", correct, n)


def _scored(
    name: str,
    features: Features,
    samples: Sequence[Sample],
    splits: Sequence[Mapping[str, str]],
    fit: Callable[[Labelled, Labelled], ClassifierMixin],
) -> Baseline:
    correct = n = 0
    for split in splits:
        data = {
            part: (np.array([features[one.sample] for one in some]), np.array([one.label for one in some]))
            for part, some in _parts(samples, split).items()
        }
        (test, labels), train = data["test"], data["train"]
        if len(labels):
            known = len(set(train[1])) > 1
            predicted = fit(train, data["validation"]).predict(test) if known else train[1][:1]
            correct += int((predicted == labels).sum())
            n += len(labels)
    return Baseline(name, correct, n)


def _linear(train: Labelled, validation: Labelled) -> ClassifierMixin:
    """Fit a logistic regression, with the regularisation that is best on validation, or else the weakest."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models = [
        make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=5000)).fit(*train)
        for strength in STRENGTHS
    ]
    return max(models, key=lambda model: model.score(*validation)) if len(validation[1]) else models[-1]


def _trees(train: Labelled, _: Labelled) -> ClassifierMixin:
    """Fit extremely randomised trees (Geurts et al., 2006); unknown features are NaN."""
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=0).fit(*train)


def _of_videos(
    samples: Sequence[Sample],
    path_of: Callable[[str], Path],
    stage: str,
    dataset: str,
    features: Callable[[np.ndarray, Sample], np.ndarray],
) -> dict[str, np.ndarray]:
    """Return the features of each sample, from a dataset of its video's stage file, read once."""
    found: dict[str, np.ndarray] = {}
    for video in dict.fromkeys(sample.video for sample in samples):
        with stage_files.open_stage(path_of(video), stage) as file:
            stored = stage_files.member(file, dataset)
            rows = stage_files.read_rows(stored, 0, len(stored))
        found |= {one.sample: features(rows, one) for one in samples if one.video == video}
    return found


def _flow_statistics(study: Study, samples: Sequence[Sample]) -> Features:
    """Return mean, deviation and maximum of the six statistics of the flow over each sample, (18,)."""

    def features(rows: np.ndarray, sample: Sample) -> np.ndarray:
        inside = rows[sample.begin : sample.end]
        return np.concatenate([inside.mean(0), inside.std(0), inside.max(0)])

    return _of_videos(samples, lambda video: _roi(study, video), "roi", "flow_stats", features)


def _flow_series(study: Study, samples: Sequence[Sample]) -> Features:
    """Return the six statistics of the flow in each frame of a clip in the middle of each sample, (6 T,)."""
    frames = study.variants[0].size[0]

    def features(rows: np.ndarray, sample: Sample) -> np.ndarray:
        begin = centred(sample.begin, sample.end, frames).begin
        return rows[np.clip(np.arange(begin, begin + frames), 0, len(rows) - 1)].ravel()

    return _of_videos(samples, lambda video: _roi(study, video), "roi", "flow_stats", features)


def _roi(study: Study, video: str) -> Path:
    return study.stage_file(video, "roi", study.flow_methods[0])


def _poses(study: Study, samples: Sequence[Sample]) -> Features:
    """Return the places of the joints at some instants, their deviations, and their mean speeds."""
    return _of_videos(samples, lambda video: study.stage_file(video, "pose"), "pose", "pose", pose_features)


def pose_features(points: np.ndarray, sample: Sample) -> np.ndarray:
    """Return features of the poses in a sample, in the player's own frame.

    The origin is the middle of the hips in each frame, the unit the median length of the trunk.

    Parameters
    ----------
    points : ndarray, (N, 14, 3)
        (x, y, score) of the video's frames; score 0 = unknown.
    sample : Sample

    Returns
    -------
    ndarray, (13 * 2 * (INSTANTS + 2),) float64
        Places at evenly spaced instants, deviations and mean speeds; NaN if unknown.
    """
    own = points[sample.begin : sample.end].astype(np.float64)
    places = np.ma.masked_array(own[..., :2], np.broadcast_to(own[..., 2:] <= 0, own[..., :2].shape))
    hips, shoulders = places[:, HIPS].mean(axis=1), places[:, SHOULDERS].mean(axis=1)
    trunk = np.ma.median(np.ma.sqrt(((shoulders - hips) ** 2).sum(axis=-1)))
    places = (places[:, 1:] - hips[:, None]) / (trunk if trunk else np.ma.masked)
    instants = np.linspace(0, len(places) - 1, INSTANTS).round().astype(int)
    speeds = np.ma.abs(np.ma.diff(places, axis=0)).mean(axis=0) if len(places) > 1 else places[0] * np.nan
    parts = [places[instants], places.std(axis=0), speeds]
    return np.concatenate([np.ma.filled(part.astype(np.float64), np.nan).ravel() for part in parts])


STATISTICS = SimpleClassifier("linear classifier, flow statistics of the sample", _flow_statistics, _linear)
SERIES = SimpleClassifier("linear classifier, flow statistics by frame", _flow_series, _linear)
POSES = SimpleClassifier("extra trees, poses", _poses, _trees)


def simple_classifier(study: Study) -> SimpleClassifier:
    """Return the classifier of poses if a variant takes them, otherwise that of flow statistics."""
    return POSES if study.takes_pose else STATISTICS
