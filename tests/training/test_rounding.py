"""On a CPU without instructions for 16 bits, their products are computed in fp32 and rounded: as exact, and fast."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small_runs import experiment, random_dataset
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from resnet_repro.errors import RunError
from resnet_repro.models.build import build
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.spec import ModelSpec
from resnet_repro.training.engine import COMPUTED_IN, Engine
from resnet_repro.training.rounding import RoundedProducts

CPU = torch.device("cpu")
HALF = [torch.bfloat16, torch.float16]


@pytest.fixture
def old_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "Old"}, raising=False)


def products(x: Tensor, kernel: Tensor, matrix: Tensor, bias: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The outputs of a convolution and a linear layer, and the gradients of all operands."""
    operands = [tensor.detach().requires_grad_() for tensor in (x, kernel, matrix, bias)]
    maps = F.conv2d(operands[0], operands[1], padding=1)
    outputs = F.linear(maps.mean(dim=(2, 3)), operands[2], operands[3])
    outputs.backward(torch.ones_like(outputs) / 7)
    return maps, [outputs.detach(), *(operand.grad for operand in operands if operand.grad is not None)]


@pytest.mark.parametrize("dtype", HALF)
def test_a_product_is_the_exact_one_rounded_once(dtype: torch.dtype) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(4, 16, 8, 8, generator=random).to(dtype)
    kernel = (torch.randn(16, 16, 3, 3, generator=random) / 12).to(dtype)
    with RoundedProducts():
        found = F.conv2d(x, kernel, padding=1)
    exact = F.conv2d(x.double(), kernel.double(), padding=1)
    assert found.dtype == dtype
    off = (found != exact.to(dtype)).double().mean()
    assert off < 0.001  # where the exact product lies between two numbers, the sum's order decides
    assert torch.allclose(found.double(), exact, rtol=2 * torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("dtype", HALF)
def test_gradients_are_exact_up_to_the_last_bit(dtype: torch.dtype) -> None:
    random = torch.Generator().manual_seed(0)
    shapes = [(4, 16, 8, 8), (8, 16, 3, 3), (10, 8), (10,)]
    operands = [(torch.randn(shape, generator=random) / 12).to(dtype) for shape in shapes]
    with RoundedProducts():
        _, found = products(*operands)
    _, exact = products(*(operand.double() for operand in operands))
    assert len(found) == 5
    for ours, theirs in zip(found, exact, strict=True):
        assert ours.dtype == dtype
        assert float((ours.double() - theirs).norm() / theirs.norm()) < torch.finfo(dtype).eps


def test_products_of_batches_of_matrices_too() -> None:
    left, right = torch.randn(3, 5, 64).bfloat16().requires_grad_(), torch.randn(3, 64, 2).bfloat16()
    with _Products() as products, RoundedProducts():
        found = left @ right
        found.sum().backward()
    assert {*products.found} == {("bmm", torch.float32)}
    assert found.dtype == torch.bfloat16


def test_products_of_fp32_keep_their_bits() -> None:
    random = torch.Generator().manual_seed(0)
    operands = [torch.randn(shape, generator=random) for shape in [(4, 3, 8, 8), (8, 3, 3, 3), (10, 8), (10,)]]
    _, expected = products(*operands)
    with RoundedProducts():
        _, found = products(*operands)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


class _Products(TorchDispatchMode):
    """Counts the types in which convolutions and matrix products are computed, forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[str, torch.dtype]] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name.startswith("convolution") or name in ("mm", "addmm", "bmm"):
            self.found[name, args[0].dtype] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.usefixtures("old_cpu")
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_an_old_cpu_computes_no_product_in_16_bits(precision: str, recompute: bool) -> None:
    model = ModelSpec(depth=8, width=4, shortcut="exclusive_gate", gate_bias=-3.0)
    net = build(model, torch.Generator().manual_seed(0))
    if recompute:
        net.recompute()
    engine = Engine(net, CPU, precision, 0.9, False, 1e-4)
    images, labels = torch.randn(8, 3, 16, 16), torch.randint(0, 10, (8,))
    outputs: list[torch.dtype] = []
    net.head.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.dtype))
    with _Products() as products:
        engine.train_step(images, labels, 0.1)
        engine.evaluate(images, labels)
    assert {dtype for _, dtype in products.found} == {torch.float32}
    assert {name for name, _ in products.found} == {"convolution", "convolution_backward", "mm", "addmm"}
    assert set(outputs) == {COMPUTED_IN[precision]}
    assert engine.name == "eager, rounded"


def test_a_cpu_with_the_instructions_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    net = build(ModelSpec(depth=8, width=4), torch.Generator())
    assert [Engine(net, CPU, precision, 0.9, False, 1e-4).name for precision in ("bf16", "fp32")] == ["eager"] * 2


@pytest.mark.usefixtures("old_cpu")
def test_a_run_says_so_once_and_records_it(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.WARNING):
        trainer = build_trainer(experiment(steps=1, precision="bf16"), random_dataset(), CPU)
    assert trainer.engine.name == "eager, rounded"
    assert caplog.messages == [
        "training.precision: bf16 is computed in fp32 and rounded on CPU (Old, 1 thread), which lacks it; auto is fp32"
    ]


@pytest.mark.usefixtures("old_cpu")
def test_compiled_units_need_the_instructions() -> None:
    with pytest.raises(RunError, match=r"--compile: not in bf16, which this CPU lacks; --set training.precision=fp32"):
        build_trainer(experiment(steps=1, precision="bf16"), random_dataset(), CPU, compiled=True)
