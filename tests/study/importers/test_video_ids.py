"""Video ids: valid, unique ignoring case, the same each time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core.names import is_id
from crisp.core.unicode_forms import compose
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
        ("a" * 100 + ".mp4", "a" * 100),
        ("Ru\u0308ck.mp4", "R-ck"),
        ("R\u00fcck.mp4", "R-ck"),
    ],
)
def test_plain(name: str, expected: str) -> None:
    assert plain(name) == expected


@given(
    st.lists(paths, unique_by=compose, max_size=20), st.lists(st.sampled_from(["train", "test"]), max_size=2)
)
def test_ids_are_valid_unique_and_stable(names: list[str], hints: list[str]) -> None:
    videos = [FoundVideo(name, tuple(hints)) for name in names]
    ids = assign(videos, {})
    assert all(is_id(name) for name in ids.values())
    assert len({name.lower() for name in ids.values()}) == len(names)
    assert assign(videos, {}) == ids
    # Known ids stay whatever comes before them.
    assert assign([FoundVideo("videos/new.mp4"), *videos], ids).items() >= ids.items()


def test_collisions_get_split_then_number() -> None:
    long = plain("x" * 120)
    hints = ("validation", "classification")
    videos = [FoundVideo("a/Clip.mp4"), FoundVideo("b/clip.mp4", hints), FoundVideo("c/clip.avi", hints)]
    videos += [FoundVideo("d/clip.avi", hints), FoundVideo("e/" + "x" * 120), FoundVideo("f/" + "x" * 120)]
    assert list(assign(videos, {}).values()) == [
        "Clip",
        "clip-validation",
        "clip-classification",
        "clip-validation-2",
        long,
        f"{long[:98]}-2",
    ]


def test_long_names_that_differ_at_their_end_have_ids_of_their_own() -> None:
    first, second = plain("a" * 100 + "-1.mp4"), plain("a" * 100 + "-2.mp4")
    assert (len(first), len(second)) == (100, 100)
    assert first != second
    assert is_id(first)
