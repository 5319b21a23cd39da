"""Video ids: valid, unique ignoring case, the same each time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core.names import is_id
from crisp.study.importers.discovery import FoundVideo
from crisp.study.importers.video_ids import assign, plain

paths = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1).map(
    lambda name: f"videos/{name}"
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("007.mp4", "007"),
        ("my clip.mp4", "my-clip"),
        ("it's.mp4", "it-s"),
        ("f%04d.mp4", "f-04d"),
        ("-i.mp4", "i"),
        ("_x_.mp4", "x"),
        ("10.05.2020.mkv", "10-05-2020"),
        ("10.05.2020", "10-05-2020"),
        ("clip", "clip"),
        ('".mp4', "video"),
        ("a" * 200 + ".mp4", "a" * 100),
    ],
)
def test_plain(name: str, expected: str) -> None:
    assert plain(name) == expected


@given(st.lists(paths, unique=True, max_size=20), st.lists(st.sampled_from(["train", "test"]), max_size=2))
def test_ids_are_valid_unique_and_stable(names: list[str], hints: list[str]) -> None:
    videos = [FoundVideo(name, tuple(hints)) for name in names]
    ids = assign(videos, {})
    assert all(is_id(name) for name in ids.values())
    assert len({name.lower() for name in ids.values()}) == len(names)
    assert assign(videos, {}) == ids
    # Known ids stay whatever comes before them.
    assert assign([FoundVideo("videos/new.mp4"), *videos], ids).items() >= ids.items()


def test_collisions_get_split_then_number() -> None:
    hints = ("validation", "classification")
    videos = [FoundVideo("a/Clip.mp4"), FoundVideo("b/clip.mp4", hints), FoundVideo("c/clip.avi", hints)]
    videos += [FoundVideo("d/clip.avi", hints), FoundVideo("e/" + "x" * 120), FoundVideo("f/" + "x" * 120)]
    assert list(assign(videos, {}).values()) == [
        "Clip",
        "clip-validation",
        "clip-classification",
        "clip-validation-2",
        "x" * 100,
        "x" * 98 + "-2",
    ]
