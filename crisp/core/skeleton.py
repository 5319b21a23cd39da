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
POSE_CHANNELS = 3 * len(POINTS)  # channel 3 * point + (x, y, score)


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
