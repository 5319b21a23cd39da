"""Make clips on a device, all frames at once: equal to `crisp.clips.transforms_cpu` up to rounding.

A loader process only copies the region's frames; the device does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from crisp.clips import augmentation, transforms_cpu
from crisp.clips.augmentation import Draw
from crisp.clips.normalisation import Normalisation
from crisp.clips.regions import Region
from crisp.core import gaussian
from crisp.preparation.roi import BLUR


def region_item(region: Region, draw: Draw, size: tuple[int, int, int], pose_norm: str) -> dict[str, Tensor]:
    """Return the inputs of `clip` for the clip of a draw, on the CPU.

    Parameters
    ----------
    region, draw, size, pose_norm
        As for `crisp.clips.transforms_cpu.clip`.

    Returns
    -------
    dict of str to Tensor
        The region's ``rgb``, ``flow`` and ``mask`` for up to T existing frames; ``pose``, final; and
        ``inverse`` (T, 2, 3) float32, from px of the crop to px of the region, ``linear`` (2, 2) float32 for
        the flow vectors, in px, and ``moving`` (T,) bool, whether a frame has flow.
    """
    shown, moving = transforms_cpu.rows(draw, size[0], region)
    inverse = [cv2.invertAffineTransform(one) for one in transforms_cpu.maps(region, draw, size)[shown]]
    result = {
        "inverse": np.array(inverse, np.float32),
        "linear": (augmentation.linear(draw) * region.scale).astype(np.float32),
        "moving": moving,
    }
    for name in ("rgb", "flow", "mask"):
        if name in region.arrays:
            result[name] = region.arrays[name][shown]
    if "pose" in region.arrays:
        result["pose"] = transforms_cpu.poses(region, draw, size, pose_norm)
    return {name: torch.from_numpy(array) for name, array in result.items()}


def clip(
    item: Mapping[str, Tensor], size: tuple[int, int, int], normalised: Normalisation | None
) -> dict[str, Tensor]:
    """Return the clip of an item of `region_item`, on the item's device.

    Parameters
    ----------
    item : mapping of str to Tensor
    size : (frames, height, width)
    normalised : Normalisation or None
        Normalisation of the flow; None leaves it in px per frame.

    Returns
    -------
    dict of str to Tensor, float32
        As `crisp.clips.transforms_cpu.clip`.
    """
    result = {}
    if "rgb" in item:
        images = item["rgb"].permute(0, 3, 1, 2).float()
        result["rgb"] = (_warped(images, item["inverse"], size).round_() / 255).transpose(0, 1).contiguous()
    if "flow" in item:
        field = _blurred(item["flow"].permute(0, 3, 1, 2).float()) * (item["mask"] > 0).unsqueeze(1)
        crops = _warped(field * item["moving"].view(-1, 1, 1, 1), item["inverse"], size)
        crops = torch.einsum("ij,tjhw->ithw", item["linear"], crops)
        if normalised is not None and normalised.kind != "none":
            # Filled on the device: a copy to it would wait for its pending work.
            divisors = torch.stack([crops.new_full((1, 1, 1), one) for one in (normalised.x, normalised.y)])
            crops = (crops / divisors).clamp_(-1, 1)
        result["flow"] = crops.contiguous()
    if "pose" in item:
        result["pose"] = item["pose"]
    return result


def _blurred(field: Tensor) -> Tensor:
    """Return fields (T, 2, h, w) after the 3x3 Gaussian, with the border reflected without its last pixel."""
    weights = gaussian.kernel(BLUR).tolist()
    for axis in (2, 3):
        length = field.shape[axis]
        if length == 1:
            continue  # nothing to reflect: the pixel itself
        beside = [1 if axis == 3 else 0] * 2 + [1 if axis == 2 else 0] * 2
        padded = functional.pad(field, beside, mode="reflect")
        parts = [padded.narrow(axis, start, length) for start in range(3)]
        field = weights[0] * parts[0] + weights[1] * parts[1] + weights[2] * parts[2]
    return field


def _warped(images: Tensor, inverse: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Warp images (T, C, h, w) with matrices (T, 2, 3) to `size`: bilinear, zero outside."""
    _, height, width = size
    y = torch.arange(height, device=images.device, dtype=torch.float32).view(1, height, 1)
    x = torch.arange(width, device=images.device, dtype=torch.float32).view(1, 1, width)
    places = [
        row[:, 0].view(-1, 1, 1) * x + row[:, 1].view(-1, 1, 1) * y + row[:, 2].view(-1, 1, 1)
        for row in inverse.unbind(1)
    ]
    # To [-1, 1], from the outer edge of the first pixel to that of the last.
    sides = images.shape[3], images.shape[2]
    grid = torch.stack(
        [(2 * place + 1) / side - 1 for place, side in zip(places, sides, strict=True)], dim=-1
    )
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
