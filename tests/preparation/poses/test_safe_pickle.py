"""NumPy's arrays in pickles: honest ones are equal, those that would corrupt memory are refused."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from crisp.core.errors import CrispError
from crisp.preparation.poses import npy, read_poses, safe_pickle
from tests.preparation.poses.test_readers import FILES, published

KINDS = ["?", "i1", "u2", "<i4", ">i8", "u8", "f2", "<f4", ">f8", "S3", "U5", ">U2"]
CHILD = """
import pickle, sys
from pathlib import Path
from crisp.preparation.poses import safe_pickle
for content in pickle.load(sys.stdin.buffer):
    Path(sys.argv[1]).write_bytes(content)
    for read in (lambda: safe_pickle.loads(content), lambda: safe_pickle.load_npy(Path(sys.argv[1]))):
        try:
            str(read())
        except ValueError:
            pass
print("all read")
"""


@given(st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0))))
def test_arrays(array: np.ndarray) -> None:
    for protocol in range(5):
        for one in (array, np.asfortranarray(array)):
            found = safe_pickle.loads(pickle.dumps(one, protocol))
            np.testing.assert_array_equal(found, one)
            assert found.dtype == one.dtype


@given(
    arrays.from_dtype(np.dtype("f8")) | arrays.from_dtype(np.dtype("?")) | arrays.from_dtype(np.dtype("i2"))
)
def test_numbers(number: np.generic) -> None:
    found = safe_pickle.loads(pickle.dumps(number))
    np.testing.assert_array_equal(found, number)
    assert type(found) is type(number)


def stored(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("by_column", [False, True])
def test_npy_without_objects(tmp_path: Path, by_column: bool) -> None:
    array = np.asarray(np.arange(12.0).reshape(3, 4), order="F" if by_column else "C")
    (tmp_path / "a.npy").write_bytes(stored(array))
    np.testing.assert_array_equal(safe_pickle.load_npy(tmp_path / "a.npy"), array)


def pickled_array(dtype: bytes, state: bytes, data: bytes, shape: bytes = b"I1\nt") -> bytes:
    """A pickle of an array as NumPy writes it, of parts that it would not."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntU\x01btR(I1\n(" + shape
        + b"cnumpy\ndtype\n(" + dtype + b"I00\nI01\ntR(" + state + b"tbI00\n" + data + b"tb."
    )  # fmt: skip


SIMPLE = b"I3\nU\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffI0\n"
FLAGGED = b"I3\nU\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
ADDRESS = b"U\x08CCCCCCCC"
CORRUPT = {
    "addresses of objects": pickled_array(b"U\x02O8", FLAGGED + b"I0\n", ADDRESS),
    "addresses of objects with their flag": pickled_array(b"U\x02O8", FLAGGED + b"I63\n", ADDRESS),
    "numbers flagged as objects": pickled_array(b"U\x02f8", FLAGGED + b"I63\n", ADDRESS),
    "fewer bytes than items": pickled_array(b"U\x02f8", SIMPLE, ADDRESS, b"I1000\nt"),
    "items without bytes": pickled_array(b"U\x02S0", SIMPLE, b"U\x00", b"I1000000000\nt"),
    "less than nothing": pickled_array(b"U\x02f8", SIMPLE, ADDRESS, b"I-1\nt"),
    "more items than there are numbers": pickled_array(b"U\x02f8", SIMPLE, ADDRESS, b"L%d\nI0\nt" % 2**70),
    "fields": pickled_array(b"U\x02V8", SIMPLE, ADDRESS),
    "a type of types": pickled_array(b"(U\x02f8I4\nt", SIMPLE, ADDRESS),
    "another order of bytes": pickled_array(b"U\x02f8", SIMPLE.replace(b"<", b"O"), ADDRESS),
    "an array of itself": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)Rq\x00(I1\n)h\x00I00\nh\x00tb.",
}


@pytest.mark.parametrize("name", CORRUPT)
def test_no_memory_is_taken_for_objects(tmp_path: Path, name: str) -> None:
    (tmp_path / "v").mkdir()
    head = stored(np.array([None]))
    (tmp_path / "v" / "00000000.npy").write_bytes(head[: head.index(b"\n") + 1] + CORRUPT[name])
    said = child([CORRUPT[name], (tmp_path / "v" / "00000000.npy").read_bytes()])
    assert said == "all read\n"
    with pytest.raises(ValueError, match=r"."):
        safe_pickle.loads(CORRUPT[name])
    with pytest.raises(CrispError, match=r"00000000\.npy: pose file cannot be read"):
        read_poses(tmp_path / "v", 1)


def test_columns_of_deeplabcut_go_the_same_way(tmp_path: Path) -> None:
    for content in CORRUPT.values():
        with h5py.File(tmp_path / "v.h5", "w") as file:
            table = file.create_dataset(
                "d/table", data=np.zeros(2, [("index", "i8"), ("values_block_0", "f8", 3)])
            )
            table.attrs["values_block_0_kind"] = np.bytes_(content)
        with pytest.raises(CrispError, match=r"v\.h5: not a pose file of DeepLabCut"):
            read_poses(tmp_path / "v.h5", 2)


@pytest.mark.parametrize("value", [2**40, np.int64(2**40), "text", np.zeros(3), b"N.", b"]."])
def test_columns_that_are_no_pickle_of_names(tmp_path: Path, value: Any) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        table = file.create_dataset(
            "d/table", data=np.zeros(2, [("index", "i8"), ("values_block_0", "f8", 3)])
        )
        table.attrs["values_block_0_kind"] = np.bytes_(value) if isinstance(value, bytes) else value
    with pytest.raises(CrispError, match="not a pose file of DeepLabCut"):
        read_poses(tmp_path / "v.h5", 2)


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(-1,)", "(1, 2)", "()"])
def test_npy_whose_head_lies(tmp_path: Path, shape: str) -> None:
    content = stored(np.arange(3.0)).replace(b"(3,), }", f"{shape}, }}".encode())
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match="shape"):
        safe_pickle.load_npy(tmp_path / "a.npy")


def test_heads_of_items_without_bytes() -> None:
    with pytest.raises(ValueError, match="not enough bytes for one"):
        npy.of_bytes((10**9,), np.dtype("S0"), b"")
    assert npy.of_bytes((0, 4), np.dtype(float), b"").shape == (0, 4)


def child(contents: list[bytes]) -> str:
    """What reading pickles says, in a process of its own, as they might crash or hang it."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, f"{folder}/a.npy"],
            input=pickle.dumps(contents),
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.decode()


HONEST = [
    pickle.dumps(np.array([published(0, 0), published(1, 0)], object), protocol) for protocol in range(5)
] + [*CORRUPT.values(), stored(np.array([published(0, 0)], object)), stored(np.arange(9.0))]
with h5py.File(FILES / "dlc-individuals.h5") as _file:
    (_table,) = (_group["table"] for _group in _file.values())
    HONEST.append(bytes(_table.attrs["values_block_0_kind"]))


def mutated(random: Random) -> bytes:
    """An honest pickle or file with bytes replaced, taken out, put in and repeated."""
    content = bytearray(random.choice(HONEST))
    for _ in range(random.randint(1, 6)):
        begin = random.randint(0, len(content))
        end = begin + random.choice([0, 1, 1, 2, 8])
        content[begin:end] = random.choice([random.randbytes(random.randint(0, 4)), content[begin:end] * 2])
    return bytes(content)


def check_mutated(seed: int, count: int) -> None:
    random = Random(seed)
    assert child([mutated(random) for _ in range(count)]) == "all read\n"


# As found: to look for a shorter list would take minutes.
AS_FOUND = {"deadline": None, "phases": [Phase.explicit, Phase.generate]}


@settings(max_examples=1, **AS_FOUND)
@given(st.integers(0))
def test_mutated_ones_neither_crash_nor_hang(seed: int) -> None:
    check_mutated(seed, 300)


@pytest.mark.slow
@settings(max_examples=5, **AS_FOUND)
@given(st.integers(0))
def test_many_mutated_ones_neither_crash_nor_hang(seed: int) -> None:
    check_mutated(seed, 2000)
