"""Control characters and halves of characters are found wherever they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crisp.core.plain_text import faulty, is_plain

GOOD = st.text(st.characters(exclude_categories=["Cc", "Cs"]))
CONTENT = st.recursive(
    GOOD | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(GOOD, inner)
)


@given(CONTENT)
def test_plain_content(content: object) -> None:
    assert list(faulty(content)) == []


@given(CONTENT, GOOD, st.characters(categories=["Cc", "Cs"]))
def test_odd_text_is_found_with_its_place(content: object, text: str, odd: str) -> None:
    assert not is_plain(text + odd)
    assert ("$[1].a[0]", text + odd) in list(faulty([content, {"a": [text + odd]}]))
    assert ("$[0], a key", text + odd) in list(faulty([{text + odd: content}]))


def test_nested_content_is_no_recursion() -> None:
    content: object = "\0"
    for _ in range(10_000):
        content = [content]
    assert len(list(faulty(content))) == 1
