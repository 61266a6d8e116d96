"""Lists a net's operations with depth, receptive field and cost. It runs on the meta device, so it needs no memory."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

UNTRACEABLE = (fx.proxy.TraceError, TypeError, RuntimeError)  # what `trace` raises of nets that torch.fx cannot follow


@dataclass(frozen=True)
class Layer:
    """One operation for one image. `multiply_adds` counts convolutions and fully-connected layers, as the papers do."""

    name: str
    operation: str
    output_shape: tuple[int, ...]  # without the batch dimension
    parameters: int
    multiply_adds: int
    depth: int  # weighted layers on the longest path from the input, including this one
    receptive_field: int | None  # side in pixels of the input region of one output value; None after a global pooling


class _Reach(NamedTuple):
    """Depth, receptive field and stride of the paths from the input to an operation."""

    depth: int = 0
    field: int | None = 1
    jump: int = 1  # input pixels between two neighbouring values


FUNCTIONS = {
    "add": "addition",
    "iadd": "addition",
    "mul": "multiplication",
    "sigmoid": "Sigmoid",
    "getitem": "subsampling",
    "pad": "zero maps",
    "cat": "concatenation",
    "mean": "global average pooling",
    "relu": "ReLU",
}


def trace(net: nn.Module, shape: tuple[int, ...]) -> tuple[Layer, ...]:
    """The operations of `net` in forward order, for an input of `shape`, (3, H, W)."""
    tracer = _Tracer()
    graph = tracer.trace(net)
    reader = _Reader(fx.GraphModule(tracer.root, graph))
    reader.run(torch.empty(1, *shape, device="meta"))
    return tuple(reader.layers)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not list(m.children())


class _Reader(fx.Interpreter):
    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.layers: list[Layer] = []
        self.reached: dict[fx.Node, _Reach] = {}

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """BN changes no shape. On the meta device torch computes it by a decomposition that takes half of the time."""
        module = self.fetch_attr(str(target))
        if isinstance(module, nn.BatchNorm2d) and args and args[0].shape[1] == module.num_features:
            return args[0]
        return super().call_module(target, args, kwargs)

    def run_node(self, n: fx.Node) -> Any:
        output = super().run_node(n)
        module = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        befores = [self.reached[node] for node in n.all_input_nodes] or [_Reach()]
        fields = [before.field for before in befores if before.field is not None]
        before = _Reach(
            max(before.depth for before in befores),
            max(fields) if fields else None,
            max(before.jump for before in befores),
        )
        self.reached[n] = reach = _reach(n, module, before)
        operation = _operation(n, module)
        if operation and isinstance(output, Tensor) and output.dim() > 1:
            self.layers.append(
                Layer(
                    _place(n),
                    operation,
                    tuple(output.shape[1:]),
                    sum(parameter.numel() for parameter in module.parameters()) if module else 0,
                    _multiply_adds(module, output),
                    reach.depth,
                    reach.field,
                )
            )
        return output


def _reach(n: fx.Node, module: nn.Module | None, before: _Reach) -> _Reach:
    depth = before.depth + isinstance(module, nn.Conv2d | nn.Linear)
    if _is_global_pooling(n, module):
        return _Reach(depth, None, before.jump)
    if before.field is None or not isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return _Reach(depth, before.field, before.jump)
    kernel, stride, dilation = (_side(getattr(module, name, 1)) for name in ("kernel_size", "stride", "dilation"))
    return _Reach(depth, before.field + (kernel - 1) * dilation * before.jump, before.jump * stride)


def _is_global_pooling(n: fx.Node, module: nn.Module | None) -> bool:
    return isinstance(module, nn.AdaptiveAvgPool2d) or _function(n) == "mean"


def _function(n: fx.Node) -> str:
    target = n.target
    return str(getattr(target, "__name__", target)) if n.op in ("call_function", "call_method") else ""


def _operation(n: fx.Node, module: nn.Module | None) -> str | None:
    """The name of an operation; None for one that computes nothing."""
    match module:
        case None:
            return FUNCTIONS.get(_function(n))
        case nn.Conv2d():
            size = "x".join(map(str, module.kernel_size))
            return f"conv {size}" + (f", stride {module.stride[0]}" if module.stride[0] > 1 else "")
        case nn.Linear():
            return "fully connected"
        case nn.Identity() | nn.Sequential():
            return None
        case _:
            return type(module).__name__


def _place(n: fx.Node) -> str:
    """The name of the module, or of the module that calls a function."""
    if n.op == "call_module":
        return str(n.target)
    return str(next(reversed(n.meta.get("nn_module_stack", {"": None}))))


def _multiply_adds(module: nn.Module | None, output: Tensor) -> int:
    if isinstance(module, nn.Conv2d):
        return output[0].numel() * module.in_channels // module.groups * math.prod(module.kernel_size)
    return output[0].numel() * module.in_features if isinstance(module, nn.Linear) else 0


def _side(size: int | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else max(size)
