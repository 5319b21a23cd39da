"""What poses in the player's own frame are worth on few labels: accuracy over folds of players.

    python benchmarks/poses.py strokes.csv joints.npz

`strokes.csv` has the columns video, begin, end (frames), label and player; `joints.npz` an array of each
of these videos, (N, 13, 3): (x, y, score) of `crisp.core.skeleton.JOINTS` in px, NaN in frames without the
player. Each fold tests the players of a fifth of the strokes; a quarter of the others' strokes, again of
players of their own, chooses the epoch and is all that a recipe may be chosen by (`--validation`
tests nothing).
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedGroupKFold

from crisp import models
from crisp.clips import augmentation, player_frame, pose_stream
from crisp.evaluation.metrics import interval
from crisp.preparation.pose import with_centre
from crisp.study.variants import Variant

FRAMES, EPOCHS, BATCH = 24, 100, 10
COMMON = {"model": "pose", "size": [FRAMES, 1, 1], "spread": 0.25}
RECIPES: dict[str, dict[str, Any]] = {
    "default": {"optimiser": "sgd", "learning_rate": 0.01, "weight_decay": 0.005},
    "few labels": {
        "optimiser": "adamw",
        "learning_rate": 0.0005,
        "weight_decay": 0.05,
        "dropout": 0.5,
    },
}


class Stroke(NamedTuple):
    """A labelled stroke of a video."""

    video: str
    begin: int
    end: int
    label: int
    player: str


def read(path: Path) -> list[Stroke]:
    """Strokes of a CSV, labels numbered in alphabetical order."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    names = sorted({row["label"] for row in rows})
    return [
        Stroke(row["video"], int(row["begin"]), int(row["end"]), names.index(row["label"]), row["player"])
        for row in rows
    ]


def folds(strokes: list[Stroke]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Indices of (train, validation, test) of each of five folds; no player is in two of them."""
    labels, players = np.array([s.label for s in strokes]), np.array([s.player for s in strokes])
    found = []
    for rest, test in StratifiedGroupKFold(5, shuffle=True, random_state=0).split(labels, labels, players):
        inner = StratifiedGroupKFold(4, shuffle=True, random_state=0)
        train, validation = next(inner.split(rest, labels[rest], players[rest]))
        found.append((rest[train], rest[validation], test))
    return found


class Clips:
    """The clips of a pose variant."""

    def __init__(self, strokes: list[Stroke], joints: dict[str, np.ndarray], fps: float, norm: str) -> None:
        self.strokes, self.norm = strokes, norm
        centred = {
            name: with_centre(np.concatenate([np.full((len(one), 1, 3), np.nan), one], axis=1))
            for name, one in joints.items()
        }
        own = norm in player_frame.NORMS
        self.points = {
            name: player_frame.in_player_frame(one, fps, norm) if own else one
            for name, one in centred.items()
        }
        # Without a region of interest: the middle of the picture that the joints are in.
        every = np.concatenate([one.reshape(-1, 3) for one in joints.values()])
        width, height = np.nanmax(every[:, :2], axis=0)
        self.picture, self.centre = (int(height), int(width)), np.array([int(width) // 2, int(height) // 2])

    def clip(self, index: int, draw: augmentation.Draw) -> np.ndarray:
        """The model's input (C, T)."""
        points = self.points[self.strokes[index].video]
        rows = np.clip(np.arange(draw.begin, draw.begin + FRAMES), 0, len(points) - 1)
        centres = np.tile(self.centre, (FRAMES, 1))
        return pose_stream.channels(points[rows], centres, draw, (FRAMES, 1, 1), self.picture, self.norm)

    def middle(self, index: int) -> np.ndarray:
        """The clip without augmentation."""
        one = self.strokes[index]
        return self.clip(index, augmentation.centred(one.begin, one.end, FRAMES))

    def drawn(self, index: int, seed: int, epoch: int) -> np.ndarray:
        """The clip as augmented in an epoch."""
        one, generator = self.strokes[index], augmentation.generator(seed, epoch, index)
        size = (FRAMES, *self.picture)  # shifts are shares of it
        return self.clip(
            index, augmentation.draw(generator, one.begin, one.end, size, spread=COMMON["spread"])
        )


def train(clips: Clips, parts: tuple, recipe: dict[str, Any], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted classes of a fold's (validation, test), by the epoch of the least validation loss."""
    training, validation, test = parts
    labels = torch.tensor([one.label for one in clips.strokes])
    keys = {key: recipe[key] for key in ("dropout",) if key in recipe}
    variant = Variant.from_config({"name": "pose", **COMMON, **keys, "pose_norm": clips.norm})
    torch.manual_seed(seed)
    model = models.build(variant, len(set(labels.tolist())))
    rate, decay = recipe["learning_rate"], recipe["weight_decay"]
    optimiser: torch.optim.Optimizer = (
        torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
        if recipe["optimiser"] == "adamw"
        else torch.optim.SGD(model.parameters(), lr=rate, weight_decay=decay, momentum=0.5, nesterov=True)
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)

    def logits(rows: np.ndarray) -> torch.Tensor:
        with torch.no_grad():
            return model.eval()({"pose": torch.from_numpy(np.stack([clips.middle(row) for row in rows]))})

    least, found = float("inf"), (np.zeros(0), np.zeros(0))
    for epoch in range(EPOCHS):
        order = augmentation.generator(seed, epoch, len(labels)).permutation(training)
        model.train()
        for batch in np.array_split(order, -(-len(order) // BATCH)):
            batches = torch.from_numpy(np.stack([clips.drawn(int(row), seed, epoch) for row in batch]))
            loss = torch.nn.functional.cross_entropy(model({"pose": batches}), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
        validated = logits(validation)
        loss = torch.nn.functional.cross_entropy(validated, labels[validation])
        if loss < least:
            least = float(loss)
            found = validated.argmax(dim=1).numpy(), logits(test).argmax(dim=1).numpy()
    return found


def statistics(clips: Clips) -> np.ndarray:
    """Mean, deviation, minimum and maximum of each channel over the stroke, (strokes, features)."""
    rows = []
    for one in clips.strokes:
        values = np.nan_to_num(clips.points[one.video][one.begin : one.end]).reshape(one.end - one.begin, -1)
        rows.append(np.concatenate([values.mean(0), values.std(0), values.min(0), values.max(0)]))
    return np.array(rows)


def trees(clips: Clips, parts: tuple, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Extra trees on the statistics of a fold; the predicted classes of (validation, test)."""
    training, validation, test = parts
    features, labels = statistics(clips), np.array([one.label for one in clips.strokes])
    model = ExtraTreesClassifier(500, random_state=seed).fit(features[training], labels[training])
    return model.predict(features[validation]), model.predict(features[test])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("strokes", type=Path)
    parser.add_argument("joints", type=Path)
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--norms", nargs="+", default=["image", "player-as-filmed", "player"])
    parser.add_argument("--validation", action="store_true", help="test nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    strokes = read(options.strokes)
    with np.load(options.joints) as archive:
        joints = {name: archive[name] for name in archive.files}
    labels = np.array([one.label for one in strokes])
    print(f"{len(strokes)} strokes of {len({one.player for one in strokes})} players")
    for norm in options.norms:
        clips = Clips(strokes, joints, options.fps, norm)
        ways: dict[str, Any] = {
            name: lambda *a, r=recipe: train(*a[:2], r, a[2]) for name, recipe in RECIPES.items()
        }
        for name, way in {**ways, "extra trees": trees}.items():
            begin, chosen, right = time.monotonic(), [], []
            for seed in options.seeds:
                parts = folds(strokes)
                results = [way(clips, part, seed) for part in parts]
                chosen.append(
                    np.concatenate(
                        [a == labels[p[1]] for p, (a, _) in zip(parts, results, strict=True)]
                    ).mean()
                )
                right.append(
                    sum(int((b == labels[p[2]]).sum()) for p, (_, b) in zip(parts, results, strict=True))
                )
            row = f"{norm:17} {name:12} validation {np.mean(chosen):.3f}"
            if not options.validation:
                accuracy = [count / len(strokes) for count in right]
                low, high = interval(round(float(np.mean(right))), len(strokes)) or [0, 1]
                shown = " ".join(f"{one:.3f}" for one in accuracy)
                row += f"  test {np.mean(accuracy):.3f} ({shown}), interval {low:.2f} to {high:.2f}"
            print(f"{row}, {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
