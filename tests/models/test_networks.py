"""I3D and torchvision's video networks: counts, forward, a step, pre-trained weights and their faults."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from crisp import models
from crisp.core.errors import CrispError
from crisp.models import torchvision_networks
from crisp.models.i3d import I3D, INCEPTION
from crisp.models.network import resampled, start_pretrained
from crisp.models.torchvision_networks import Backbone
from crisp.study.networks import NETWORKS, TORCHVISION
from crisp.study.variants import Variant
from crisp.workflow import model_memory

SIZE = (8, 32, 32)


def variant(model: str, **keys: Any) -> Variant:
    only = NETWORKS[model].only or tuple(map(max, NETWORKS[model].least, SIZE))
    size = {"network_size": only} if only != SIZE else {}
    return Variant.from_config({"name": "v", "model": model, "size": SIZE, **size, **keys})


def clips(device: str = "cpu") -> dict[str, torch.Tensor]:
    noise = torch.Generator().manual_seed(1)
    made = {name: torch.rand(2, count, *SIZE, generator=noise) for name, count in models.CHANNELS.items()}
    return {name: clip.to(device) for name, clip in made.items()}


@pytest.mark.parametrize("chosen", ["rgb", "flow", "rgb-flow"])
@pytest.mark.parametrize("model", NETWORKS)
def test_weights_features_and_logits(model: str, chosen: str) -> None:
    """Without memory: shapes and counts are those of full size."""
    made = variant(model, input=chosen)
    with torch.device("meta"):
        built = models.build(made, 5)
    assert sum(one.numel() for one in built.parameters()) == model_memory.parameters(made, 5)
    channels = [models.CHANNELS[stream] for stream in made.streams]
    assert models.widths(built) == sum(map(NETWORKS[model].width, channels))
    normalised = any(isinstance(part, nn.BatchNorm3d | nn.BatchNorm1d) for part in built.modules())
    assert normalised == NETWORKS[model].batch_norm
    # Some torchvision networks make tensors on the CPU in their forward pass.
    if model in ("i3d", "mc3_18", "s3d", "slim"):
        assert built(clips("meta")).shape == (2, 5)


@pytest.mark.parametrize("model", NETWORKS)
def test_training_keeps_no_more_memory_than_is_asked_for(model: str) -> None:
    made = variant(model)
    kept = 0

    def count(one: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += one.numel() * one.element_size()
        return one

    with torch.device("meta"):
        built = models.build(made, 5).backbones["rgb"]
        size = made.network_size or (32, 112, 112)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda one: one):
            built(torch.rand(2, 3, *size))
    voxels = 2 * size[0] * size[1] * size[2]
    weights = sum(one.numel() * 4 for one in built.parameters())
    assert (kept - weights) / voxels < 1.05 * NETWORKS[model].kept


@pytest.mark.parametrize(
    ("model", "keys"),
    [("i3d", {"input": "rgb-flow"}), ("r3d_18", {"input": "flow", "network_size": [4, 16, 16]})],
)
def test_a_step_reaches_every_weight_and_plain_keys_rebuild(model: str, keys: dict[str, Any]) -> None:
    torch.manual_seed(0)
    made = variant(model, dropout=0.1, **keys)
    built = models.build(made, 5)
    optimiser = torch.optim.SGD(built.parameters(), lr=0.001)
    loss = functional.cross_entropy(built(clips()), torch.tensor([0, 3]))
    loss.backward()
    for name, weights in built.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().sum() > 0, name
    optimiser.step()
    again = models.build(Variant.from_config(made.plain()), 5)
    again.load_state_dict(built.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(clips()), built.eval()(clips()))


def test_i3d_has_the_published_size() -> None:
    """Counted from the paper's table; 12.7 million weights with the 400 classes of Kinetics."""

    def unit(before: int, after: int, kernel: int) -> int:
        return before * after * kernel**3 + 2 * after

    count, width = unit(3, 64, 7) + unit(64, 64, 1) + unit(64, 192, 3), 192
    for one, to_second, second, to_third, third, fourth in INCEPTION.values():
        count += sum(unit(width, after, 1) for after in (one, to_second, to_third, fourth))
        count += unit(to_second, second, 3) + unit(to_third, third, 3)
        width = one + second + third + fourth
    assert width == 1024
    assert count + 1024 * 400 + 400 == 12_697_264
    with torch.device("meta"):
        assert sum(one.numel() for one in I3D(3).parameters()) == count


def test_i3d_has_the_published_maps() -> None:
    """Clips of 64x224x224: an eighth of the frames, a 32nd of the height and width."""
    shapes = []
    with torch.device("meta"):
        network = I3D(3)
        for layer in network.layers:
            layer.register_forward_hook(lambda *parts: shapes.append(tuple(parts[-1].shape[1:])))
        network(torch.rand(1, 3, 64, 224, 224))
    assert shapes[:5] == [
        (64, 32, 112, 112),
        (64, 32, 56, 56),
        (64, 32, 56, 56),
        (192, 32, 56, 56),
        (192, 32, 28, 28),
    ]
    assert shapes[7] == (480, 16, 14, 14)
    assert shapes[-1] == (1024, 8, 7, 7)


def test_two_streams_are_averaged() -> None:
    built = models.build(variant("i3d", input="rgb-flow"), 5).eval()
    with torch.no_grad():
        rgb, flow = built.features(clips())
        by_hand = (built.head.layers[0](rgb) + built.head.layers[1](flow)) / 2
        torch.testing.assert_close(built(clips()), by_hand)


def test_rgb_is_scaled_as_the_network_expects() -> None:
    built = models.build(variant("r3d_18"), 5)
    seen: list[torch.Tensor] = []
    built.backbones["rgb"].register_forward_hook(lambda _, parts, __: seen.append(parts[0]))
    built(clips())
    # Of Kinetics, as the page of torchvision's r3d_18 has them.
    mean, std = torch.tensor([0.43216, 0.394666, 0.37645]), torch.tensor([0.22803, 0.22145, 0.216989])
    expected = (clips()["rgb"] - mean.view(3, 1, 1, 1)) / std.view(3, 1, 1, 1)
    torch.testing.assert_close(seen[0], expected)


def test_resampled_frames_are_the_nearest() -> None:
    clip = torch.arange(10.0).view(1, 1, 10, 1, 1).expand(1, 1, 10, 4, 4)
    assert resampled(clip, (10, 4, 4)) is clip
    assert resampled(clip, (5, 2, 2))[0, 0, :, 0, 0].tolist() == [1, 3, 5, 7, 9]
    assert resampled(clip, (20, 4, 4))[0, 0, :4, 0, 0].tolist() == [0, 0, 1, 1]
    assert resampled(clip, (10, 8, 6)).shape == (1, 1, 10, 8, 6)


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """Weights as torchvision's file of r3d_18 has them."""
    torch.manual_seed(7)
    network = Backbone("r3d_18", 3).network
    network.fc = nn.Linear(512, 400)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_pretrained_weights_are_loaded(pretrained: Path, stream: str) -> None:
    made = variant("r3d_18", input=stream, weights=str(pretrained))
    built = models.build(made, 5)
    head = built.head.weight.clone()
    start_pretrained(built, made)
    wanted = torch.load(pretrained)
    found = built.backbones[stream].network.state_dict()
    first = wanted["stem.0.weight"]
    if stream == "flow":
        first = first.mean(dim=1, keepdim=True).expand(-1, 2, -1, -1, -1)
    assert torch.equal(found["stem.0.weight"], first)
    assert torch.equal(found["layer4.1.conv2.0.weight"], wanted["layer4.1.conv2.0.weight"])
    assert torch.equal(built.head.weight, head)


def faults(made: Variant) -> str:
    built = models.build(made, 5)
    before = {key: value.clone() for key, value in built.state_dict().items()}
    with pytest.raises(CrispError) as error:
        start_pretrained(built, made)
    assert all(torch.equal(value, before[key]) for key, value in built.state_dict().items())
    return str(error.value)


def test_weights_that_cannot_be_used(
    pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no weights" in faults(variant("r3d_18", weights=str(tmp_path / "none.pth")))
    message = faults(variant("mc3_18", weights=str(pretrained)))
    assert "weights are of another network" in message
    assert "layer2.0.conv1.0.weight" in message
    (tmp_path / "torn.pth").write_bytes(pretrained.read_bytes()[:1000])
    assert "not weights" in faults(variant("r3d_18", weights=str(tmp_path / "torn.pth")))
    torch.save([1, 2], tmp_path / "list.pth")
    assert "not weights" in faults(variant("r3d_18", weights=str(tmp_path / "list.pth")))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    message = faults(variant("r3d_18", weights="kinetics400"))
    assert "weights of r3d_18 are not on this machine" in message
    path, address = re.findall(r"curl --create-dirs --output (\S+) (\S+)", message)[0]
    assert Path(path) == tmp_path / "home/hub/checkpoints" / address.rsplit("/", 1)[1]
    Path(path).parent.mkdir(parents=True)
    Path(path).write_bytes(pretrained.read_bytes())
    assert "weights of r3d_18 are damaged" in faults(variant("r3d_18", weights="kinetics400"))


def test_weights_of_torchvision_s_folder_are_used(
    pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    digest = hashlib.sha256(pretrained.read_bytes()).hexdigest()[:8]

    class Entry:
        url = f"https://example.org/r3d_18-{digest}.pth"

    monkeypatch.setattr(torchvision_networks, "_weights", lambda _: Entry)
    path = tmp_path / f"home/hub/checkpoints/r3d_18-{digest}.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(pretrained.read_bytes())
    assert torchvision_networks.weights_file("r3d_18", "kinetics400") == path


def test_every_network_of_torchvision_is_there() -> None:
    module = torchvision_networks._models()[0]
    assert sorted(TORCHVISION) == sorted(module.list_models(module=module.video))
    for name in TORCHVISION:
        assert re.search(r"-[0-9a-f]{8}\.pth$", torchvision_networks._weights(name).url)
