"""Candidate strokes of an untrimmed video: runs of stroke frames, or consecutive blocks.

Both are those of the baseline of the MediaEval sport task of 2022: its tables "with a sliding window" and
"with video candidates", the latter of 150 frames at 120 fps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from crisp.evaluation import decisions
from crisp.evaluation.detection import (
    Decided,
    Probabilities,
    beats_negative,
    decide_frames,
    find_strokes,
    known_frames,
)
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.study.variants import Detection


def find_candidates(
    video: str,
    probabilities: Probabilities,
    rule: str,
    fps: float,
    settings: Detection,
    classes: Sequence[str],
    negative: str,
    window: int,
) -> tuple[Decided, list[DetectedInterval]]:
    """Return the smoothed probabilities of a video and its detected strokes.

    Parameters
    ----------
    video : str
        Video id.
    probabilities : ndarray, (frames, N)
        From `crisp.evaluation.detection.frame_probabilities`.
    rule : str
        One of `decisions.RULES`.
    fps : float
        Frames per second.
    settings : Detection
        Its `candidates` decide between runs (`crisp.evaluation.detection.find_strokes`) and `find_blocks`.
    classes : sequence of str
        The N class names.
    negative : str
        The negative class.
    window : int
        Frames in a window.

    Returns
    -------
    decided : Decided
    strokes : list of DetectedInterval
        In time order.

    Raises
    ------
    CrispError
        If the rule does not exist.
    """
    decided = decide_frames(probabilities, rule, fps, settings)
    if settings.candidates == "blocks":
        block = max(1, math.floor(settings.block * fps + 0.5))
        found = find_blocks(video, probabilities, rule, classes, negative, block, window, settings.against)
    else:
        found = find_strokes(video, decided, classes, negative, settings.shortest * fps, settings.against)
    return decided, found


def find_blocks(
    video: str,
    probabilities: Probabilities,
    rule: str,
    classes: Sequence[str],
    negative: str,
    block: int,
    window: int,
    against: str = "best",
) -> list[DetectedInterval]:
    """Return the consecutive blocks of a video that are strokes; a shorter rest at its end is none.

    A block is classified by its windows, as a trimmed stroke is. Neighbours are not joined.

    Parameters
    ----------
    video : str
        Video id.
    probabilities : ndarray, (frames, N)
        Class probabilities of the window around each frame, NaN where there is none.
    rule : str
        One of `decisions.RULES`.
    classes : sequence of str
        The N class names.
    negative : str
        The negative class.
    block, window : int
        Frames in a block and in a window.
    against : str
        As for `crisp.evaluation.detection.beats_negative`.

    Returns
    -------
    list of DetectedInterval
        In time order. `score` is one minus that of the negative class.

    Raises
    ------
    CrispError
        If the rule does not exist.
    """
    rest = list(classes).index(negative)
    first, end = known_frames(probabilities)
    found = []
    for begin in range(0, len(probabilities) - block + 1, block):
        centres = np.array(decisions.windows(begin, begin + block, window)) + window // 2
        rows = probabilities[centres.clip(first, end - 1)]
        scores, ranked = decisions.scores(rows, rule), decisions.rank(rows, rule)
        if beats_negative(scores, ranked[0], rest, against):
            best = int(ranked[ranked != rest][0])
            score, own = float(1 - scores[rest]), float(scores[best])
            found.append(DetectedInterval(video, begin, begin + block, classes[best], score, own))
    return found
