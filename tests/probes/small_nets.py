"""Small nets with random weights and statistics, the values of a probe in them, and their layers written out."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_repro.models.build import network_of
from resnet_repro.models.network import Network
from resnet_repro.probes import Instruments
from resnet_repro.spec import ModelSpec, ProbesSpec
from resnet_repro.training.engine import Engine

CPU = torch.device("cpu")
State = dict[str, Tensor]


def small_net(**model: Any) -> Any:
    """A net with random parameters and statistics, by default of 8 layers and 2 filters."""
    net = network_of(ModelSpec.model_validate({"depth": 8, "width": 2, **model}))
    random = torch.Generator().manual_seed(0)
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=random))
        elif tensor.is_floating_point():
            tensor.copy_(0.4 * torch.randn(tensor.shape, generator=random) + (tensor.dim() == 1) * 0.5)
    return net


def images_and_labels(count: int = 5) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, 32, 32, generator=random), torch.randint(10, (count,), generator=random)


def engine_of(net: Network, momentum: float = 0.9, nesterov: bool = False, weight_decay: float = 1e-4) -> Engine:
    return Engine(net, CPU, "fp32", momentum, nesterov, weight_decay)


def instruments_on(engine: Engine, *measure: str, **probes: object) -> Instruments:
    """Instruments that measure on 5 images, given as two batches."""
    images, labels = images_and_labels()
    batches = [(images[:3], labels[:3]), (images[3:], labels[3:])]
    spec = ProbesSpec.model_validate({"measure": measure, **probes})
    return Instruments(spec, every=5, last_step=12, engine=engine, batches=batches)


def found_by(probe: str, net: Network, **probes: object) -> dict[tuple[str, str], float]:
    """The values of one probe in `net`: {(layer, name): value}."""
    rows = list(instruments_on(engine_of(net), probe, **probes).measure(7))
    assert {(row.step, row.probe) for row in rows} <= {(7, probe)}
    found = {(row.layer, row.name): row.value for row in rows}
    assert len(found) == len(rows)
    return found


class Unit(NamedTuple):
    """The values in one unit, written out."""

    convolved: dict[str, Tensor]  # each convolution's output, after the BN that directly follows
    branch: Tensor
    output: Tensor


def conv(x: Tensor, state: State, name: str, stride: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state.get(f"{name}.bias"), stride, padding=weight.shape[-1] // 2)


def bn(x: Tensor, state: State, name: str) -> Tensor:
    """BN with the statistics of x."""
    mean = x.mean((0, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
    scale, shift = (state[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
    return (x - mean) / (variance + 1e-5).sqrt() * scale + shift


def padded(x: Tensor, stride: int) -> Tensor:
    """Option A: a stride of 2 doubles the number of maps."""
    if stride == 1:
        return x
    x = x[:, :, ::2, ::2]
    return torch.cat([x, torch.zeros_like(x)], dim=1)


def state_of(net: Network) -> State:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}
