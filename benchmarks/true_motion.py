"""Pairs of pictures with motions that are known: of the demo's player, of moved discs, of real wrists."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from crisp.core.skeleton import JOINTS
from crisp.demo import body, motion, scene, script
from crisp.preparation import flow, video
from crisp.preparation.frames import working_size

WRISTS = tuple(JOINTS.index(f"{side} wrist") for side in ("left", "right"))
PLAYERS = (0, 5)  # of the demo
SPEED = 2  # the demo's strokes take a second, those of a rally half a second
SECONDS = 8.0  # of a demo video, from which its pairs are taken
EXPOSURES = 4  # pictures averaged over the half of a frame's time in which the shutter is open
NOISE = 3.0  # standard deviation, grey levels
RADII, SHIFTS = (3, 6, 12), (2, 4, 8, 16, 32)  # px, of discs and their motion
PATCH, SEARCH = 7, 4  # px: half sides of the patch around a wrist, and of the search for it
LIKE, BETTER = 0.7, 0.1  # correlation of a confirmed wrist, and by how much it exceeds that without motion
AGREE = 4.0  # px, between several estimates of a wrist
FLAT = 8.0  # grey levels; patches with a lower deviation confirm nothing


class Pair(NamedTuple):
    """Two grey frames (2, H, W) uint8; places in the first one and their true motions, (n, 2) px."""

    frames: np.ndarray
    places: np.ndarray
    motions: np.ndarray


class Film:
    """A demo video as a camera of another rate and width sees it: blurred by motion, with noise.

    Times are in frames of the demo, `step` is from one picture to the next.
    """

    def __init__(self, number: int, rate: float, width: int) -> None:
        self.video = script.VIDEOS[number]
        self.player = body.build(self.video)
        self.scene = scene.Scene(self.video, self.player)
        self.scene.look = self.scene.look._replace(passer=0.0)
        self.actions = script.actions(self.video)
        self.begins = [action.begin for action in self.actions]
        self.noise = np.random.default_rng(number)
        self.step = script.FPS * SPEED / rate
        self.width = width

    def pose(self, time: float) -> body.BodyPose:
        """The player at a time."""
        action = self.actions[bisect.bisect(self.begins, time) - 1]
        frames = action.end - action.begin
        offset = motion.offset(action.kind, (time - action.begin) / frames, frames, action.style)
        return body.pose(self.player, offset)

    def places(self, time: float) -> np.ndarray:
        """Wrist of the racket hand and racket, (2, 2) px."""
        pose = self.pose(time)
        return np.array([pose.points[f"{self.video.hand} wrist"], pose.racket]) * self.width / body.WIDTH

    def picture(self, time: float) -> np.ndarray:
        """The mean of what is seen in half the time of a picture."""
        moments = time + self.step * ((np.arange(EXPOSURES) + 0.5) / EXPOSURES - 0.5) / 2
        edge = scene.MARGIN * scene.SCALE
        seen = np.mean([self.scene.paint(self.pose(moment), None) for moment in moments], axis=0)
        size = self.width, self.width * body.HEIGHT // body.WIDTH
        small = cv2.resize(seen[edge:-edge, edge:-edge], size, interpolation=cv2.INTER_AREA)
        return np.clip(small + self.noise.normal(0, NOISE, small.shape), 0, 255).astype(np.uint8)


def demo(rate: float, width: int, count: int) -> Iterator[Pair]:
    """Yield pairs of the demo's videos at another rate and width, with wrist and racket of the player."""
    for number in PLAYERS:
        film = Film(number, rate, width)
        for time in np.linspace(1, SECONDS * script.FPS * SPEED, count // len(PLAYERS)):
            moments = time, time + film.step
            first, second = map(film.places, moments)
            yield Pair(flow.grey(np.stack(list(map(film.picture, moments)))), first, second - first)


def discs(image: np.ndarray, radius: int, shift: int) -> Pair:
    """Return an image (H, W) uint8 with discs cut from elsewhere in it that move by `shift` px each way."""
    height, width = image.shape
    pair = np.stack([image, image]).astype(np.float32)
    places, motions = [], []
    step = 2 * (radius + 32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    centres = [(a, b) for b in range(step, height - step, step) for a in range(step, width - step, step)]
    for number, (left, top) in enumerate(centres):
        angle = 2 * math.pi * number / 8
        move = shift * math.cos(angle), shift * math.sin(angle)
        source = (left + width / 2) % (width - 2 * step) + step, height - top
        for frame, (dx, dy) in zip(pair, ((0.0, 0.0), move), strict=True):
            texture = cv2.getRectSubPix(image, (2 * radius + 4,) * 2, source)
            inside = np.clip(radius + 0.5 - np.hypot(x - left - dx, y - top - dy), 0, 1)
            matrix = np.array([[1, 0, left + dx - radius - 1.5], [0, 1, top + dy - radius - 1.5]])
            moved = cv2.warpAffine(texture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
            frame += inside * (moved - frame)
        places.append((left, top))
        motions.append(move)
    return Pair(np.clip(pair, 0, 255).astype(np.uint8), np.array(places, float), np.array(motions))


def real(folder: Path, estimates: Sequence[Path], width: int, every: int) -> Iterator[Pair]:
    """Yield pairs of real clips with the motions of wrists that their pictures confirm.

    Each of `estimates` is an .npz file with an array (frames, joints, x y and more) per clip, in px of
    the clip, NaN = not found. A motion counts if the estimates agree and the patch around the wrist is
    found again, at the original size, near the estimated place; its place there is the truth.
    """
    files = [np.load(path) for path in estimates]
    for name in sorted(files[0].files)[::every]:
        images = list(video.frames(folder / name))
        full = flow.grey(np.stack(images))
        height, wide = full.shape[1:]
        size = working_size(wide, height, width)
        small = flow.grey(np.stack([video.resize(image, *size) for image in images]))
        found = np.stack([file[name][:, WRISTS, :2] for file in files])
        joints = np.median(found, axis=0)
        sure = np.linalg.norm(found - joints, axis=-1).max(axis=0) < AGREE
        for index in range(1, min(len(full), len(joints))):
            confirmed = [
                refined
                for wrist in range(len(WRISTS))
                if sure[index - 1 : index + 1, wrist].all()
                for refined in _confirm(full[index - 1 : index + 1], *joints[index - 1 : index + 1, wrist])
            ]
            if confirmed:
                places, motions = np.moveaxis(np.array(confirmed), 1, 0) * size[0] / wide
                yield Pair(small[index - 1 : index + 1], places, motions)


def _confirm(
    frames: np.ndarray, before: np.ndarray, after: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the place and motion of a wrist (x, y) if its patch is found again near its next place."""
    start, end = np.round(before).astype(int), np.round(after).astype(int)
    edge = PATCH + SEARCH
    inner = np.array(frames.shape[:0:-1]) - edge
    if (np.minimum(start, end) < edge).any() or (np.maximum(start, end) >= inner).any():
        return

    def patch(frame: np.ndarray, place: np.ndarray, reach: int) -> np.ndarray:
        x, y = place
        return frame[y - reach : y + reach + 1, x - reach : x + reach + 1]

    template = patch(frames[0], start, PATCH)
    if template.std() < FLAT:
        return
    likeness = cv2.matchTemplate(patch(frames[1], end, edge), template, cv2.TM_CCOEFF_NORMED)
    still = cv2.matchTemplate(patch(frames[1], start, PATCH), template, cv2.TM_CCOEFF_NORMED)[0, 0]
    best = np.array(np.unravel_index(likeness.argmax(), likeness.shape))[::-1]
    move = end + best - SEARCH - start
    at_edge = (best % (2 * SEARCH) == 0).any()
    if likeness.max() > LIKE and not at_edge and (likeness.max() > still + BETTER or np.hypot(*move) < 1.5):
        yield start.astype(float), move.astype(float)
