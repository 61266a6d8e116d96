"""Single optimisation steps and evaluations against arithmetic written out in float64."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from engines import CPU, batch_of, small_net
from torch import nn

from resnet_repro.models.build import build
from resnet_repro.spec import ModelSpec
from resnet_repro.training.engine import COMPUTED_IN, Engine
from resnet_repro.training.evaluation import evaluate
from resnet_repro.training.sgd import SGD

RATES = [0.5, 0.5, 0.05, 0.2]

Array = npt.NDArray[np.float64]


def linear_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 10))


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
def test_steps_are_those_of_sgd_written_out(momentum: float, nesterov: bool, weight_decay: float) -> None:
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


@pytest.mark.parametrize("precision", COMPUTED_IN)
def test_weights_statistics_and_losses_are_float32_in_every_precision(precision: str) -> None:
    engine = Engine(small_net(), CPU, precision, 0.9, False, 1e-4)
    outputs: set[torch.dtype] = set()
    engine.net.stage2[0].branch.conv1.register_forward_hook(lambda _module, _inputs, output: outputs.add(output.dtype))
    images, labels = batch_of(4, seed=0, side=32)
    for outcome in (engine.train_step(images, labels, 0.1), engine.evaluate(images, labels)):
        assert outcome.loss.dtype == torch.float32
        assert not outcome.loss.requires_grad
    assert {parameter.dtype for parameter in engine.net.parameters()} == {torch.float32}
    assert {parameter.grad.dtype for parameter in engine.net.parameters()} == {torch.float32}
    momentum = [buffer.dtype for buffer in engine.optimizer.momentum_buffers.values()]
    assert set(momentum) == {torch.float32}
    assert {buffer.dtype for buffer in engine.net.buffers()} == {torch.float32, torch.int64}
    assert outputs == {COMPUTED_IN[precision]}


def test_weights_are_channels_last() -> None:
    engine = Engine(small_net(), CPU, "fp32", 0.9, False, 1e-4)
    convolutions = [module for module in engine.net.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 7
    assert all(module.weight.is_contiguous(memory_format=torch.channels_last) for module in convolutions)


@pytest.mark.parametrize("sizes", [[7], [5, 5, 1], [1, 6, 2]])
def test_evaluate_counts_every_image_once_for_any_batch_sizes(sizes: list[int]) -> None:
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
    """torch crashes in the weight gradient of a strided 1x1 convolution of few channels; ours must not."""
    net = build(ModelSpec(**model), torch.Generator().manual_seed(0))
    engine = Engine(net, CPU, "fp32", 0.9, False, 1e-4)
    for seed in range(3):
        random = torch.Generator().manual_seed(seed)
        images, labels = torch.randn(8, 3, 32, 32, generator=random), torch.randint(0, 10, (8,), generator=random)
        assert engine.train_step(images, labels, 0.01).loss.isfinite()


@pytest.mark.parametrize("nesterov", [False, True])
def test_an_update_is_that_of_torchs_class_bit_for_bit_and_skips_what_has_no_gradient(nesterov: bool) -> None:
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(5, 3)) for _ in range(3)]
    theirs = [nn.Parameter(parameter.detach().clone()) for parameter in ours]
    optimizer = SGD([{"params": ours, "weight_decay": 0.1}], 0.9, nesterov, fused=True)
    torchs = torch.optim.SGD(theirs, lr=0.3, momentum=0.9, weight_decay=0.1, nesterov=nesterov, fused=True)
    for step in range(4):
        for our, their in zip(ours[:2], theirs[:2], strict=True):
            our.grad = torch.randn(5, 3)
            their.grad = our.grad.clone()
        torchs.param_groups[0]["lr"] = 0.3 / (step + 1)
        optimizer.step(0.3 / (step + 1))
        torchs.step()
    assert all(torch.equal(our, their) for our, their in zip(ours, theirs, strict=True))
    assert ours[2].grad is None


def test_training_does_not_wait_for_the_import_of_torchs_compiler(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom resnet_repro.cli import main\ntry:\n    main()\n"
        "finally:\n    assert 'torch._dynamo' not in sys.modules"
    )
    spec = tmp_path / "tiny.yaml"
    spec.write_text(
        "model: {depth: 8, width: 2}\ndata: {dataset: synthetic, train_images: 20, test_images: 10}\n"
        "training: {steps: 2, batch_size: 10, clean_images: 10, evaluate_every: 2, precision: bf16}\n"
    )
    command = [sys.executable, "-c", code, "train", spec, "--results", tmp_path / "r", "--device", "cpu"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "finished 2 steps" in done.stderr
