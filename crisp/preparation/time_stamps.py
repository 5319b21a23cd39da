"""Time stamps of a video stream: when each of its frames is shown, s from the start of the presentation."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median

import av

NO_TIME_STAMPS = 0x80  # AVFMT_NOTIMESTAMPS of FFmpeg's formats
# Containers whose time 0 is the start of the presentation. Others, such as transport streams, start anywhere.
FROM_ZERO = {"mov", "matroska", "avi"}


class TimeStamps:
    """The time stamps of a stream's packets, collected in decoding order.

    Parameters
    ----------
    container : av.container.InputContainer
    stream : av.VideoStream
        Of the container.

    Attributes
    ----------
    present : bool
        Whether the file type has time stamps at all; raw streams have none.
    hidden : int
        Packets outside the edit list: decoded, never shown.
    missing : int
        Packets without a time stamp, in a file type that has them.
    tick : Fraction
        Unit of the time stamps, s.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        names = set(container.format.name.split(","))
        self.present = not container.format.flags & NO_TIME_STAMPS
        self.hidden = self.missing = 0
        # AVI files store no display times: FFmpeg guesses them. Their decoding times are the slots of frames.
        self._slots = "avi" in names
        self.tick = stream.time_base or Fraction(1, av.time_base)
        self._start = 0.0 if names & FROM_ZERO else (container.start_time or 0) / av.time_base
        self._parts: list[array[int]] = [array("q")]
        self._decoding = -(2**63)

    @property
    def restarts(self) -> int:
        """Return how often time goes backwards: in joined recordings, or after an overflow."""
        return len(self._parts) - 1

    def add(self, packet: av.Packet) -> None:
        """Take the time stamp of the next packet that has data."""
        if packet.is_discard:
            self.hidden += 1
            return
        shown = packet.dts if self._slots or packet.pts is None else packet.pts
        if shown is None:
            self.missing += 1
            return
        if packet.dts is not None:
            if packet.dts < self._decoding:
                self._parts.append(array("q"))
            self._decoding = packet.dts
        self._parts[-1].append(shown)

    def seconds(self) -> array[float]:
        """Return the time of each frame in the order shown, s; empty if any is missing.

        A part that starts before the end of the previous one follows it at the usual distance.
        """
        found = array("d")
        if not self.present or self.missing:
            return found
        for part in self._parts:
            times = self.from_ticks(part)
            shift = 0.0
            if found and times[0] <= found[-1]:
                steps = [after - before for before, after in pairwise(found)] or [0.0]
                shift = found[-1] + median(steps) - times[0]
            found.extend(time + shift for time in times)
        return found

    def from_ticks(self, ticks: Sequence[int]) -> array[float]:
        """Return time stamps in ticks of the stream as sorted times, s."""
        over, under = self.tick.as_integer_ratio()
        return array("d", (tick * over / under - self._start for tick in sorted(ticks)))
