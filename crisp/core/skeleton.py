"""The points of a pose: order, left-right pairs, and connections."""

from __future__ import annotations

POINTS = (
    "centre",
    "nose",
    "left eye",
    "right eye",
    "left ear",
    "right ear",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left wrist",
    "right wrist",
    "left hip",
    "right hip",
)
JOINTS = POINTS[1:]  # the centre is imported, or computed from these
# Values of a point in a clip by `pose_norm`: (x, y, score), or (x, y, known, dx, dy) in the player's frame.
VALUES = {"crop": 3, "image": 3, "player": 5, "player-as-filmed": 5}


def pose_channels(pose_norm: str) -> int:
    """Return the number of channels of a clip's poses: its values of every point."""
    return VALUES[pose_norm] * len(POINTS)


SIDES = {"left": "right", "right": "left"}


def _mirrored(name: str) -> str:
    first, *rest = name.split()
    return " ".join([SIDES.get(first, first), *rest])


# Index of each point's counterpart in a mirrored image.
MIRRORED = tuple(POINTS.index(_mirrored(name)) for name in POINTS)
# Connections drawn as lines.
BONES = tuple(
    (POINTS.index(one), POINTS.index(other))
    for one, other in (
        ("nose", "left eye"),
        ("nose", "right eye"),
        ("left eye", "left ear"),
        ("right eye", "right ear"),
        ("left shoulder", "right shoulder"),
        ("left shoulder", "left elbow"),
        ("left elbow", "left wrist"),
        ("right shoulder", "right elbow"),
        ("right elbow", "right wrist"),
        ("left shoulder", "left hip"),
        ("right shoulder", "right hip"),
        ("left hip", "right hip"),
    )
)
