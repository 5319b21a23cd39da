"""The video networks of torchvision, without their last layer, and their weights of Kinetics-400.

torchvision is an optional package, and slow to load: it is imported when a network is built.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crisp.core import files
from crisp.core.errors import fail
from crisp.study.networks import KINETICS

# Its compiled operators, none of which video networks use.
OPERATORS = ("nms", "qnms")
# The layer of the last maps; the others are networks of tokens.
MAPS = {"mc3_18": "layer4", "r2plus1d_18": "layer4", "r3d_18": "layer4", "s3d": "features"}


@cache
def _models() -> Any:
    """Return torchvision's models, also of a build for other CUDA libraries than torch's.

    Raises
    ------
    CrispError
        If torchvision is missing, or of another version than torch.
    """
    try:
        return importlib.import_module("torchvision.models"), None
    except ModuleNotFoundError:
        raise fail(
            "model",
            "torchvision is not installed",
            "the package torchvision",
            "none",
            "pip install 'crisp-sport[torchvision]'",
        ) from None
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    # Python code of torchvision describes operators that its library, which could not be loaded, would bring.
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    # Deleting the library would delete what it defines.
    return importlib.import_module("torchvision.models"), library


def _weights(name: str) -> Any:
    return _models()[0].get_model_weights(name)["KINETICS400_V1"]


class Backbone(nn.Module):
    """A video network of torchvision without its last layer.

    Parameters
    ----------
    name : str
        Its name in torchvision, e.g. ``r3d_18``.
    channels : int
        Channels of the clips. If not 3, the first convolution is another.

    Attributes
    ----------
    width : int
        Number of features.

    Raises
    ------
    CrispError
        If torchvision is missing.
    """

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        self.name = name
        self.network = _models()[0].get_model(name, weights=None)
        self.first = next(key for key, part in self.network.named_modules() if isinstance(part, nn.Conv3d))
        if channels != 3:
            self.network.set_submodule(self.first, _with_channels(self.first_convolution, channels))
        self.last, layer = list(self.network.named_children())[-1]
        of_classes = [part for part in layer.modules() if isinstance(part, nn.Linear | nn.Conv3d)][-1]
        self.width = int(of_classes.weight.shape[1])
        setattr(self.network, self.last, nn.Identity())

    @property
    def first_convolution(self) -> nn.Conv3d:
        """Return the convolution of the clips."""
        layer = self.network.get_submodule(self.first)
        assert isinstance(layer, nn.Conv3d)
        return layer

    @property
    def maps(self) -> nn.Module | None:
        """Return the layer with the last maps of convolutions; None for networks of tokens."""
        return getattr(self.network, MAPS[self.name]) if self.name in MAPS else None

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, C, T, H, W) to features (B, width)."""
        return self.network(clip)


def _with_channels(layer: nn.Conv3d, channels: int) -> nn.Conv3d:
    """Return a convolution like another one, with as many channels."""
    return nn.Conv3d(
        channels,
        layer.out_channels,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
        bias=layer.bias is not None,
    )


def statistics(name: str) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of RGB (0 to 1) that a network expects, (3,) each."""
    expected = _weights(name).transforms()
    return expected.mean, expected.std


def weights_file(name: str, given: str) -> Path:
    """Return the file of pre-trained weights: a path, or that of ``kinetics400`` in torch's folder.

    Nothing is downloaded.

    Parameters
    ----------
    name : str
        Network.
    given : str
        A variant's `weights`.

    Returns
    -------
    Path

    Raises
    ------
    CrispError
        If the file is missing, or not what its name promises.
    """
    if given != KINETICS:
        path = Path(given)
        if not path.is_file():
            remedy = f"correct the path, or use {KINETICS}"
            raise fail(path, "no weights", f"a file of weights of torchvision's {name}", "nothing", remedy)
        return path
    address = _weights(name).url
    path = Path(torch.hub.get_dir()) / "checkpoints" / address.rsplit("/", 1)[1]
    command = f"curl --create-dirs --output {path} {address}"
    if not path.is_file():
        remedy = f"run once where there is internet, and copy the file if that is elsewhere: {command}"
        raise fail(path, f"weights of {name} are not on this machine", address, "nothing", remedy)
    digest = path.stem.rsplit("-", 1)[1]
    if not files.sha256(path).startswith(digest):
        what = f"weights of {name} are damaged"
        raise fail(
            path, what, f"a SHA-256 of {digest}...", files.sha256(path)[:8], f"download it again: {command}"
        )
    return path


def load_weights(backbone: Backbone, path: Path) -> None:
    """Load pre-trained weights, all but those of the last layer.

    A first convolution of other channels gets, for each, the mean over RGB (Wang et al., ECCV 2016).

    Parameters
    ----------
    backbone : Backbone
        Changed, except on torch's device ``meta``.
    path : Path

    Raises
    ------
    CrispError
        If the file cannot be read, or its weights are of another network.
    """
    expected = "a file of torch with the weights by name"
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds for other files
        raise fail(path, "not weights", expected, type(error).__name__, "correct weights") from None
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise fail(path, "not weights", expected, type(found).__name__, "correct weights")
    found = {key: value for key, value in found.items() if not key.startswith(f"{backbone.last}.")}
    first, own = f"{backbone.first}.weight", backbone.network.state_dict()
    channels = backbone.first_convolution.in_channels
    if first in found and found[first].dim() == 5 and found[first].shape[1] == 3 != channels:
        found[first] = found[first].mean(dim=1, keepdim=True).repeat(1, channels, 1, 1, 1)
    wanted = {key: value.shape for key, value in own.items()}
    other = sorted(key for key in wanted.keys() | found.keys() if key not in found or key not in wanted)
    other += sorted(key for key in wanted.keys() & found.keys() if found[key].shape != wanted[key])
    if other:
        places = ", ".join(other[:3]) + (", ..." if len(other) > 3 else "")
        raise fail(
            path,
            "weights are of another network",
            f"the layers of the variant's network, {len(wanted)} tensors",
            f"{len(found)} tensors; others are {places}",
            "correct weights or model",
        )
    if all(value.device.type != "meta" for value in own.values()):
        backbone.network.load_state_dict(found)
