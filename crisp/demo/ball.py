"""The position of the ball."""

from __future__ import annotations

from crisp.demo.body import WIDTH, BodyPose, Build, Point, build
from crisp.demo.motion import MOVES
from crisp.demo.script import Action, DemoVideo, actions

CONTACT = 0.75  # phase of every stroke at which the ball meets the racket
SPEED = 9.0  # pixels per frame


def flight(video: DemoVideo, stances: list[BodyPose]) -> list[Point | None]:
    """Follow the ball through a video.

    Parameters
    ----------
    video : DemoVideo
    stances : list of BodyPose
        The player in each frame.

    Returns
    -------
    list of (x, y) or None
        Position in each frame, px; None if no ball is visible.
    """
    player = build(video)
    places: list[Point | None] = []
    for action in actions(video):
        for frame in range(action.begin, action.end):
            places.append(_place(player, action, stances, frame))
    return places


def _place(player: Build, action: Action, stances: list[BodyPose], frame: int) -> Point | None:
    frames = action.end - action.begin
    phase = (frame - action.begin) / frames
    if action.kind in MOVES:
        contact = action.begin + round(CONTACT * frames)
        return _rally(player, stances[contact].racket, frame - contact)
    if action.kind == "bounce":
        x, y = stances[frame].racket
        hop = (2.0 * phase * (frames // 10)) % 1.0
        return x, y - 0.07 * player.height - 0.4 * player.height * hop * (1.0 - hop)
    if action.kind == "pick up" and phase < 0.5:
        return player.foot[0] + player.facing * 0.22 * player.height, player.foot[1] - 1.0
    return None


def _rally(player: Build, contact: Point, since: int) -> Point | None:
    """Follow the ball in over the net, to the racket and out again, with one bounce on the table each way."""
    way = SPEED * abs(since)
    x = contact[0] + player.facing * way
    if not 0.0 <= x < WIDTH:
        return None
    table = player.foot[1] - 0.45 * player.height
    bounce = 5.0 * SPEED
    part = way / bounce
    if part <= 1.0:
        return x, contact[1] + (table - contact[1]) * part * part
    part -= 1.0
    return x, table - 60.0 * part * max(0.0, 1.0 - part)
