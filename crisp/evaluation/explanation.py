"""Where a model finds the evidence for a class: Grad-CAM of its streams, and its attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn
from torch.nn import functional

from crisp.core.errors import fail
from crisp.models.attention import Attention
from crisp.models.network import Network

INTERPOLATION = {1: "linear", 3: "trilinear"}  # by the number of axes


@dataclass(frozen=True)
class Explanation:
    """The evidence of one clip for one class.

    Attributes
    ----------
    heat : dict of str to ndarray, float32
        Grad-CAM by stream, (T, H, W), for poses (T,): 0 = no evidence, 1 = the strongest of the stream.
    attention : dict of str to ndarray, float32
        Mask of each attention module by stream, (modules, T, H, W), mean over the channels, 0 to 1; only
        streams with attention.
    """

    heat: dict[str, np.ndarray]
    attention: dict[str, np.ndarray]


def explain_clip(model: nn.Module, clip: Mapping[str, Tensor], target: int) -> Explanation:
    """Return the evidence of a clip for a class.

    Grad-CAM (Selvaraju et al., ICCV 2017): the feature maps of the last block of convolutions, each
    weighted by the mean gradient of the class's logit, summed, negative values set to 0. Maps and masks
    are interpolated to the size of the clip.

    Parameters
    ----------
    model : Module
        One of `crisp.models`, in evaluation mode.
    clip : mapping of str to Tensor, float32
        By stream, each (C, T, H, W), for poses (C, T).
    target : int
        Index of the class.

    Returns
    -------
    Explanation

    Raises
    ------
    CrispError
        If the model has no maps of convolutions for a stream.
    """
    device = next(model.parameters()).device
    inputs = {stream: array.to(device)[None] for stream, array in clip.items()}
    layers = {stream: layer for stream in inputs if (layer := last_maps(model, stream)) is not None}
    if missing := sorted(inputs.keys() - layers.keys()):
        raise fail(
            "explain",
            "the model's evidence cannot be shown",
            "a model of convolutions",
            f"none in {', '.join(missing)}",
            "choose another variant",
        )

    def forward(*arrays: Tensor) -> Tensor:
        return model(dict(zip(inputs, arrays, strict=True)))

    heat = {}
    for stream, layer in layers.items():
        cam = LayerGradCam(forward, layer)
        maps = cam.attribute(tuple(inputs.values()), target=target, relu_attributions=True)
        shown = _resized(maps, inputs[stream].shape[2:])[0, 0]
        heat[stream] = (shown / max(float(shown.max()), torch.finfo().tiny)).cpu().numpy()
    return Explanation(heat, _attention(model, inputs, layers))


def last_maps(model: nn.Module, stream: str) -> nn.Module | None:
    """Return the last layer of a stream whose output are maps of convolutions; None if there is none."""
    if isinstance(model, Network):
        return getattr(model.backbones[stream], "maps", None)
    return getattr(getattr(model, stream, None) or getattr(model, "trunk", None), "maps", None)


def _attention(
    model: nn.Module, inputs: Mapping[str, Tensor], layers: Mapping[str, nn.Module]
) -> dict[str, np.ndarray]:
    masks = {
        stream: [part.to_mask for part in layer.modules() if isinstance(part, Attention)]
        for stream, layer in layers.items()
    }
    with _outputs([mask for some in masks.values() for mask in some]) as outputs, torch.inference_mode():
        model(inputs)
    return {
        stream: np.stack([_mask(outputs[mask], inputs[stream].shape[2:]) for mask in some])
        for stream, some in masks.items()
        if some
    }


@contextmanager
def _outputs(modules: list[nn.Sequential]) -> Iterator[dict[nn.Module, Tensor]]:
    """Collect the outputs of modules while the model computes."""
    found: dict[nn.Module, Tensor] = {}
    hooks = [part.register_forward_hook(lambda part, _, out: found.update({part: out})) for part in modules]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _mask(logits: Tensor, size: torch.Size) -> np.ndarray:
    return _resized(torch.sigmoid(logits).mean(dim=1, keepdim=True), size)[0, 0].cpu().numpy()


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(maps.detach().float(), size, mode=INTERPOLATION[len(size)])
