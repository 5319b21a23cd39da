"""The image: hall, table, player and ball, drawn at twice the size of the video.

All drawing uses integers (fixed-point positions), so that every machine draws the same.
"""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import cv2
import numpy as np

from crisp.demo.body import HEIGHT, WIDTH, BodyPose, Build, Point
from crisp.demo.script import DemoVideo

SCALE = 2  # drawing scale, then averaged
SHIFT = 4  # fractional bits of OpenCV's drawing positions
MARGIN = 8  # pixels drawn beyond each edge, for the camera to move in

Colour = tuple[int, int, int]

_FLOORS = ((168, 92, 70), (120, 128, 140), (150, 120, 88), (96, 120, 104), (140, 80, 96))
_WALLS = ((206, 206, 198), (178, 194, 208), (200, 186, 160), (150, 168, 160), (188, 176, 190))
_TABLES = ((30, 84, 150), (24, 104, 84), (44, 60, 120), (20, 90, 120))
_SHIRTS = (
    (190, 40, 50),
    (240, 200, 60),
    (60, 60, 70),
    (40, 130, 70),
    (230, 120, 40),
    (120, 60, 140),
    (50, 90, 190),
)
_SHORTS = ((30, 30, 40), (50, 60, 90), (80, 80, 84), (90, 40, 50))
_SKINS = ((236, 188, 154), (196, 142, 106), (140, 94, 66), (92, 62, 46))
_HAIR = ((40, 30, 24), (92, 62, 36), (180, 150, 96), (120, 120, 124))
_RUBBERS = ((200, 30, 40), (24, 24, 26))


class Look(NamedTuple):
    """Colours and disturbances of one video; ``shake`` in half pixels, ``noise`` in grey levels."""

    floor: Colour
    wall: Colour
    table: Colour
    shirt: Colour
    shorts: Colour
    skin: Colour
    hair: Colour
    rubber: Colour
    banner: Colour
    horizon: int
    shake: int
    noise: int
    passer: float


def look(video: DemoVideo) -> Look:
    """Draw the appearance of a video."""
    chance = random.Random(f"look of {video.id}")
    return Look(
        floor=chance.choice(_FLOORS),
        wall=chance.choice(_WALLS),
        table=chance.choice(_TABLES),
        shirt=chance.choice(_SHIRTS),
        shorts=chance.choice(_SHORTS),
        skin=chance.choice(_SKINS),
        hair=chance.choice(_HAIR),
        rubber=chance.choice(_RUBBERS),
        banner=chance.choice(_SHIRTS),
        horizon=chance.randrange(60, 74),
        shake=chance.randrange(0, 3),
        noise=chance.randrange(2, 6),
        passer=chance.uniform(0.1, 0.35),
    )


class Scene:
    """Draw the frames of one video.

    Parameters
    ----------
    video : DemoVideo
        Determines appearance, camera and noise.
    player : Build
        The body in the video.
    """

    def __init__(self, video: DemoVideo, player: Build) -> None:
        self.look = look(video)
        self.player = player
        self.chance = random.Random(f"camera of {video.id}")
        self.noise = np.random.Generator(np.random.PCG64(int(video.id.rpartition("-")[2])))
        self.hall = self._draw_hall(random.Random(f"hall of {video.id}"))
        self.camera = (0, 0)
        self.passer = self.chance.uniform(0.0, WIDTH)

    def draw(self, pose: BodyPose, ball: Point | None) -> np.ndarray:
        """Draw the next frame.

        Parameters
        ----------
        pose : BodyPose
            The player in it.
        ball : (x, y) or None
            Position in px; None if no ball is visible.

        Returns
        -------
        ndarray, (108, 192, 3) uint8
            RGB.
        """
        picture = self.paint(pose, ball)
        self._move_camera()
        x, y = (SCALE * MARGIN + step for step in self.camera)
        seen = picture[y : y + SCALE * HEIGHT, x : x + SCALE * WIDTH]
        frame = cv2.resize(seen, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        grain = self.noise.integers(-self.look.noise, self.look.noise + 1, frame.shape, dtype=np.int16)
        return np.clip(frame + grain, 0, 255).astype(np.uint8)

    def paint(self, pose: BodyPose, ball: Point | None) -> np.ndarray:
        """Paint the next frame before the camera moves and adds noise.

        Parameters
        ----------
        pose : BodyPose
            The player in it.
        ball : (x, y) or None
            Position in px; None if no ball is visible.

        Returns
        -------
        ndarray, (248, 416, 3) uint8
            RGB; `SCALE` pixels per pixel of the video, with `MARGIN` pixels of the video beyond each edge.
        """
        picture = self.hall.copy()
        self._draw_passer(picture)
        self._draw_table(picture)
        self._draw_player(picture, pose)
        if ball:
            _disc(picture, ball, 1.6, (250, 244, 226))
        return picture

    def _move_camera(self) -> None:
        """Move the camera by half pixels; rarely, so that the hall mostly stands still."""
        if self.look.shake and self.chance.random() < 0.15:
            limit = self.look.shake
            x, y = (min(limit, max(-limit, step + self.chance.randrange(-1, 2))) for step in self.camera)
            self.camera = x, y

    def _draw_hall(self, chance: random.Random) -> np.ndarray:
        height, width = (SCALE * (side + 2 * MARGIN) for side in (HEIGHT, WIDTH))
        hall = np.empty((height, width, 3), np.uint8)
        hall[:] = self.look.wall
        horizon = self.look.horizon
        for left in range(-MARGIN, WIDTH + MARGIN, 40):
            _box(hall, (left, -MARGIN), (left + 1, horizon), _shade(self.look.wall, -14))
        for _ in range(2):
            left, top = chance.randrange(-10, WIDTH - 30), chance.randrange(4, 26)
            size = (chance.randrange(24, 50), chance.randrange(8, 16))
            _box(hall, (left, top), (left + size[0], top + size[1]), _blend(self.look.banner, self.look.wall))
        _box(hall, (-MARGIN, horizon - 14), (WIDTH + MARGIN, horizon), _shade(self.look.wall, -46))
        for left in range(-MARGIN + chance.randrange(30), WIDTH + MARGIN, 46):
            _box(hall, (left, horizon - 14), (left + 1, horizon), _shade(self.look.wall, -80))
        _box(hall, (-MARGIN, horizon), (WIDTH + MARGIN, HEIGHT + MARGIN), self.look.floor)
        for row in range(horizon + 8, HEIGHT + MARGIN, 14):
            _box(hall, (-MARGIN, row), (WIDTH + MARGIN, row + 1), _shade(self.look.floor, -10))
        return hall

    def _draw_passer(self, picture: np.ndarray) -> None:
        """Draw a passer-by far behind, who walks through the hall."""
        self.passer = (self.passer + self.look.passer) % (WIDTH + 2 * MARGIN)
        x, foot = self.passer - MARGIN, self.look.horizon + 3.0
        dark = _shade(self.look.wall, -70)
        swing = 2.0 * math.sin(x)
        for side in (-1.0, 1.0):
            _limb(picture, (x, foot - 12.0), (x + side * swing, foot), 2, _shade(dark, -20))
        _limb(picture, (x, foot - 20.0), (x, foot - 12.0), 5, dark)
        _disc(picture, (x, foot - 25.0), 2.4, _shade(dark, 20))

    def _draw_table(self, picture: np.ndarray) -> None:
        facing, unit = self.player.facing, self.player.height
        end = self.player.foot[0] + facing * 0.30 * unit
        top = self.player.foot[1] - 0.43 * unit
        far = end + facing * WIDTH
        net = end + facing * 0.78 * unit
        dark = _shade(self.look.table, -30)
        for leg in (0.12, 0.62, 0.95):
            x = end + facing * leg * unit
            _limb(picture, (x, top), (x, self.player.foot[1]), 2, (60, 60, 64))
        slant = facing * 4.0
        board = [(end + slant, top - 6.0), (far, top - 6.0), (far, top), (end, top)]
        _polygon(picture, board, self.look.table)
        _polygon(picture, [(end, top), (far, top), (far, top + 2.0), (end, top + 2.0)], dark)
        _limb(picture, (end, top), (far, top), 1, (235, 235, 235))
        _limb(picture, (end + slant, top - 6.0), (end, top), 1, (235, 235, 235))
        _polygon(
            picture,
            [(net, top + 1.0), (net + slant, top - 6.0), (net + slant, top - 13.0), (net, top - 7.0)],
            (225, 228, 232),
        )

    def _draw_player(self, picture: np.ndarray, pose: BodyPose) -> None:
        unit, points, look = self.player.height, pose.points, self.look
        near = "right" if self.player.facing > 0 else "left"
        racket_side = "near" if self.player.hand == near else "far"
        shadow = (self.player.foot[0], self.player.foot[1] + 1.0)
        _ellipse(picture, shadow, (0.24 * unit, 0.03 * unit), 0, _shade(look.floor, -35))

        def arm(depth: str, dim: int) -> None:
            shoulder, elbow, wrist = (points[f"{depth} {part}"] for part in ("shoulder", "elbow", "wrist"))
            if depth == racket_side:
                self._draw_racket(picture, wrist, pose, dim)
            _limb(picture, elbow, wrist, 0.052 * unit, _shade(look.skin, dim))
            _limb(picture, shoulder, elbow, 0.07 * unit, _shade(look.shirt, dim))
            _disc(picture, wrist, 0.032 * unit, _shade(look.skin, dim))

        def leg(depth: str, dim: int) -> None:
            hip, knee, ankle = (points[f"{depth} {part}"] for part in ("hip", "knee", "ankle"))
            _limb(picture, knee, ankle, 0.055 * unit, _shade(look.skin, dim))
            _limb(picture, hip, knee, 0.095 * unit, _shade(look.shorts, dim))
            toe = (ankle[0] + self.player.facing * 0.06 * unit, ankle[1] + 0.01 * unit)
            _limb(picture, ankle, toe, 0.045 * unit, (235, 235, 240))

        arm("far", -28)
        leg("far", -22)
        leg("near", 0)
        _limb(picture, points["hip"], points["neck"], 0.135 * unit, look.shirt)
        _limb(picture, points["neck"], points["head"], 0.05 * unit, look.skin)
        _disc(picture, points["head"], 0.068 * unit, look.skin)
        back = (points["head"][0] - self.player.facing * 0.022 * unit, points["head"][1] - 0.025 * unit)
        _ellipse(picture, back, (0.06 * unit, 0.055 * unit), 0, look.hair)
        _disc(picture, points["nose"], 0.014 * unit, look.skin)
        arm("near", 0)

    def _draw_racket(self, picture: np.ndarray, wrist: Point, pose: BodyPose, dim: int) -> None:
        unit = self.player.height
        _limb(picture, wrist, pose.racket, 0.03 * unit, (170, 120, 70))
        degrees = math.floor(math.degrees(pose.aim) + 0.5)
        rubber = _shade(self.look.rubber, dim // 2)
        _ellipse(picture, pose.racket, (0.085 * unit, 0.07 * unit), degrees, rubber)


def _shade(colour: Colour, step: int) -> Colour:
    red, green, blue = (min(255, max(0, part + step)) for part in colour)
    return red, green, blue


def _blend(one: Colour, other: Colour) -> Colour:
    red, green, blue = ((a + b) // 2 for a, b in zip(one, other, strict=True))
    return red, green, blue


def _fixed(point: Point) -> tuple[int, int]:
    x, y = (math.floor((value + MARGIN) * SCALE * (1 << SHIFT) + 0.5) for value in point)
    return x, y


def _length(pixels: float) -> int:
    return math.floor(pixels * SCALE * (1 << SHIFT) + 0.5)


def _box(picture: np.ndarray, corner: Point, opposite: Point, colour: Colour) -> None:
    left, top = (SCALE * (int(value) + MARGIN) for value in corner)
    right, bottom = (SCALE * (int(value) + MARGIN) for value in opposite)
    picture[max(0, top) : bottom, max(0, left) : right] = colour


def _limb(picture: np.ndarray, start: Point, end: Point, width: float, colour: Colour) -> None:
    thick = max(1, math.floor(width * SCALE + 0.5))
    cv2.line(picture, _fixed(start), _fixed(end), colour, thick, cv2.LINE_AA, SHIFT)


def _disc(picture: np.ndarray, centre: Point, radius: float, colour: Colour) -> None:
    cv2.circle(picture, _fixed(centre), _length(radius), colour, cv2.FILLED, cv2.LINE_AA, SHIFT)


def _ellipse(picture: np.ndarray, centre: Point, axes: Point, degrees: int, colour: Colour) -> None:
    sizes = (_length(axes[0]), _length(axes[1]))
    cv2.ellipse(picture, _fixed(centre), sizes, degrees, 0, 360, colour, cv2.FILLED, cv2.LINE_AA, SHIFT)


def _polygon(picture: np.ndarray, corners: list[Point], colour: Colour) -> None:
    points = np.array([_fixed(corner) for corner in corners], np.int32)
    cv2.fillPoly(picture, [points], colour, cv2.LINE_AA, SHIFT)
