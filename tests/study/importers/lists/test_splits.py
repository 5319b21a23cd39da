"""Splits that a list leaves out are completed without parting a group."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crisp.study.importers.discovery import FoundVideo, Labels
from crisp.study.importers.lists import splits

CLIPS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.sampled_from(["train", "test"])))


def made(clips: list[tuple[int, str, str]]) -> list[FoundVideo]:
    found = []
    for number, (group, label, split) in enumerate(clips):
        labels = [Labels("classification", split, whole=label)]
        found.append(FoundVideo(f"{number}.mp4", labels=labels, group=f"{label}{group}"))
    return found


@given(CLIPS)
def test_train_and_test(clips: list[tuple[int, str, str]]) -> None:
    videos = made(clips)
    splits.complete(videos)
    parts = {video.path: video.labels[0].split for video in videos}
    if {split for _, _, split in clips} != {"train", "test"}:
        assert set(parts.values()) <= {""}
        return
    trained: dict[str, set[str]] = {}
    for video, (_, _, split) in zip(videos, clips, strict=True):
        assert parts[video.path] == split or (split, parts[video.path]) == ("train", "validation")
        if split == "train":
            trained.setdefault(video.group, set()).add(parts[video.path])
    # A group is in one part, and each class keeps one to train with.
    assert all(len(found) == 1 for found in trained.values())
    for label in {label for _, label, split in clips if split == "train"}:
        groups = [found for group, found in trained.items() if group.startswith(label)]
        assert {"train"} in groups
        assert len(groups) == 1 or {"validation"} in groups


def test_train_validation_and_test_stay() -> None:
    videos = made([(0, "a", "train"), (1, "a", "test")])
    videos[0].labels.append(Labels("classification", "validation", whole="a"))
    assert splits.complete(videos) == []
    assert [label.split for video in videos for label in video.labels] == ["train", "validation", "test"]
