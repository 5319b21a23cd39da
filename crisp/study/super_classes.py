"""Super-classes: coarser classes for additional metrics, such as the hand of a stroke.

Models predict classes alone, also if super-classes are part of their loss (`training.super_class_loss`): a
predicted class is mapped to its super-class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Name of a set of super-classes to the super-class of each class.
SuperClasses = Mapping[str, Mapping[str, str]]

NEGATIVE = "Negative"
HANDS = ("Forehand", "Backhand")
STROKES = {
    "Serve": ("Backspin", "Loop", "Sidespin", "Topspin"),
    "Offensive": ("Hit", "Loop", "Flip"),
    "Defensive": ("Push", "Block", "Backspin"),
}
TTSTROKE21 = (
    NEGATIVE,
    *(
        f"{kind} {hand} {stroke}"
        for kind, super_class_names in STROKES.items()
        for hand in HANDS
        for stroke in super_class_names
    ),
)


def of_ttstroke21(classes: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return hand, type and both, for classes of TTStroke-21; none if any class is not one of its 21.

    ``Negative`` remains a separate super-class, so that there are 3, 4 and 7.
    """
    if not set(classes) <= set(TTSTROKE21):
        return {}
    words = {name: name.split() for name in classes}
    places = {"hand": slice(1, 2), "type": slice(0, 1), "type+hand": slice(0, 2)}
    return {
        key: {name: " ".join(words[name][place]) or NEGATIVE for name in classes}
        for key, place in places.items()
    }


def super_class_names(classes: Sequence[str], members: Mapping[str, str]) -> list[str]:
    """Return the super-classes, in order of first occurrence in the classes."""
    return list(dict.fromkeys(members[name] for name in classes))


def super_class_index(classes: Sequence[str], members: Mapping[str, str]) -> NDArray[np.intp]:
    """Return the index of the super-class of each class, (N,), in the order of `super_class_names`."""
    coarse = super_class_names(classes, members)
    return np.array([coarse.index(members[name]) for name in classes], dtype=np.intp)


def map_to_super_classes(
    truth: ArrayLike, ranked: ArrayLike, classes: Sequence[str], members: Mapping[str, str]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Map truth and ranking of strokes to super-classes, in the indices of `names`.

    A super-class has the rank of its best class. The prediction is therefore the super-class of the
    predicted class, and a correct class prediction is always a correct super-class prediction; ranking
    by summed probabilities would not guarantee that.

    Parameters
    ----------
    truth : array_like
        (n,) class indices; -1 stays -1.
    ranked : array_like
        (n, N) class indices, best first.
    classes : sequence of str
        The N class names.
    members : mapping
        Super-class of each class.

    Returns
    -------
    truth, ranked : ndarray
        (n,) and (n, M), M super-classes.
    """
    index = super_class_index(classes, members)
    actual = np.asarray(truth, dtype=np.intp)
    orders = np.asarray(ranked, dtype=np.intp).reshape(len(actual), len(classes))
    firsts = [list(dict.fromkeys(row)) for row in index[orders].tolist()]
    return np.where(actual < 0, actual, index[actual]), np.array(firsts, dtype=np.intp).reshape(
        len(actual), len(super_class_names(classes, members))
    )
