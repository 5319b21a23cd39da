"""Names that become parts of a path."""

from __future__ import annotations

import pytest

from crisp import names
from crisp.errors import CrispError


@pytest.mark.parametrize(
    ("part", "name"),
    [("split", "fold-1"), ("method", "tvl1"), ("kind", "none"), ("variant", "twin_2"), ("video", "0")],
)
def test_good_names(part: str, name: str) -> None:
    assert names.checked(part, name) == name


@pytest.mark.parametrize("part", names.PATTERNS)
@pytest.mark.parametrize("name", ["", "../up", "a/b", ".", "a b", "a\n"])
def test_bad_names(part: str, name: str) -> None:
    with pytest.raises(CrispError, match=f"{part}: bad name"):
        names.checked(part, name)
