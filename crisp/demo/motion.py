"""Player motion: the racket paths of the stroke classes, and the actions between strokes.

A stroke is four diagonal moves of equal size: each goes forward or back and, at the same time, up or
down. Every class has as many moves of each kind and rests between any two of them, so amount, speed and
overall direction of the motion are alike for all; only the order of the moves distinguishes the classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

# First word: forward/back, second: up/down. A horizontal flip exchanges F and B, so no two classes
# may become equal when F and B are exchanged in one of them.
MOVES = {
    "Serve Forehand Topspin": ("BFFB", "UDUD"),
    "Offensive Forehand Hit": ("BBFF", "UDUD"),
    "Offensive Forehand Loop": ("BBFF", "DUDU"),
    "Offensive Backhand Flip": ("FBFB", "UDUD"),
    "Defensive Backhand Push": ("BFFB", "DUDU"),
}
LABELS = tuple(MOVES)
EVEN = (0.25, 0.5, 0.75)  # phases at which one move ends and the next begins
REACH = 0.14  # size of one move, in body heights

_STEP = {"F": 1.0, "B": -1.0, "U": 1.0, "D": -1.0}


class Offset(NamedTuple):
    """Distance of the player from the ready pose.

    Lengths are in body heights, x forward and y up; ``lean`` and ``turn`` (of the
    racket) are in radians; ``stride`` is the phase of the step in turns. All zero is the ready pose.
    """

    racket_x: float = 0.0
    racket_y: float = 0.0
    free_x: float = 0.0
    free_y: float = 0.0
    root: float = 0.0
    crouch: float = 0.0
    lean: float = 0.0
    turn: float = 0.0
    stride: float = 0.0


class Style(NamedTuple):
    """Variation between actions, independent of their class.

    ``scale_x``, ``scale_y`` stretch the path, ``tilt`` (radians) turns it, ``joints`` are the phases between
    the moves; ``lean``, ``root``, ``crouch``, ``turn`` (of the racket), ``free`` (hand) are how far the rest
    of the body moves meanwhile, ``beats`` (in turns) when the first four of them do.
    """

    scale_x: float = 1.0
    scale_y: float = 1.0
    tilt: float = 0.0
    joints: tuple[float, float, float] = EVEN
    lean: float = 0.0
    root: float = 0.0
    crouch: float = 0.0
    turn: float = 0.0
    free: float = 0.0
    beats: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


def path(label: str, phase: float, joints: tuple[float, float, float] = EVEN) -> tuple[float, float]:
    """Return the position of the hand on the path of a class.

    Parameters
    ----------
    label : str
        One of `LABELS`.
    phase : float
        Time within the stroke, 0 to 1.
    joints : (float, float, float)
        Phases at which the second, third and fourth move begin.

    Returns
    -------
    (x, y) : (float, float)
        Forward and up from where the stroke began, in moves. Closed: (0, 0) at phases 0 and 1.
    """
    across, along = 0.0, 0.0
    bounds = (0.0, *joints, 1.0)
    for begin, end, horizontal, vertical in zip(bounds[:-1], bounds[1:], *MOVES[label], strict=True):
        done = ease((phase - begin) / (end - begin))
        across += _STEP[horizontal] * done
        along += _STEP[vertical] * done
    return across, along


def ease(phase: float) -> float:
    """Go from 0 to 1 with a gentle start and end."""
    phase = min(1.0, max(0.0, phase))
    return phase * phase * (3.0 - 2.0 * phase)


def bump(phase: float) -> float:
    """Rise from 0 to 1 and return to 0."""
    return 0.5 - 0.5 * math.cos(2.0 * math.pi * phase)


def offset(kind: str, phase: float, frames: int, style: Style) -> Offset:
    """Return the body's offset at one moment of an action.

    Parameters
    ----------
    kind : str
        One of `LABELS` or of `PASTIMES`.
    phase : float
        Time within the action, 0 to 1; the ready pose at both ends.
    frames : int
        Length of the action, which sets how often a motion is repeated.
    style : Style
        Variation of this action.

    Returns
    -------
    Offset
    """
    if kind in MOVES:
        return _stroke(kind, phase, style)
    return _PASTIME[kind](phase, max(1, frames // 10), style)


def _stroke(label: str, phase: float, style: Style) -> Offset:
    x, y = path(label, phase, style.joints)
    x, y = x * style.scale_x * REACH, y * style.scale_y * REACH
    cos, sin = math.cos(style.tilt), math.sin(style.tilt)
    rise = bump(phase)
    ends = ease(4.0 * phase) * ease(4.0 - 4.0 * phase)
    lean, root, crouch, turn = (math.sin(2.0 * math.pi * (phase + beat)) * ends for beat in style.beats)
    return Offset(
        racket_x=cos * x - sin * y,
        racket_y=sin * x + cos * y,
        free_x=0.4 * style.free * rise,
        free_y=style.free * rise,
        root=style.root * root,
        crouch=style.crouch * crouch,
        lean=style.lean * lean,
        turn=style.turn * turn,
    )


def _wait(phase: float, cycles: int, style: Style) -> Offset:
    turn = math.sin(2.0 * math.pi * cycles * phase)
    rise = bump(phase)
    return Offset(
        racket_x=0.06 * turn * rise,
        racket_y=0.04 * style.scale_y * math.sin(4.0 * math.pi * cycles * phase) * rise,
        root=0.05 * turn * rise + style.root * rise,
        crouch=0.02 * bump(cycles * phase),
        lean=style.lean * rise,
    )


def _bounce(phase: float, cycles: int, style: Style) -> Offset:
    rise = min(1.0, 5.0 * phase, 5.0 * (1.0 - phase))
    return Offset(
        racket_x=-0.03 * rise,
        racket_y=0.13 * style.scale_y * rise * math.sin(2.0 * math.pi * cycles * phase),
        free_x=0.4 * style.free * rise,
        root=style.root * bump(phase),
        lean=-0.15 * rise,
    )


def _walk(phase: float, cycles: int, style: Style) -> Offset:
    away = bump(phase)
    return Offset(
        racket_x=0.09 * style.scale_x * math.sin(2.0 * math.pi * cycles * phase) * away,
        free_x=-0.15 * away - 0.08 * math.sin(2.0 * math.pi * cycles * phase) * away,
        free_y=-0.1 * away,
        root=(-0.18 * style.scale_x + style.root) * away,
        crouch=-0.02 * away,
        lean=-0.2 * away,
        stride=cycles * phase,
    )


def _pick_up(phase: float, _cycles: int, style: Style) -> Offset:
    down = bump(phase)
    return Offset(
        free_x=0.05 * down,
        free_y=-0.12 * down,
        root=(-0.06 + style.root) * down,
        crouch=0.10 * style.scale_y * down,
        lean=0.75 * down,
    )


_PASTIME: dict[str, Callable[[float, int, Style], Offset]] = {
    "wait": _wait,
    "bounce": _bounce,
    "walk": _walk,
    "pick up": _pick_up,
}
PASTIMES = tuple(_PASTIME)
