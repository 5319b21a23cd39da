"""The texts of pictures as they are drawn: which are cut, and which lie on others."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

# Names as people give them: of a formula's signs, of every alphabet.
ODD = (
    "Hit $5$ 卓球 Подача עברית é",
    r"$\frac{ a_b^c \alpha ^_{} 100 % # & \n",
    "$ {x} <y> =1+1",
    "Ba$$in, $5 vs $6",
)


class Drawn(NamedTuple):
    """A text of a picture: where it is, the room it has, px, and how it is turned."""

    text: str
    box: Bbox
    room: Bbox
    rotation: float
    parsed: bool


def record(patch: pytest.MonkeyPatch) -> dict[str, list[Drawn]]:
    """The texts of all pictures that are saved from now on, by the names of their files."""
    pictures: dict[str, list[Drawn]] = {}
    texts: dict[int, Drawn] = {}  # the last drawing counts: the first is for the layout
    save, draw = Figure.savefig, Text.draw

    def note(self: Text, renderer: Any, *arguments: Any, **options: Any) -> None:
        figure = self.get_figure(root=True)
        if figure is not None and self.get_visible() and self.get_text().strip():
            clipped = self.get_clip_box() if self.get_clip_on() else None
            room = figure.bbox if clipped is None else clipped
            texts[id(self)] = Drawn(
                self.get_text(),
                self.get_window_extent(renderer),
                Bbox(room.get_points()),
                self.get_rotation(),
                self.get_parse_math(),
            )
        draw(self, renderer, *arguments, **options)

    def keep(self: Figure, path: Path, **options: Any) -> None:
        texts.clear()
        save(self, path, **options)
        pictures[path.name] = list(texts.values())

    patch.setattr(Text, "draw", note)
    patch.setattr(Figure, "savefig", keep)
    return pictures


def parsed(pictures: dict[str, list[Drawn]]) -> list[str]:
    """The texts that are not drawn as they are."""
    return [one.text for texts in pictures.values() for one in texts if one.parsed]


def cut(texts: list[Drawn]) -> list[str]:
    """The texts that are not wholly inside the room they have."""
    return [
        one.text
        for one in texts
        if one.box.x0 < one.room.x0 - 1
        or one.box.x1 > one.room.x1 + 1
        or one.box.y0 < one.room.y0 - 1
        or one.box.y1 > one.room.y1 + 1
    ]


def covered(texts: list[Drawn]) -> list[tuple[str, str]]:
    """The pairs of texts, level or upright, that lie on each other."""
    straight = [one for one in texts if one.rotation in (0, 90)]
    return [
        (one.text, other.text)
        for one, other in combinations(straight, 2)
        if (shared := Bbox.intersection(one.box, other.box)) and min(shared.width, shared.height) > 2
    ]
