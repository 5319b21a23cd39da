"""Names that become parts of a path."""

from __future__ import annotations

import pytest

from crisp.clips import normalisation
from crisp.core import names
from crisp.core.errors import CrispError
from crisp.preparation import flow
from crisp.report import mediaeval
from crisp.study import tables


@pytest.mark.parametrize(
    ("part", "name"),
    [("split", "fold-1"), ("method", "tvl1"), ("kind", "none"), ("variant", "twin_2"), ("video", "0")],
)
def test_good_names(part: str, name: str) -> None:
    assert names.checked(part, name) == name


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("device", ("auto", "cpu", "cuda", "cuda:0", "cuda:12")),
        ("backend", flow.BACKENDS),
        ("method", flow.METHODS),
        ("kind", normalisation.KINDS),
        ("task", tables.TASKS),
        ("form", ("auto", *mediaeval.FORMS)),
    ],
)
def test_choices_are_those_of_the_modules(option: str, values: tuple[str, ...]) -> None:
    pattern, words = names.CHOICES[option]
    for value in values:
        assert names.chosen(option, value) == value
        assert value.split(":")[0] in words
    if option != "device":
        assert sorted(pattern.split("|")) == sorted(values)


@pytest.mark.parametrize("option", names.CHOICES)
@pytest.mark.parametrize("value", ["", "gpus", "CPU", "cuda:", "cuda:-1", "cpu,"])
def test_what_is_no_choice(option: str, value: str) -> None:
    with pytest.raises(CrispError, match=f"--{option}: no such choice") as error:
        names.chosen(option, value)
    assert error.value.faults[0].expected == names.CHOICES[option][1]


@pytest.mark.parametrize("part", names.PATTERNS)
@pytest.mark.parametrize("name", ["", "../up", "a/b", ".", "a b", "a\n"])
def test_bad_names(part: str, name: str) -> None:
    with pytest.raises(CrispError, match=f"{part}: bad name"):
        names.checked(part, name)
