"""What the parts of a path may be called: no name leads out of its folder or stands for two things."""

from __future__ import annotations

import re

from crisp.core.errors import fail

ID = "[A-Za-z0-9][A-Za-z0-9_-]*"
LONGEST_ID = 100  # characters
# The workflow's wildcards, and what verbs take by hand.
PATTERNS = {
    "video": ID,
    "method": "[a-z0-9]+",
    "variant": ID,
    "split": "[A-Za-z0-9-]+",
    "kind": "normal|max|none",
    "seed": "[0-9]+",
}


IN_WORDS = {
    "video": "letters, digits, _ and -, first a letter or digit",
    "method": "lower-case letters and digits",
    "variant": "letters, digits, _ and -, first a letter or digit",
    "split": "letters, digits and -",
    "kind": "normal, max or none",
    "seed": "digits",
}
# What options take that say how work is done: a pattern, and the same in words.
CHOICES = {
    "device": ("auto|cpu|cuda(:[0-9]+)?", "auto, cpu, cuda, or one of several GPUs: cuda:0, cuda:1, ..."),
    "backend": ("auto|opencv|cpu|gpu", "auto, opencv, cpu or gpu"),
    "method": ("deepflow|dis|farneback|tvl1|pcaflow", "deepflow, dis, farneback, tvl1 or pcaflow"),
    "kind": ("normal|max|none", "normal, max or none"),
    "from": ("frames|flow|roi|pose|volume", "frames, flow, roi, pose or volume"),
    "task": ("classification|detection", "classification or detection"),
    "form": ("auto|2020|2022", "auto, 2020 or 2022"),
}


# What Snakemake would take for a wildcard or a variable of its own in the path of an input, with no way to
# say otherwise; a little more than its own patterns match.
SNAKEMAKES = re.compile(r"\{.*\}|<.*>", re.DOTALL)


def plain(path: object) -> bool:
    """Whether Snakemake takes a path as it is; of another it is not told."""
    return not SNAKEMAKES.search(str(path))


def is_id(name: str) -> bool:
    """Whether a name can be the id of a video or the name of a data set."""
    return len(name) <= LONGEST_ID and re.fullmatch(ID, name) is not None


def checked(part: str, name: str) -> str:
    """The name, if it is one of that part.

    Raises
    ------
    CrispError
        If it does not match the part's pattern.
    """
    if not re.fullmatch(PATTERNS[part], name):
        raise fail(part, "bad name", IN_WORDS[part], repr(name), "choose another name")
    return name


def chosen(option: str, value: str) -> str:
    """The value of an option, if it is one of its choices.

    Raises
    ------
    CrispError
        If it is none of them.
    """
    pattern, words = CHOICES[option]
    if not re.fullmatch(pattern, value):
        raise fail(f"--{option}", "no such choice", words, repr(value), "choose one of them")
    return value
