"""Single optimisation steps and evaluations against arithmetic written out in float64."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_repro.data import DATASETS
from resnet_repro.models.build import build, network_of
from resnet_repro.models.network import Network
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, TrainingSpec
from resnet_repro.training.engine import COMPUTED_IN, Engine
from resnet_repro.training.evaluation import evaluate

CPU = torch.device("cpu")
RATES = [0.5, 0.5, 0.05, 0.2]

Array = npt.NDArray[np.float64]


def batch_of(size: int, seed: int, side: int = 2) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 3, side, side, generator=random).contiguous(memory_format=torch.channels_last)
    return images, torch.randint(0, 10, (size,), generator=random)


def linear_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 10))


def small_net() -> Network:
    torch.manual_seed(0)
    return network_of(ModelSpec(depth=8, width=2))


def cross_entropy(outputs: Array, labels: Array) -> tuple[float, Array]:
    """Mean loss, and its gradient with respect to the outputs."""
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    gradient = probabilities.copy()
    gradient[rows, labels] -= 1
    return float(-np.log(probabilities[rows, labels]).mean()), gradient / len(labels)


@pytest.mark.parametrize("weight_decay", [0.0, 0.03])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_steps_follow_sgd_written_out(momentum: float, nesterov: bool, weight_decay: float) -> None:
    net = linear_net()
    engine = Engine(net, CPU, "fp32", momentum, nesterov, weight_decay)
    w, b = (parameter.detach().double().numpy().copy() for parameter in net.parameters())
    velocity_w, velocity_b = np.zeros_like(w), np.zeros_like(b)
    for step, rate in enumerate(RATES):
        images, labels = batch_of(6, seed=step)
        outcome = engine.train_step(images, labels, rate)

        x = images.double().flatten(1).numpy()
        outputs = x @ w.T + b
        loss, gradient = cross_entropy(outputs, labels.numpy())
        assert outcome.loss.item() == pytest.approx(loss, rel=1e-5)
        assert outcome.errors.item() == (outputs.argmax(axis=1) != labels.numpy()).sum()

        gradient_w, gradient_b = gradient.T @ x + weight_decay * w, gradient.sum(axis=0) + weight_decay * b
        velocity_w, velocity_b = momentum * velocity_w + gradient_w, momentum * velocity_b + gradient_b
        if nesterov:
            w, b = w - rate * (gradient_w + momentum * velocity_w), b - rate * (gradient_b + momentum * velocity_b)
        else:
            w, b = w - rate * velocity_w, b - rate * velocity_b
        for parameter, expected in zip(net.parameters(), (w, b), strict=True):
            assert np.allclose(parameter.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_bn_is_decayed_like_every_other_parameter() -> None:
    engine = Engine(small_net(), CPU, "fp32", 0.9, False, 0.1)
    assert len(engine.optimizer.param_groups) == 1
    group = engine.optimizer.param_groups[0]
    assert group["weight_decay"] == 0.1
    assert [id(parameter) for parameter in group["params"]] == [id(parameter) for parameter in engine.net.parameters()]


NETS = {  # and the names that, of each kind of parameter, one is decayed by "all" and not by "weights"
    "with BN": ({}, ["stem.bn1.weight", "stage1.0.branch.bn2.bias", "head.bias"]),
    "without BN": ({"normalization": "none"}, ["stem.conv1.bias", "head.bias"]),
    "with gates": ({"shortcut": "exclusive_gate", "gate_bias": -6.0}, ["stage1.0.shortcut.gate.bias"]),
    "with scalars": (
        {"normalization": "none", "initialization": "fixup"},
        ["stage1.0.branch.bias1.bias", "stage1.0.branch.multiplier1.multiplier"],
    ),
}


@pytest.mark.parametrize("decay_vectors", [True, False])
@pytest.mark.parametrize("kind", NETS)
def test_weight_decay_acts_on_all_parameters_or_on_kernels_and_matrices_alone(kind: str, decay_vectors: bool) -> None:
    fields, vectors = NETS[kind]
    torch.manual_seed(0)
    net = network_of(ModelSpec(depth=8, width=16, **fields))
    for parameter in net.parameters():
        if parameter.dim() == 1:  # away from zero, where decay would do nothing
            parameter.data.add_(0.1)
    written_out = copy.deepcopy(net)
    engine = Engine(net, CPU, "fp32", 0.9, False, 0.3, decay_vectors)
    names = [name for name, _ in net.named_parameters()]
    decayed = {name for name in names if decay_vectors or (name.endswith("weight") and ".bn" not in name)}
    assert set(vectors) <= set(names)
    assert set(vectors).isdisjoint(decayed) != decay_vectors
    assert {"stem.conv1.weight", "stage2.0.branch.conv2.weight", "head.weight"} <= decayed

    velocity = {name: torch.zeros_like(parameter) for name, parameter in written_out.named_parameters()}
    for step, rate in enumerate([0.05, 0.02, 0.05]):
        images, labels = batch_of(6, seed=step, side=16)
        engine.train_step(images, labels, rate)
        gradients = torch.autograd.grad(F.cross_entropy(written_out(images), labels), list(written_out.parameters()))
        for (name, parameter), gradient in zip(written_out.named_parameters(), gradients, strict=True):
            decay = 0.3 * parameter.detach() if name in decayed else 0
            velocity[name] = 0.9 * velocity[name] + gradient + decay
            parameter.data.sub_(rate * velocity[name])
    for (name, ours), expected in zip(net.named_parameters(), written_out.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


def test_every_parameter_is_updated_by_one_group_whatever_is_decayed() -> None:
    for decay_vectors in (True, False):
        engine = Engine(small_net(), CPU, "fp32", 0.9, False, 0.1, decay_vectors)
        updated = [id(parameter) for group in engine.optimizer.param_groups for parameter in group["params"]]
        assert sorted(updated) == sorted(id(parameter) for parameter in engine.net.parameters())


@pytest.mark.parametrize(("weight_decay_on", "decayed"), [("all", 23), ("weights", 8)])
def test_a_run_decays_what_its_spec_says(weight_decay_on: str, decayed: int) -> None:
    experiment = Experiment(
        name="x",
        model=ModelSpec(depth=8, width=2),
        data=DataSpec(dataset="synthetic", train_images=16, test_images=10),
        training=TrainingSpec(steps=1, batch_size=8, clean_images=8, weight_decay=0.2, weight_decay_on=weight_decay_on),
    )
    engine = build_trainer(experiment, DATASETS["synthetic"](Path(), 16, 10), CPU).engine
    groups = [group for group in engine.optimizer.param_groups if group["weight_decay"]]
    assert [group["weight_decay"] for group in groups] == [0.2]
    assert len(groups[0]["params"]) == decayed
    assert sum(len(group["params"]) for group in engine.optimizer.param_groups) == 23


@pytest.mark.parametrize("precision", COMPUTED_IN)
def test_weights_statistics_and_losses_are_float32_in_either_precision(precision: str) -> None:
    engine = Engine(small_net(), CPU, precision, 0.9, False, 1e-4)
    outputs: set[torch.dtype] = set()
    engine.net.stage2[0].branch.conv1.register_forward_hook(lambda _module, _inputs, output: outputs.add(output.dtype))
    images, labels = batch_of(4, seed=0, side=32)
    for outcome in (engine.train_step(images, labels, 0.1), engine.evaluate(images, labels)):
        assert outcome.loss.dtype == torch.float32
        assert not outcome.loss.requires_grad
    assert {parameter.dtype for parameter in engine.net.parameters()} == {torch.float32}
    assert {parameter.grad.dtype for parameter in engine.net.parameters()} == {torch.float32}
    momentum = [state["momentum_buffer"].dtype for state in engine.optimizer.state.values()]
    assert set(momentum) == {torch.float32}
    assert {buffer.dtype for buffer in engine.net.buffers()} == {torch.float32, torch.int64}
    assert outputs == {COMPUTED_IN[precision]}


def test_weights_are_channels_last() -> None:
    engine = Engine(small_net(), CPU, "fp32", 0.9, False, 1e-4)
    convolutions = [module for module in engine.net.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 7
    assert all(module.weight.is_contiguous(memory_format=torch.channels_last) for module in convolutions)


@pytest.mark.parametrize("sizes", [[7], [5, 5, 1], [1, 6, 2]])
def test_evaluate_counts_every_image_once_however_batches_are_cut(sizes: list[int]) -> None:
    net = linear_net()
    batches = [batch_of(size, seed=number) for number, size in enumerate(sizes)]
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    w, b = (parameter.detach().double().numpy() for parameter in net.parameters())
    outputs = images.double().flatten(1).numpy() @ w.T + b
    loss, error = evaluate(Engine(net, CPU, "fp32", 0.9, False, 0.0), batches)
    assert loss == pytest.approx(cross_entropy(outputs, labels.numpy())[0], rel=1e-6)
    assert error == 100 * int((outputs.argmax(axis=1) != labels.numpy()).sum()) / sum(sizes)


def test_evaluating_uses_the_population_statistics_and_changes_nothing() -> None:
    engine = Engine(small_net(), CPU, "fp32", 0.9, False, 1e-4)
    engine.train_step(*batch_of(8, seed=0, side=32), 0.1)
    before = {name: tensor.clone() for name, tensor in engine.net.state_dict().items()}
    images, labels = batch_of(6, seed=1, side=32)
    whole = evaluate(engine, [(images, labels)])
    one_by_one = evaluate(engine, [(images[[i]], labels[[i]]) for i in range(6)])
    assert whole == pytest.approx(one_by_one, rel=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in engine.net.state_dict().items())


def test_a_step_after_an_evaluation_trains_again() -> None:
    evaluated, straight = (Engine(small_net(), CPU, "fp32", 0.9, False, 1e-4) for _ in range(2))
    for step in range(3):
        batch = batch_of(8, seed=step, side=32)
        evaluated.evaluate(*batch)
        assert torch.equal(evaluated.train_step(*batch, 0.1).loss, straight.train_step(*batch, 0.1).loss)
    for name, tensor in straight.net.state_dict().items():
        assert torch.equal(evaluated.net.state_dict()[name], tensor)


@pytest.mark.parametrize(
    "model",
    [
        {"depth": 8, "width": 4, "option": "B"},
        {"depth": 8, "width": 4, "shortcut": "conv1x1"},
        {"depth": 8, "width": 2, "shortcut": "exclusive_gate", "gate_bias": 0.0},
        {"depth": 11, "width": 1, "block": "bottleneck"},
    ],
)
def test_a_narrow_net_with_strided_1x1_convolutions_trains(model: dict[str, Any]) -> None:
    """Their weight gradient crashed the process where torch computed it as a strided convolution."""
    net = build(ModelSpec(**model), torch.Generator().manual_seed(0))
    engine = Engine(net, CPU, "fp32", 0.9, False, 1e-4)
    for seed in range(3):
        random = torch.Generator().manual_seed(seed)
        images, labels = torch.randn(8, 3, 32, 32, generator=random), torch.randint(0, 10, (8,), generator=random)
        assert engine.train_step(images, labels, 0.01).loss.isfinite()


def test_fp16_steps_follow_fp32_ones_whatever_the_scale() -> None:
    """Were the gradients not divided by the scale again, they would differ by thousands."""
    exact, half = (Engine(small_net(), CPU, precision, 0.9, False, 1e-4) for precision in ("fp32", "fp16"))
    assert half.scaler.get_scale() == 65536
    for scale in (65536.0, 64.0):
        half.restore({**copy.deepcopy(exact.state()), "scaler": {**half.scaler.state_dict(), "scale": scale}})
        batch = batch_of(8, seed=0, side=16)
        losses = [engine.train_step(*batch, 0.01).loss for engine in (exact, half)]
        assert losses[1].item() == pytest.approx(losses[0].item(), rel=0.01)
        gradients = [torch.cat([p.grad.flatten() for p in engine.net.parameters()]) for engine in (exact, half)]
        assert (gradients[0] - gradients[1]).norm() < 0.1 * gradients[0].norm()


def test_an_fp16_step_whose_gradients_overflow_changes_no_weight_and_halves_the_scale() -> None:
    engine = Engine(small_net(), CPU, "fp16", 0.9, False, 1e-4)
    engine.train_step(*batch_of(8, seed=0, side=16), 0.05)
    engine.scaler.load_state_dict({**engine.scaler.state_dict(), "scale": 1e30})
    before = copy.deepcopy(engine.state())
    outcome = engine.train_step(*batch_of(8, seed=1, side=16), 0.05)
    assert outcome.loss.isfinite()
    after = engine.state()
    assert all(torch.equal(*pair) for pair in zip(before["momentum"], after["momentum"], strict=True))
    assert all(torch.equal(before["net"][name], parameter) for name, parameter in engine.net.named_parameters())
    assert after["scaler"]["scale"] == pytest.approx(5e29)


def test_a_restored_engine_keeps_its_tensors_in_place_and_its_scale() -> None:
    engine, other = (Engine(small_net(), CPU, "fp16", 0.9, False, 1e-4) for _ in range(2))
    places = [tensor.data_ptr() for tensor in [*engine.net.state_dict().values(), *engine.state()["momentum"]]]
    other.scaler.load_state_dict({**other.scaler.state_dict(), "scale": 8.0})
    for step in range(2):
        other.train_step(*batch_of(8, seed=step, side=16), 0.05)
    engine.restore(copy.deepcopy(other.state()))
    assert [t.data_ptr() for t in [*engine.net.state_dict().values(), *engine.state()["momentum"]]] == places
    batch = batch_of(8, seed=2, side=16)
    assert torch.equal(engine.train_step(*batch, 0.05).loss, other.train_step(*batch, 0.05).loss)
    assert engine.scaler.get_scale() == 8
    for one, another in zip(engine.net.parameters(), other.net.parameters(), strict=True):
        assert torch.equal(one, another)
