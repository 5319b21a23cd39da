"""Cast and schedule of the demo videos."""

from __future__ import annotations

import random
from typing import NamedTuple

from crisp.core.errors import fail
from crisp.demo.motion import EVEN, LABELS, MOVES, PASTIMES, Style
from crisp.study.annotations import Stroke

FPS = 20
BLOCK = FPS  # frames of one Negative
LENGTHS = (16, 16, 17, 17, 18, 18, 19, 20, 22, 25)  # frames of a stroke, same for every class
SHORTEST = 12  # frames of a pastime
RALLY = (4, 5, 6)  # frames between two strokes of a rally


class DemoVideo(NamedTuple):
    """One demo video: its player and purpose.

    ``facing`` is 1 if the player looks to the right of the image and -1 to the left; ``hand`` is
    the player's own ("left" or "right"); ``rounds`` counts the strokes of each class.
    """

    id: str
    split: str
    facing: int
    hand: str
    rounds: int
    detection: bool


class Action(NamedTuple):
    """The player's action in the frames ``[begin, end)``: a stroke class or a pastime."""

    kind: str
    begin: int
    end: int
    style: Style


def _videos() -> tuple[DemoVideo, ...]:
    plan = [("train", 3, False)] * 8 + [("train", 2, False)] * 4 + [("validation", 2, False)] * 4
    plan += [("test", 2, False)] * 4 + [("test", 2, True)] * 2
    stances = [(facing, hand) for hand in ("right", "left") for facing in (1, -1)]
    return tuple(
        DemoVideo(f"player-{number + 1:02d}", split, *stances[number % 4], rounds, detection)
        for number, (split, rounds, detection) in enumerate(plan)
    )


VIDEOS = _videos()


def find(video_id: str) -> DemoVideo:
    """Return the demo video with that id.

    Raises
    ------
    CrispError
        If there is none.
    """
    for video in VIDEOS:
        if video.id == video_id:
            return video
    known = f"{VIDEOS[0].id} to {VIDEOS[-1].id}"
    raise fail("crisp.demo", "no such demo video", known, video_id, "choose one of the demo's videos")


def actions(video: DemoVideo) -> list[Action]:
    """Tile a video with actions: strokes of all classes in random order, pastimes between them.

    Returns
    -------
    list of Action
        Without gaps, from frame 0 to the end of the video.
    """
    chance = random.Random(f"timeline of {video.id}")
    strokes = [label for label in LABELS for _ in range(video.rounds)]
    chance.shuffle(strokes)
    done: list[Action] = []

    def add(kind: str, frames: int) -> None:
        begin = done[-1].end if done else 0
        done.append(Action(kind, begin, begin + frames, _style(chance)))

    pauses = _pauses(chance, len(strokes), video.detection)
    for label, pause in zip([*strokes, None], pauses, strict=True):
        for frames in pause:
            kind = chance.choice(PASTIMES) if frames >= SHORTEST else "wait"
            add(kind, frames)
        if label:
            add(label, chance.choice(LENGTHS))
    return done


def _pauses(chance: random.Random, strokes: int, detection: bool) -> list[list[int]]:
    """Return the lengths of the pastimes before each stroke and after the last."""
    if detection:
        return [[chance.randrange(16, 21) for _ in range(2)] for _ in range(strokes + 1)]
    pauses = [[chance.choice(RALLY)] for _ in range(strokes + 1)]
    # Negatives are blocks of a gap, whatever happens there: twice as many as strokes of one class, or more.
    for place in chance.sample(range(strokes + 1), strokes // 3 + 1):
        whole = chance.randrange(2 * BLOCK, 2 * BLOCK + 4)
        first = chance.randrange(SHORTEST, 2 * BLOCK - SHORTEST)
        pauses[place] = [first, whole - first]
    return pauses


def _style(chance: random.Random) -> Style:
    return Style(
        scale_x=chance.uniform(0.8, 1.2),
        scale_y=chance.uniform(0.8, 1.2),
        tilt=chance.uniform(-0.2, 0.2),
        joints=_joints(chance),
        lean=chance.uniform(0.0, 0.15),
        root=chance.uniform(0.0, 0.07),
        crouch=chance.uniform(0.0, 0.045),
        turn=chance.uniform(0.0, 0.4),
        free=chance.uniform(0.0, 0.12),
        beats=(chance.random(), chance.random(), chance.random(), chance.random()),
    )


def _joints(chance: random.Random) -> tuple[float, float, float]:
    first, second, third = (joint + chance.uniform(-0.06, 0.06) for joint in EVEN)
    return first, second, third


def strokes(video: DemoVideo) -> list[Stroke]:
    """Return the true strokes of a video, sorted by time."""
    done = [action for action in actions(video) if action.kind in MOVES]
    return [Stroke(action.begin, action.end, action.kind) for action in done]
