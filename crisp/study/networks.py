"""Facts of the networks besides the published, for checks and memory requests without torch.

Counts and maps are measured; `tests/models/test_networks.py` compares them.
"""

from __future__ import annotations

from typing import NamedTuple

Size = tuple[int, int, int]


class Facts(NamedTuple):
    """Facts of a network.

    `weights` are counted without the last layer, for 3 channels; `per_channel` are those of the first
    convolution for each channel. `features` is the input of the last layer, for 3 channels, of which
    `features_per_channel` depend on each; `kept` are the bytes per voxel of a clip that training keeps.
    `least` (frames, height, width) is the smallest clip, `only` the only one (None = any).
    """

    weights: int
    per_channel: int
    features: int
    kept: int
    least: Size = (1, 1, 1)
    only: Size | None = None
    batch_norm: bool = True
    features_per_channel: int = 0

    def width(self, channels: int) -> int:
        """Return the number of features of clips with that many channels."""
        return self.features + (channels - 3) * self.features_per_channel


TORCHVISION = {
    "mc3_18": Facts(11_490_240, 9408, 512, 1810),
    "mvit_v1_b": Facts(36_303_072, 14_112, 768, 2070, only=(16, 224, 224), batch_norm=False),
    "mvit_v2_s": Facts(34_230_144, 14_112, 768, 2310, only=(16, 224, 224), batch_norm=False),
    "r2plus1d_18": Facts(31_300_125, 2205, 512, 3830),
    "r3d_18": Facts(33_166_272, 9408, 512, 1340),
    "s3d": Facts(7_910_048, 3136, 1024, 870, least=(14, 224, 224)),
    "swin3d_b": Facts(87_638_984, 4096, 1024, 5680, batch_norm=False),
    "swin3d_s": Facts(49_509_078, 3072, 768, 4270, batch_norm=False),
    "swin3d_t": Facts(27_850_470, 3072, 768, 2630, batch_norm=False),
}
NETWORKS = {
    "i3d": Facts(12_287_264, 21_952, 1024, 700),
    "slim": Facts(7056, 2352, 3528, 100, features_per_channel=1176, least=(8, 14, 14)),
    **TORCHVISION,
}
KINETICS = "kinetics400"  # weights that torchvision has for each of its networks
INPUTS = {"rgb": ("rgb",), "flow": ("flow",), "rgb-flow": ("rgb", "flow")}
