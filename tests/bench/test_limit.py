"""The limit counts every layer with its actual work."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from resnet_repro.bench.layer_shapes import LayerShape, layer_shapes, least_values_moved
from resnet_repro.bench.limit import FORMATS, Trial, layer_trials, limit, training_pass
from resnet_repro.describe import describe
from resnet_repro.spec import Experiment, ModelSpec
from resnet_repro.training.timing import Timing, interleaved

CPU = torch.device("cpu")
NETS = [
    {"depth": 20},
    {"depth": 56, "shortcut": "none"},
    {"depth": 20, "option": "B"},
    {"depth": 29, "block": "bottleneck"},
    {"depth": 8, "shortcut": "exclusive_gate", "gate_bias": -1.0},
    {"depth": 8, "unit": "full_preactivation", "width": 4},
]


@pytest.mark.parametrize("model", NETS)
def test_the_shapes_have_all_multiply_adds_of_the_net(model: dict[str, object]) -> None:
    experiment = Experiment(name="net", model=ModelSpec.model_validate(model))
    shapes = layer_shapes(experiment.model)
    assert sum(shape.multiply_adds * number for shape, number in shapes.items()) == describe(experiment).multiply_adds


def test_resnet20_has_seven_shapes_and_only_the_stem_needs_no_input_gradient() -> None:
    shapes = layer_shapes(ModelSpec(depth=20))
    assert sorted(shapes.values()) == [1, 1, 1, 1, 5, 5, 6]
    stem = LayerShape("convolution", 3, 16, 32, 3, 1, 1, input_gradient=False)
    assert [shape for shape in shapes if not shape.input_gradient] == [stem]
    assert stem.training_multiply_adds == 2 * 3 * 16 * 9 * 32**2
    assert LayerShape("fully connected", 64, 10).training_multiply_adds == 3 * 640


def test_a_strided_projection_is_timed_on_the_pixels_it_reads() -> None:
    shapes = layer_shapes(ModelSpec(depth=8, option="B"))
    assert shapes[LayerShape("convolution", 16, 32, 16)] == 1
    assert all(shape.stride == 1 for shape in shapes if shape.kernel == 1)


def test_the_values_moved_are_those_counted_by_hand() -> None:
    image, maps = 3 * 32**2, [4 * 32**2, 8 * 16**2, 16 * 8**2]
    stem = 2 * image + 2 * maps[0] + 5 * maps[0]
    same = [10 * size for size in maps]  # a convolution and its normalisation
    strided = [3 * before + 2 * after + 5 * after for before, after in pairwise(maps)]
    expected = stem + 2 * same[0] + strided[0] + same[1] + strided[1] + same[2]
    assert least_values_moved(ModelSpec(depth=8, width=4)) == expected


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize(
    "shape",
    [
        LayerShape("convolution", 4, 8, 6, 3, 2, 1),
        LayerShape("convolution", 3, 4, 6, 3, 1, 1, input_gradient=False),
        LayerShape("fully connected", 5, 3),
    ],
)
def test_a_pass_computes_the_same_as_autograd(
    shape: LayerShape, memory_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[torch.Tensor] = []
    randn = torch.randn

    def kept(*sizes: Any, **options: Any) -> torch.Tensor:
        made.append(randn(*sizes, **options))
        return made[-1]

    monkeypatch.setattr(torch, "randn", kept)
    results = training_pass(Trial(shape, memory_format), 2, CPU, torch.float32)()
    x, weight, gradient = (value.clone().requires_grad_() for value in made)
    if shape.operation == "fully connected":
        output = (x.flatten(1) @ weight.flatten(1).T)[..., None, None]
    else:
        output = F.conv2d(x, weight, None, shape.stride, shape.padding)
    output.backward(gradient)
    expected = [output, x.grad if shape.input_gradient else None, weight.grad]
    for found, right in zip(results[:3], expected, strict=True):
        assert (found is None) == (right is None)
        if found is not None and right is not None:
            torch.testing.assert_close(found.reshape(right.shape), right, rtol=1e-4, atol=1e-4)


def test_the_limit_is_the_sum_of_the_best_times_and_the_peak_the_best_rate() -> None:
    slow, fast = LayerShape("fully connected", 10, 10), LayerShape("fully connected", 100, 10)
    seconds = {slow: {"channels_last": 3.0, "contiguous": 2.0}, fast: {"channels_last": 1.0, "contiguous": 4.0}}
    timings = {Trial(shape, order): Timing(1, [time]) for shape in seconds for order, time in seconds[shape].items()}
    best = limit(Counter({slow: 5, fast: 1}), timings, batch_size=2, repeats=1)
    assert best.step_seconds == 5 * 2.0 + 1.0
    assert best.multiply_adds_per_second == 3 * 1000 * 2 / 1.0
    assert limit(Counter({slow: 5, fast: 1}), timings, 2, repeats=10).step_seconds == pytest.approx(1.1)


def test_every_layer_is_timed_in_every_memory_format() -> None:
    shapes = layer_shapes(ModelSpec(depth=8, width=2))
    timings = interleaved(layer_trials(shapes, 4, CPU, torch.bfloat16, 0.001), 1)
    assert set(timings) == {Trial(shape, order) for shape in shapes for order in FORMATS}
    assert limit(shapes, timings, 4, 1).step_seconds > 0
