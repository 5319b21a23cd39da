"""Messages: every fault told while they are few, the first ones and their number when they are not."""

from __future__ import annotations

import pickle

from crisp.core import errors
from crisp.core.errors import CrispError, Fault, fail


def alike(count: int, what: str = "stroke {} is bad") -> list[Fault]:
    return [Fault(f"a.xml, action {number}", what.format(number)) for number in range(count)]


def test_few_faults_are_all_told() -> None:
    assert errors.listed(alike(errors.MOST_ALIKE)) == list(map(str, alike(errors.MOST_ALIKE)))


def test_many_alike_are_counted_and_hide_no_other() -> None:
    faults = [*alike(50_000), Fault("study.yaml", "no such class")]
    told = str(CrispError(*faults)).splitlines()
    assert len(told) == errors.MOST_ALIKE + 2
    assert told[-2] == "study.yaml: no such class"
    assert told[-1] == "and 49,980 more: stroke 20 is bad"


def test_many_kinds_are_counted() -> None:
    kinds = ["".join(map(chr, (97 + n // 26 % 26, 97 + n % 26))) for n in range(500)]
    told = errors.listed([Fault("a", kind) for kind in kinds])
    assert len(told) == errors.MOST + errors.MOST_ALIKE + 1
    assert told[-1] == f"and {500 - errors.MOST - errors.MOST_ALIKE} more of other kinds"


def test_error_keeps_all_faults() -> None:
    assert len(CrispError(*alike(1000)).faults) == 1000


def test_long_parts_of_a_message_are_cut() -> None:
    message = str(fail("a.xml", "unknown class", found="x" * 10_000_000))
    assert len(message) < 2 * errors.LONGEST
    assert message.endswith("x... (10,000,000 characters)")


def test_nothing_of_a_message_steers_the_terminal() -> None:
    message = str(
        fail("a\x1b[2J\r.mp4", "no \x07 video", found="\x9b31m\udc80", remedy="one line\nand another")
    )
    assert message == (
        "a\\x1b[2J\\r.mp4: no \\x07 video\n    found: \\x9b31m\\udc80\n    remedy: one line\nand another"
    )


def test_faults_cross_from_process_to_process() -> None:
    error = CrispError(Fault("a", "b", "c", "d", "e"), Fault("f", "g"))
    other = pickle.loads(pickle.dumps(error))
    assert (type(other), other.faults, str(other)) == (CrispError, error.faults, str(error))
