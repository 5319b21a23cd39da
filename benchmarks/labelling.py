"""Accuracy against the number of labels: chosen as `crisp suggest` does, or at random.

    python benchmarks/labelling.py strokes.csv joints.npz

The files are those of `benchmarks/poses.py`. In each repetition the strokes are divided into five folds that
keep players apart. The labels of four of them are bought in rounds of ten: the first ten at random, the same
for all ways but one (`chosen from nothing` takes one of each of ten clusters), the next ten by each way.
Extra trees on the poses, fitted on the labels so far, are tested on the fifth fold. A cell has the mean
accuracy, its deviation over the repetitions, and the 95 % interval of the difference from random, by a
bootstrap over players.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from poses import Stroke, read
from sklearn.model_selection import StratifiedGroupKFold

from crisp.evaluation.baselines import POSES, pose_features
from crisp.evaluation.selection import choose, margin_uncertainty, standardise
from crisp.preparation.pose import with_centre
from crisp.study.samples import Sample

COUNTS = (10, 20, 30, 40, 60)
ROUND, FOLDS, DRAWS = 10, 5, 2000
ALL = "all"

WAYS = ("random", "chosen", "chosen from nothing", "diversity alone", "uncertainty alone")


def features(strokes: list[Stroke], joints: dict[str, np.ndarray]) -> np.ndarray:
    """Features of the strokes as of a study's baseline on poses, (strokes, F)."""
    rows = []
    for one in strokes:
        points = joints[one.video]
        people = with_centre(np.concatenate([np.full((len(points), 1, 3), np.nan), points], axis=1))
        sample = Sample(one.video, one.begin, one.end, "", "stroke", one.video)
        rows.append(pose_features(np.nan_to_num(people), sample))
    return np.array(rows)


def learn(
    way: str, values: np.ndarray, labels: np.ndarray, pool: np.ndarray, test: np.ndarray, seed: int
) -> dict[int, np.ndarray]:
    """Return whether each test stroke is right, by the number of labels."""
    random = np.random.default_rng(seed)
    spread = np.zeros(values.shape)
    spread[pool] = standardise(values[pool])
    first = random.permutation(pool)[:ROUND]
    if way == "chosen from nothing":
        first = pool[choose(spread[pool], ROUND)]
    known = first
    found: dict[int, np.ndarray] = {}
    while True:
        model = POSES.fit((values[known], labels[known]), (values[:0], labels[:0]))
        right = model.predict(values[test]) == labels[test]
        if len(known) in COUNTS:
            found[len(known)] = right
        if len(known) == max(COUNTS):
            break
        free = np.setdiff1d(pool, known)
        shares = model.predict_proba(values[free])
        unsure = margin_uncertainty(shares) if shares.shape[1] > 1 else np.ones(len(free))
        if way == "random":
            bought = random.permutation(len(free))[:ROUND]
        elif way == "uncertainty alone":
            bought = np.argsort(-unsure, kind="stable")[:ROUND]
        else:
            bought = choose(spread[free], ROUND, None if way == "diversity alone" else unsure)
        known = np.concatenate([known, free[bought]])
    return found


def repeat(
    strokes: list[Stroke], values: np.ndarray, repetition: int
) -> dict[tuple[str, int | str], np.ndarray]:
    """Return whether each stroke is right, by the way and the number of labels, of all folds together."""
    labels = np.array([one.label for one in strokes])
    players = np.array([one.player for one in strokes])
    cells = [*product(WAYS, COUNTS), (WAYS[0], ALL)]
    found: dict[tuple[str, int | str], np.ndarray] = {cell: np.zeros(len(labels)) for cell in cells}
    divided = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=repetition)
    for fold, (pool, test) in enumerate(divided.split(labels, labels, players)):
        every = POSES.fit((values[pool], labels[pool]), (values[:0], labels[:0]))
        found[WAYS[0], ALL][test] = every.predict(values[test]) == labels[test]
        for way in WAYS:
            right = learn(way, values, labels, pool, test, FOLDS * repetition + fold)
            for count, of_test in right.items():
                found[way, count][test] = of_test
    return found


def interval(difference: np.ndarray, players: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a mean over strokes, by a bootstrap over players."""
    groups = [difference[players == player] for player in np.unique(players)]
    sums, sizes = np.array([group.sum() for group in groups]), np.array([len(group) for group in groups])
    drawn = np.random.default_rng(0).integers(len(groups), size=(DRAWS, len(groups)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("strokes", type=Path)
    parser.add_argument("joints", type=Path)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    strokes = read(options.strokes)
    with np.load(options.joints) as archive:
        values = features(strokes, {name: archive[name] for name in archive.files})
    players = np.array([one.player for one in strokes])
    results = Parallel(options.jobs)(
        delayed(repeat)(strokes, values, number) for number in range(options.repetitions)
    )
    print(f"{len(strokes)} strokes of {len(set(players))} players, {len(results)} repetitions")
    print("| labels | " + " | ".join(WAYS) + " |")
    print("|---|" + "---|" * len(WAYS))
    for count in (*COUNTS, ALL):
        cells = []
        for way in WAYS[: None if count in COUNTS else 1]:
            right = np.array([one[way, count] for one in results])
            low, high = interval((right - [one[WAYS[0], count] for one in results]).mean(axis=0), players)
            beside = "" if way == WAYS[0] else f", {low:+.3f} to {high:+.3f}"
            cells.append(f"{right.mean():.3f} ± {right.mean(axis=1).std():.3f}{beside}")
        print(f"| {count} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
