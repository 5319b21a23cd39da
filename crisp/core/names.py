"""Valid names for parts of a path: no name leaves its folder or is ambiguous."""

from __future__ import annotations

import re

from crisp.core.errors import fail

ID = "[A-Za-z0-9][A-Za-z0-9_-]*"
LONGEST_ID = 100  # characters
# The workflow's wildcards, and arguments of commands.
PATTERNS = {
    "video": ID,
    "method": "[a-z0-9]+",
    "variant": ID,
    "split": "[A-Za-z0-9-]+",
    "view": f"{ID}(@{ID})?",
    "kind": "normal|max|none",
    "seed": "[0-9]+",
    "team": ID,
    "run": ID,
}


IN_WORDS = {
    "video": "letters, digits, _ and -, first a letter or digit",
    "method": "lower-case letters and digits",
    "variant": "letters, digits, _ and -, first a letter or digit",
    "split": "letters, digits and -",
    "view": "the id of a video, with @ and the name of a region if it has any",
    "kind": "normal, max or none",
    "seed": "digits",
    "team": "letters, digits, _ and -, first a letter or digit",
    "run": "letters, digits, _ and -, first a letter or digit",
}
# Options on how work is done: a pattern, and its description.
CHOICES = {
    "device": ("auto|cpu|cuda(:[0-9]+)?", "auto, cpu, cuda, or one of several GPUs: cuda:0, cuda:1, ..."),
    "backend": ("auto|opencv|cpu|gpu", "auto, opencv, cpu or gpu"),
    "method": (
        "deepflow|dis|disfine|farneback|tvl1|pcaflow",
        "deepflow, dis, disfine, farneback, tvl1 or pcaflow",
    ),
    "stabilise": ("never|auto|always", "never, auto or always"),
    "kind": ("normal|max|none", "normal, max or none"),
    "from": ("frames|flow|roi|pose|features|volume", "frames, flow, roi, pose, features or volume"),
    "task": ("classification|detection", "classification or detection"),
    "part": ("train|validation|test", "train, validation or test"),
    "form": ("auto|2020|2022", "auto, 2020 or 2022"),
}


# Snakemake would read these as a wildcard or variable in an input path, and offers no
# escape; slightly wider than its own patterns.
SNAKEMAKES = re.compile(r"\{.*\}|<.*>", re.DOTALL)


def plain(path: object) -> bool:
    """Return whether Snakemake takes a path literally; other paths must not be passed to it."""
    return not SNAKEMAKES.search(str(path))


def is_id(name: str) -> bool:
    """Return whether a name can be a video id or a data set name."""
    return len(name) <= LONGEST_ID and re.fullmatch(ID, name) is not None


def checked(part: str, name: str) -> str:
    """Return the name if it is valid for that part.

    Raises
    ------
    CrispError
        If it does not match the part's pattern.
    """
    if not re.fullmatch(PATTERNS[part], name):
        raise fail(part, "bad name", IN_WORDS[part], repr(name), "choose another name")
    return name


def chosen(option: str, value: str) -> str:
    """Return the value of an option if it is one of its choices.

    Raises
    ------
    CrispError
        If it is not.
    """
    pattern, words = CHOICES[option]
    if not re.fullmatch(pattern, value):
        raise fail(f"--{option}", "no such choice", words, repr(value), "choose one of them")
    return value
