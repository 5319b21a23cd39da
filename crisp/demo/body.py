"""The player's body: from an offset to the joints in the image."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from crisp.demo.motion import Offset
from crisp.demo.script import DemoVideo

WIDTH, HEIGHT = 192, 108
GRID = 16  # positions are multiples of a sixteenth of a pixel: the last bit of a sine cannot matter

Point = tuple[float, float]


class Build(NamedTuple):
    """Body of one player; ``height`` in pixels, ``foot`` the place on the floor in the image."""

    height: float
    foot: Point
    facing: int
    hand: str
    stoop: float
    grip: float
    ready: Point


class BodyPose(NamedTuple):
    """A player at one moment: points in the image by name, and the direction of the racket.

    ``points`` holds `crisp.core.skeleton.JOINTS` and the other drawn points (``near``: towards the camera,
    ``far``: beyond); ``racket`` is the centre of the blade, ``aim`` the direction of the handle in radians of
    the image.
    """

    points: dict[str, Point]
    racket: Point
    aim: float


def build(video: DemoVideo) -> Build:
    """Draw the body of a video's player."""
    chance = random.Random(f"body of {video.id}")
    back = chance.uniform(50.0, 62.0)  # pixels between the edge of the image and the player
    return Build(
        height=chance.uniform(82.0, 94.0),
        foot=(back if video.facing > 0 else WIDTH - back, chance.uniform(100.0, 104.0)),
        facing=video.facing,
        hand=video.hand,
        stoop=chance.uniform(0.15, 0.35),
        grip=chance.uniform(0.5, 1.1),
        ready=(chance.uniform(0.20, 0.24), chance.uniform(-0.17, -0.13)),
    )


def pose(player: Build, offset: Offset) -> BodyPose:
    """Place a player's body.

    Parameters
    ----------
    player : Build
        The body.
    offset : Offset
        Its distance from the ready pose.

    Returns
    -------
    BodyPose
        Positions in pixels of the image, on the grid.
    """
    unit = player.height
    lean = player.stoop + offset.lean
    # The trunk moves part of the way with the racket; the arm alone would not reach.
    follow = (0.5 * offset.racket_x, 0.2 * offset.racket_y)
    hip = (offset.root + follow[0] - 0.04, 0.47 - offset.crouch + min(0.03, follow[1]))
    neck = _move(hip, math.pi / 2 - lean, 0.29)
    head = _move(neck, math.pi / 2 - 0.5 * lean, 0.115)
    near = "right" if player.facing > 0 else "left"
    far = "left" if near == "right" else "right"
    body: dict[str, Point] = {
        "hip": hip,
        "neck": neck,
        "head": head,
        "nose": _part(head, lean, 0.068, -0.003),
    }
    racket_hand = (
        player.ready[0] + offset.racket_x - follow[0],
        player.ready[1] + offset.racket_y - follow[1],
    )
    free_hand = (0.17 + offset.free_x, -0.20 + offset.free_y)
    for depth, side, shift in (("near", near, 0.012), ("far", far, -0.012)):
        shoulder = (neck[0] - shift, neck[1] - 0.03 - shift)
        hand = racket_hand if side == player.hand else free_hand
        wrist, elbow = _limb(shoulder, (neck[0] + hand[0], neck[1] + hand[1]), 0.20, 0.19, -1.0)
        body |= {f"{side} shoulder": shoulder, f"{side} elbow": elbow, f"{side} wrist": wrist}
        body |= {f"{depth} {part}": body[f"{side} {part}"] for part in ("shoulder", "elbow", "wrist")}
        body[f"{side} eye"] = _part(head, lean, 0.048, 0.02 - 0.5 * shift)
        body[f"{side} ear"] = _part(head, lean, -0.005, 0.005 - 0.5 * shift)
        body[f"{side} hip"] = (hip[0] - 1.5 * shift, hip[1] - shift)
        body |= _leg(depth, body[f"{side} hip"], offset)
    # The blade keeps its angle, so that it moves as far in every class.
    aim = player.grip + offset.turn
    racket = _move(body[f"{player.hand} wrist"], aim, 0.125)

    def to_picture(point: Point) -> Point:
        return (
            _on_grid(player.foot[0] + player.facing * unit * point[0]),
            _on_grid(player.foot[1] - unit * point[1]),
        )

    picture_aim = math.atan2(-math.sin(aim), player.facing * math.cos(aim))
    return BodyPose(
        {name: to_picture(point) for name, point in body.items()}, to_picture(racket), picture_aim
    )


def _leg(depth: str, hip: Point, offset: Offset) -> dict[str, Point]:
    side = 1.0 if depth == "near" else -1.0
    swing = math.sin(2.0 * math.pi * offset.stride)
    # Feet do not move unless the player steps.
    travel = offset.root if offset.stride else 0.0
    foot = (travel + side * (0.09 + 0.05 * swing) - 0.02, 0.02 + 0.03 * max(0.0, side * swing) - 0.008 * side)
    ankle, knee = _limb(hip, foot, 0.26, 0.25, 1.0)
    return {f"{depth} hip": hip, f"{depth} knee": knee, f"{depth} ankle": ankle}


def _part(head: Point, lean: float, forward: float, up: float) -> Point:
    cos, sin = math.cos(0.3 * lean), math.sin(0.3 * lean)
    return head[0] + cos * forward + sin * up, head[1] - sin * forward + cos * up


def _move(start: Point, angle: float, length: float) -> Point:
    return start[0] + length * math.cos(angle), start[1] + length * math.sin(angle)


def _limb(root: Point, end: Point, upper: float, lower: float, bend: float) -> tuple[Point, Point]:
    """Bend a limb of two bones to reach a point, or as near as it can; return (end, middle)."""
    across, along = end[0] - root[0], end[1] - root[1]
    reach = min(max(math.hypot(across, along), 0.35 * (upper + lower)), 0.995 * (upper + lower))
    angle = math.atan2(along, across)
    inner = math.acos((upper**2 + reach**2 - lower**2) / (2.0 * upper * reach))
    return _move(root, angle, reach), _move(root, angle + bend * inner, upper)


def _on_grid(value: float) -> float:
    return math.floor(value * GRID + 0.5) / GRID
