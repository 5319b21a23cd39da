"""Sliding windows that share their convolutions: each frame of a stream is convolved once.

A frame's crop depends on that frame alone, so overlapping windows have most of their feature maps in common.
Only the zero padding at its two ends is a window's own: after a convolution over three frames and a pooling
over two, its first and its last place. These are computed again for each window, everything else once for
all windows (as in fully convolutional networks, Long et al., CVPR 2015). The logits are those of separate
windows but for the order of floating-point sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from crisp.models.attention import Attention
from crisp.models.branch import Branch, Trunk
from crisp.models.joined import Joined

PIECE = 16  # places of a stream that are convolved together
PIECES = 4  # of them in a batch
MOST_WINDOWS = 128  # whose own ends are in memory together
SPAN = 4  # lengths of a window over which windows start that are convolved together

Starts = NDArray[np.intp]


@dataclass(frozen=True)
class _Block:
    """A block of a trunk: its convolution, and what follows, which pools by `pools` (time, height, width)."""

    layer: nn.Conv3d | nn.Conv1d
    rest: nn.Sequential
    pools: tuple[int, ...]

    @classmethod
    def all(cls, trunk: Trunk) -> list[_Block]:
        """Return the blocks of a trunk without attention."""
        found = []
        for block in trunk.blocks:
            layer, *after = block.children()
            (pool,) = (part for part in after if isinstance(part, nn.MaxPool3d | nn.MaxPool1d))
            assert isinstance(layer, nn.Conv3d | nn.Conv1d)
            by = pool.kernel_size
            found.append(cls(layer, nn.Sequential(*after), by if isinstance(by, tuple) else (by,) * 3))
        return found

    def convolved(self, maps: Tensor) -> Tensor:
        """Convolve maps (n, C, T, ...), without padding along time."""
        weight, bias, of_space = self.layer.weight, self.layer.bias, (0, *self.layer.padding[1:])
        convolve = functional.conv3d if maps.dim() == 5 else functional.conv1d
        return convolve(maps, weight, bias, padding=of_space)

    def pooled(self, maps: Tensor) -> Tensor:
        """Apply what follows the convolution to its maps (n, C, T, ...); return them as (n, T, ..., C)."""
        return self.rest(maps).movedim(1, -1).contiguous()

    def ends(self, length: int, left: int, right: int) -> tuple[int, int] | None:
        """Return the places after it that are a window's own at its ends; None if there are no others.

        Parameters
        ----------
        length, left, right : int
            Places of a window before it, and how many of them are its own at its ends.
        """
        pool = self.pools[0]
        pooled = length // pool
        before = -(-(left + 1) // pool)
        after = max(0, pooled - (length - 1 - right) // pool)
        return None if before + after >= pooled else (before, after)


class _Shared(NamedTuple):
    """Windows of `length` places in a stream of maps (L, ..., C), and what is their own at both ends.

    `left` is (N, l, ..., C), `right` (N, r, ..., C): the first l and the last r places of each. Channels are
    last, so that places are copied whole.
    """

    stream: Tensor
    starts: Starts
    length: int
    left: Tensor
    right: Tensor

    def places(self, first: int, end: int, chosen: slice = slice(None)) -> Tensor:
        """Return the places [first, end) of chosen windows, (n, C, end - first, ...), zero outside them."""
        left, right = self.left.shape[1], self.length - self.right.shape[1]
        inner = slice(max(first, left), min(end, right))
        starts = self.starts[chosen]
        shared = starts[:, None] + np.arange(inner.start, max(inner.start, inner.stop))
        at = torch.from_numpy(shared.ravel()).to(self.stream.device)
        nothing = self.stream.new_zeros((len(starts), 1, *self.stream.shape[1:]))
        parts = [
            nothing[:, : max(0, -first)],
            self.left[chosen, max(0, first) : min(end, left)],
            self.stream.index_select(0, at).unflatten(0, shared.shape),
            self.right[chosen, max(0, first - right) : max(0, min(end, self.length) - right)],
            nothing[:, : max(0, end - self.length)],
        ]
        return torch.cat(parts, dim=1).movedim(-1, 1)


def window_logits(
    model: nn.Module, streams: Mapping[str, Tensor], starts: Starts, frames: int, batch_size: int
) -> Tensor:
    """Return the logits of windows of longer streams, which share their convolutions.

    Parameters
    ----------
    model : Module
        One of CRISP's own trunks without attention, for which sharing `pays`; in evaluation mode.
    streams : mapping of str to Tensor, float32
        (C, L, H, W), for poses (C, L).
    starts : ndarray, (N,) int
        First frames of the windows, from 0 to L - `frames`, ascending.
    frames : int
        Frames in a window.
    batch_size : int
        Windows whose own maps are computed together.

    Returns
    -------
    Tensor, (N, classes)
    """
    found = []
    for chunk in _chunks(starts, frames):
        first, end = int(chunk[0]), int(chunk[-1]) + frames
        parts = {name: clip[:, first:end] for name, clip in streams.items()}
        features = [
            _features(trunk, parts[name], chunk - first, frames, batch_size)
            for name, trunk in trunks(model).items()
        ]
        found.append(model.head(*features))  # type: ignore[operator]
    return torch.cat(found)


def pays(model: nn.Module, streams: Mapping[str, Tensor], starts: Starts, frames: int) -> bool:
    """Return whether windows can share convolutions, with less work than without.

    Parameters
    ----------
    model, streams, starts, frames
        As for `window_logits`; any model.

    Returns
    -------
    bool
    """
    if len(starts) < 2:
        return False
    works = [_work(trunk, streams[name].shape, starts, frames) for name, trunk in trunks(model).items()]
    return sum(shared for shared, _ in works) < sum(plain for _, plain in works)


def trunks(model: nn.Module) -> dict[str, Trunk]:
    """Return the trunks of a model by stream; none if its windows cannot share convolutions."""
    if isinstance(model, Branch):
        found = {model.stream: model.trunk}
    elif isinstance(model, Joined):
        found = {name: model.get_submodule(name) for name in model.streams}  # type: ignore[misc]
    else:
        return {}
    # Attention pools and interpolates over the whole window.
    attentive = any(isinstance(part, Attention) for trunk in found.values() for part in trunk.modules())
    return {} if attentive else found


def _chunks(starts: Starts, frames: int) -> Iterator[Starts]:
    """Yield parts of the windows whose maps fit into the memory together."""
    first = 0
    while first < len(starts):
        within = np.searchsorted(starts, starts[first] + SPAN * frames, side="right")
        end = max(first + 1, min(first + MOST_WINDOWS, int(within)))
        yield starts[first:end]
        first = end


def _features(trunk: Trunk, clip: Tensor, starts: Starts, frames: int, batch_size: int) -> Tensor:
    """Return a trunk's features (N, width) of windows of a stream (C, L, ...)."""
    stream = clip.movedim(0, -1).contiguous()
    empty = stream.new_zeros((len(starts), 0, *stream.shape[1:]))
    windows = _Shared(stream, starts, frames, empty, empty)
    return _slide(trunk, _Block.all(trunk), windows, batch_size)


def _slide(trunk: Trunk, blocks: list[_Block], windows: _Shared, batch_size: int) -> Tensor:
    """Return the features (N, width) of windows in the maps before the first of `blocks`."""
    count, length = len(windows.starts), windows.length
    ends = blocks[0].ends(length, windows.left.shape[1], windows.right.shape[1]) if blocks else None
    if ends is None:
        last = list(trunk.blocks)[len(trunk.blocks) - len(blocks) :]

        def finish(chosen: slice) -> Tensor:
            return trunk.summary(nn.Sequential(*last)(windows.places(0, length, chosen)))

        return _batched(finish, count, batch_size)
    block, *later = blocks
    pool = block.pools[0]
    pooled = length // pool

    def at(first: int, end: int) -> Tensor:
        """Return the pooled places [first, end) of all windows."""

        def of(chosen: slice) -> Tensor:
            return block.pooled(block.convolved(windows.places(pool * first - 1, pool * end + 1, chosen)))

        return _batched(of, count, batch_size)

    before, after = ends
    left = at(0, before)
    right = at(pooled - after, pooled) if after else left[:, :0]
    residues = windows.starts % pool
    parts, order = [], []
    phases = np.unique(residues).tolist()
    for phase, stream in zip(phases, _once(block, windows.stream, phases), strict=True):
        chosen = np.flatnonzero(residues == phase)
        part = _Shared(stream, windows.starts[chosen] // pool, pooled, left[chosen], right[chosen])
        parts.append(_slide(trunk, later, part, batch_size))
        order.append(chosen)
    return torch.cat(parts)[np.argsort(np.concatenate(order))]


def _once(block: _Block, stream: Tensor, phases: Sequence[int]) -> Iterator[Tensor]:
    """Yield a block's maps of a whole stream (L, ..., C), pooled from each of these places on.

    It is convolved once. The last place of a later phase may reach beyond the stream, where no window is.
    """
    pool, more = block.pools[0], phases[-1]
    whole = len(stream) // pool  # pooled places
    size = min(whole, max(1, PIECE // pool))
    # Pieces of one size, the last one overlapping that before it; torch's convolution of a single short piece
    # is many times slower.
    firsts = np.append(np.arange(0, whole - size, size), whole - size)
    end = whole * pool + more + 1
    beyond = [0, 0] * (stream.dim() - 1) + [1, max(0, end - len(stream))]
    padded = functional.pad(stream[:end], beyond)
    empty = stream.new_zeros((len(firsts), 0, *stream.shape[1:]))
    pieces = _Shared(padded, firsts * pool, size * pool + more + 2, empty, empty)

    def of(chosen: slice) -> Tensor:
        maps = block.convolved(pieces.places(0, pieces.length, chosen))
        return torch.stack([block.pooled(maps[:, :, phase : phase + size * pool]) for phase in phases], dim=1)

    overlap = len(firsts) * size - whole
    for found in _batched(of, len(firsts), PIECES).unbind(1):
        yield torch.cat([found[:-1].flatten(0, 1), found[-1, overlap:]])


def _batched(function: Callable[[slice], Tensor], count: int, size: int) -> Tensor:
    """Return the rows of a function of slices, computed in parts."""
    return torch.cat([function(slice(first, first + size)) for first in range(0, count, size)])


def _work(trunk: Trunk, shape: Sequence[int], starts: Starts, frames: int) -> tuple[float, float]:
    """Return the multiplications for windows of a stream (C, L, ...), shared and separately."""
    shared = plain = 0.0
    window, left, right, by, sharing = frames, 0, 0, 1, True
    size = list(shape[2:])
    for block in _Block.all(trunk):
        place = block.layer.weight.numel() * math.prod(size)
        pool, *sides = block.pools
        ends = block.ends(window, left, right) if sharing else None
        plain += len(starts) * window * place
        if ends is None:
            sharing = False
            shared += len(starts) * window * place
        else:
            left, right = ends
            streams = len(np.unique(starts % by))
            shared += (streams * shape[1] / by + len(starts) * pool * (left + right)) * place
        window, by = window // pool, by * pool
        size = [length // side for length, side in zip(size, sides, strict=False)]
    return shared, plain
