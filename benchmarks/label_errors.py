"""How many wrong labels the ranking finds: labels of the demo are exchanged, and looked for.

In a clone, best after the demo, whose volumes it shares:

    python benchmarks/label_errors.py [--flipped 15] [--folder config/flipped]

writes a study whose annotations have another class in some strokes, runs it as a cross-validation of the flow
model (about a training a fold), and counts the exchanged labels among the first of the ranking.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import yaml

from crisp.study import load, tables
from crisp.study.annotations import read_annotation, write_annotation

DEMO = Path("config/config.yaml")


def write(folder: Path, count: int, seed: int) -> set[str]:
    """Write the study, and return the samples whose label is exchanged."""
    demo = load.load_study(DEMO)
    chance = random.Random(seed)
    rows = [row for row in demo.annotations if row.task == "classification"]
    files = {row.video: read_annotation(demo.annotation_file(row)) for row in rows}
    every = [(video, number) for video, strokes in files.items() for number in range(len(strokes))]
    flipped = set()
    for video, number in chance.sample(every, count):
        stroke = files[video][number]
        others = [name for name in demo.classes if name not in (stroke.label, demo.negative_class)]
        files[video][number] = stroke._replace(label=chance.choice(others))
        flipped.add(f"{video}:{stroke.begin}-{stroke.end}")
    for video, strokes in files.items():
        write_annotation(folder / f"{video}.xml", strokes)
    tables.write_annotations(
        folder / "annotations.tsv", [replace(row, path=f"{row.video}.xml") for row in rows]
    )
    content = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    content["dataset"]["annotations"] = (folder / "annotations.tsv").as_posix()
    changes = {
        "study": "flipped",
        "split": {"method": "by_video", "folds": 4},
        "variants": [{"name": "flow", "model": "flow"}],
        "report": {"videos": 0},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump({**content, **changes}), encoding="utf-8")
    return flipped


def main() -> None:
    """Print how many exchanged labels are among the first of the ranking, and how many by chance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--flipped", type=int, default=15, help="labels to exchange")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of labels")
    parser.add_argument("--folder", type=Path, default=Path("config/flipped"), help="of the study to write")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    flipped = write(asked.folder, asked.flipped, asked.seed)
    file = str(asked.folder / "study.yaml")
    subprocess.run(["snakemake", "--profile", "profiles/local", "--configfile", file], check=True)
    said = subprocess.run(
        ["crisp", "label-errors", "--study", file, "--json"], check=True, capture_output=True, text=True
    )
    ranked = json.loads(said.stdout)["ranked"]
    wrong = [row["sample"] in flipped for row in ranked]
    print(f"{len(flipped)} exchanged labels among {len(ranked)} samples")
    for first in (len(flipped), 2 * len(flipped), 3 * len(flipped)):
        by_chance = first * len(flipped) / len(ranked)
        print(f"in the first {first:3}: {sum(wrong[:first]):3}, by chance {by_chance:.1f}")
    likely = [one for one, row in zip(wrong, ranked, strict=True) if row["likely"]]
    print(f"likely errors: {len(likely)}, {sum(likely)} of them exchanged")


if __name__ == "__main__":
    main()
