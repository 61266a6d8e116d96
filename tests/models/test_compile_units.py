"""torch.compile on the units compiles each shape once, at any depth."""

import pytest
import torch
from straight_line import spec_of
from torch import Tensor, fx, nn

from resnet_repro.models.build import build


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch.compile itself causes this warning
@pytest.mark.parametrize("depth", [20, 32])
def test_units_of_one_shape_are_compiled_once(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[fx.GraphModule] = []

    def counting(graph: fx.GraphModule, inputs: list[Tensor]) -> fx.GraphModule:
        compiled.append(graph)
        return graph

    compile_module = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda unit, **options: compile_module(unit, backend=counting, **options))
    torch._dynamo.reset()
    model = spec_of(depth=depth, width=2)
    plain, fused = (build(model, torch.Generator().manual_seed(0)).train() for _ in range(2))
    fused.compile_units()
    assert list(fused.state_dict()) == list(plain.state_dict())
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        torch.testing.assert_close(fused(images), plain(images))
    assert len(compiled) == 5  # the units of three stages, and the two that change the shape
