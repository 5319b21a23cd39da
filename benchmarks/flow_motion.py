"""How much of the true speed of fast, small things each flow method finds.

    python benchmarks/flow_motion.py
    python benchmarks/flow_motion.py --image rubberwhale1.png
    python benchmarks/flow_motion.py --clips FOLDER --joints one.npz other.npz

Of the demo's player, at twice its speed and blurred by motion: the wrist of the racket hand and the racket.
With --image: discs cut from that picture, of a radius r, that move by some pixels. With --clips: wrists of
real clips, where several estimates of the joints agree and the pictures confirm the motion
(`true_motion.real`).

A method's flow at a place is its mean within 0.5 % of the picture's width (a pixel at least). The table gives
the share of the true speed found, the flow's component along the true motion, by fifths of the true speed
(slow to fast), the median error in px of the slowest and of the fastest fifth, and ms of processor time per
pair.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import true_motion

from crisp.preparation import flow

RADIUS = 0.005  # of the width
FIFTHS = 5
HEAD = (
    f"{'source':<12} {'width':>5} {'fps':>4} {'method':<10}"
    f" {'1st':>5} {'2nd':>5} {'3rd':>5} {'4th':>5} {'5th':>5} {'slow':>6} {'fast':>6} {'ms':>6}"
)


def measure(
    pairs: Iterable[true_motion.Pair], method: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return true speeds, speeds found along the true motion, errors (px), and ms per pair."""
    rows, spent, count = [], 0.0, 0
    for frames, places, motions in pairs:
        begin = time.process_time()
        field = flow.compute(frames, method)[1]
        spent, count = spent + time.process_time() - begin, count + 1
        height, width = field.shape[:2]
        y, x = np.mgrid[:height, :width]
        for place, move in zip(places, motions, strict=True):
            around = np.hypot(x - place[0], y - place[1]) <= max(1.0, RADIUS * width)
            speed = np.hypot(*move)
            if around.any() and speed > 0:
                found = field[around].mean(axis=0)
                rows.append((speed, found @ move / speed, np.hypot(*(found - move))))
    speeds, along, errors = np.array(rows).T
    return speeds, along, errors, 1000 * spent / count


def print_fifths(source: str, pairs: list[true_motion.Pair], methods: list[str], fps: str = "") -> None:
    """Print a row of the table for each method."""
    for method in methods:
        flow.compute(pairs[0].frames, method)  # compiled, and loaded
        speeds, along, errors, spent = measure(pairs, method)
        fifth = np.searchsorted(np.quantile(speeds, np.arange(1, FIFTHS) / FIFTHS), speeds)
        shares = [along[fifth == n].sum() / speeds[fifth == n].sum() for n in range(FIFTHS)]
        slow, fast = (np.median(errors[fifth == n]) for n in (0, FIFTHS - 1))
        print(
            f"{source[:12]:<12} {pairs[0].frames.shape[2]:5} {fps:>4} {method:<10}"
            f" {' '.join(f'{share:5.2f}' for share in shares)}"
            f" {slow:6.2f} {fast:6.2f} {spent:6.1f}",
            flush=True,
        )
    bounds = ", ".join(f"{value:.1f}" for value in np.quantile(speeds, np.arange(1, FIFTHS) / FIFTHS))
    print(f"    {len(speeds)} motions; the fifths of their speed meet at {bounds} px per frame", flush=True)


def print_discs(path: Path, methods: list[str]) -> None:
    """Print the share of the motion found by radius and motion of the discs."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise SystemExit(f"{path}: not a picture")
    for radius in true_motion.RADII:
        heads = " ".join(f"{shift:>3} px" for shift in true_motion.SHIFTS)
        print(f"discs of radius {radius} px\n{'method':<10} {heads}")
        for method in methods:
            shares = []
            for shift in true_motion.SHIFTS:
                speeds, along, _, _ = measure([true_motion.discs(image, radius, shift)], method)
                shares.append(along.sum() / speeds.sum())
            print(f"{method:<10} {' '.join(f'{share:6.2f}' for share in shares)}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", nargs="+", choices=flow.METHODS, default=list(flow.METHODS))
    parser.add_argument("--widths", nargs="+", type=int, default=[160, 320], help="px")
    parser.add_argument("--rates", nargs="*", type=float, default=[20, 30, 60, 120], help="of the demo; fps")
    parser.add_argument("--pairs", type=int, default=80, help="of the demo, by width and rate")
    parser.add_argument("--image", type=Path, help="picture to cut discs from")
    parser.add_argument("--clips", type=Path, help="folder of real clips")
    parser.add_argument("--joints", nargs="+", type=Path, default=[], help=".npz files: joints by clip")
    parser.add_argument("--every", type=int, default=1, help="take every n-th clip")
    given = parser.parse_args()
    print(HEAD)
    for width in given.widths:
        for rate in given.rates:
            pairs = list(true_motion.demo(rate, width, given.pairs))
            print_fifths("demo", pairs, given.methods, f"{rate:g}")
        if given.clips:
            pairs = list(true_motion.real(given.clips, given.joints, width, given.every))
            print_fifths(given.clips.name, pairs, given.methods)
    if given.image:
        print_discs(given.image, given.methods)


if __name__ == "__main__":
    main()
