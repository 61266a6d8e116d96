"""torchvision's nets: their published sizes, and one line for a net that cannot be counted."""

from functools import cache

import pytest
import torch
from conftest import REPOSITORY

from resnet_repro.describe import describe_published, forward_seconds
from resnet_repro.errors import RunError
from resnet_repro.models.network import Network
from resnet_repro.spec.file import load_spec

described = cache(describe_published)


@pytest.mark.parametrize(
    ("name", "parameters", "layers", "receptive_field"),
    [
        ("vgg19", 143_667_240, 19, 268),
        ("resnet34", 21_797_672, 34, 899),
        ("resnet152", 60_192_808, 152, 1451),
        ("googlenet", 13_004_888, 22, 379),
    ],
)
def test_published_nets_have_their_parameters_and_layers(
    name: str, parameters: int, layers: int, receptive_field: int
) -> None:
    net = described(name)
    assert (net.name, net.parameters, net.layers_counted) == (name, parameters, layers)
    assert net.receptive_field == receptive_field
    assert net.image_shape == (3, 224, 224)


def test_the_multiply_adds_are_those_of_the_papers_tables() -> None:
    assert described("resnet34").multiply_adds == pytest.approx(3.6e9, rel=0.03)  # [R] Table 1
    assert described("resnet152").multiply_adds == pytest.approx(11.3e9, rel=0.03)
    assert described("vgg19").multiply_adds == pytest.approx(19.6e9, rel=0.01)  # [R] section 3.3


@pytest.mark.parametrize(
    ("name", "fully_connected"),
    [
        ("vgg19", (512 * 7 * 7 + 1) * 4096 + 4097 * 4096 + 4097 * 1000),
        ("resnet34", 513 * 1000),
        ("resnet152", 2049 * 1000),
        # 1025 * 1000 at its end, and 2049 * 1024 + 1025 * 1000 in each of two auxiliary heads: 13,004,888 holds them
        ("googlenet", 3 * 1025 * 1000 + 2 * 2049 * 1024),
    ],
)
def test_all_fully_connected_parameters_are_counted(name: str, fully_connected: int) -> None:
    assert described(name).fully_connected == fully_connected


def test_the_image_has_the_size_of_the_published_net() -> None:
    assert describe_published("inception_v3").image_shape == (3, 299, 299)


@pytest.mark.parametrize(
    ("name", "fragments"),
    [
        ("resnet43", ["torchvision has no such net", "did you mean", "resnet34"]),
        ("vgg", ["torchvision has no such net", "did you mean", "vgg19"]),
        ("zzzz", ["torchvision has no such net", "some are"]),
        ("", ["torchvision has no such net"]),
        ("vit_b_16", ["has attention layers", "only convolutional nets"]),
        ("swin_t", ["has attention layers", "only convolutional nets"]),
        ("maxvit_t", ["has attention layers", "only convolutional nets"]),
    ],
)
def test_a_net_that_cannot_be_counted_gives_one_line(name: str, fragments: list[str]) -> None:
    with pytest.raises(RunError, match=f"^--compare {name}: ") as refused:
        describe_published(name)
    assert all(fragment in str(refused.value) for fragment in fragments)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "receptive_field"),
    [
        # Linear layers at each position: 4x4 stride 4, then 3, 3, 9 and 3 blocks of 7x7 and 2x2 stride 2 between them.
        ("convnext_tiny", 4 + 3 * 24 + 4 + 3 * 48 + 8 + 9 * 96 + 16 + 3 * 192),
        # In each block, a branch with global pooling scales the maps.
        ("efficientnet_b0", 3 + 4 + (4 + 8) + (16 + 32) + (16 + 32 + 32) + 3 * 64 + (64 + 3 * 128) + 64),
        ("mobilenet_v2", 491),
    ],
)
def test_a_branch_with_global_pooling_does_not_end_the_receptive_field(name: str, receptive_field: int) -> None:
    assert describe_published(name).receptive_field == receptive_field


def test_forward_seconds_does_not_change_torchs_settings() -> None:
    experiment = load_spec(REPOSITORY / "experiments/resnet20.yaml")
    flags = torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_default_device()
    seconds = forward_seconds([experiment], ["squeezenet1_1"], torch.device("cpu"))
    assert len(seconds) == 2
    assert all(0 < time < 60 for time in seconds)
    assert flags == (torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_default_device())


def test_forward_passes_in_fp32_are_not_rounded_to_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    rounded: list[bool] = []
    forward = Network.forward

    def noting(net: Network, x: torch.Tensor) -> torch.Tensor:
        rounded.append(torch.backends.cudnn.allow_tf32)
        return forward(net, x)

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)  # torch's default
    monkeypatch.setattr(Network, "forward", noting)
    forward_seconds([load_spec(REPOSITORY / "experiments/resnet20.yaml")], [], torch.device("cpu"))
    assert rounded
    assert not any(rounded)
