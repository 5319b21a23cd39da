"""Pickles that would run, hang or crash something are refused; those of plain values are read."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import OrderedDict
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core import pickles

LEVELS, TIMES = 20, 4  # that a value is in the next, and how often each time


def read(content: bytes) -> Any:
    return pickles.loads(content, ["collections.OrderedDict"], lambda *made: made)


def values(atoms: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        atoms,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=4)
            | st.dictionaries(st.text(), inner, max_size=4).map(OrderedDict)
        ),
        max_leaves=20,
    )


ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(values(ATOMS), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values(value: Any, protocol: int) -> None:
    assert read(pickle.dumps(value, protocol)) == value


@given(values(ATOMS | st.binary()), st.integers(3, pickle.HIGHEST_PROTOCOL))
def test_plain_values_with_bytes(value: Any, protocol: int) -> None:
    assert read(pickle.dumps(value, protocol)) == value


def test_names_get_stand_ins_that_are_called_afterwards() -> None:
    moment = datetime(2020, 1, 2)
    (called,) = pickles.loads(pickle.dumps([moment], 4), ["datetime.datetime"], lambda *made: made)
    assert called == ("datetime.datetime", moment.__reduce__()[1], None)


def nested(opening: bytes, closing: bytes) -> bytes:
    """A value in the next, again and again: a few bytes that are endless once written out."""
    content = b"\x80\x04" + opening + closing
    for number in range(LEVELS):
        content += pickle.BINPUT + bytes([number]) + pickle.POP
        content += opening + (pickle.BINGET + bytes([number])) * TIMES + closing
    return content


TUPLES, LISTS = nested(b"(", b"t"), nested(b"(", b"l")
ITSELF = b"\x80\x04]\x940h\x00h\x00a."
HOSTILE = {
    "shared tuples": TUPLES + b".",
    "shared lists": LISTS + b".",
    "tuples as a key, whose hash is looked for": b"\x80\x04}" + TUPLES[2:] + b"Ns.",
    "tuples as members of a set": b"\x80\x04\x8f(" + TUPLES[2:] + b"\x90.",
    "a list in itself": ITSELF,
    "a key that is as good as any other": b"\x80\x04}" + pickle.dumps(2**61 - 1)[2:-1] + b"Ns.",
    "places in the memo that are as good as each other": b"\x80\x04Np%d\n." % (2**61 - 1),
    "bytes that are not there": b"\x80\x05\x96" + (10**11).to_bytes(8, "little") + b".",
    "longer than the pickle": b"\x80\x04\x8e" + (10**11).to_bytes(8, "little") + b".",
    "a function": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "a number as a function": b"\x80\x04K\x01)R.",
    "the state of a name": b"\x80\x04ccollections\nOrderedDict\n}b.",
    "an extension": b"\x80\x04\x82\x01.",
    "an object of a class": b"\x80\x04ccollections\nOrderedDict\n)\x81.",
    "the start of one": b"\x80\x04]",
    "digits": b"\x80\x04I" + b"9" * 100_000 + b"\n.",
    "nothing": b"",
}
CHILD = """
import sys, resource
resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
from crisp.core import pickles
try:
    print("read:", pickles.loads(sys.stdin.buffer.read(), ["collections.OrderedDict"], lambda *made: made))
except ValueError as error:
    print("refused:", error)
"""


def read_in_child(content: bytes) -> str:
    """What comes of a pickle in a process of its own, with little memory, as it might hang or crash."""
    command = [sys.executable, "-c", CHILD]
    done = subprocess.run(command, input=content, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_ones_are_refused_at_once(name: str) -> None:
    said = read_in_child(HOSTILE[name])
    assert said.startswith("refused: ")
    assert len(said) < 250


def test_no_memory_for_a_far_place_in_the_memo() -> None:
    assert read_in_child(b"\x80\x04Nr\xff\xff\xff\x7f.") == "read: None\n"
