"""What the report's curves say, read from the attributes of their SVG as the script of the page reads it."""

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from conftest import make_run
from made_up import group_of, with_probes
from matplotlib.figure import Figure

from resnet_repro.figures.curves import draw_curves
from resnet_repro.figures.gradient_norms import draw_gradient_norms
from resnet_repro.figures.readout import _progressions
from resnet_repro.report.inline_svg import inline_svg

Read = dict[tuple[str, str], list[tuple[float, str]]]  # (net, what its points say) -> x and y of each


def numbers(text: str) -> list[float]:
    found: list[float] = []
    for part in text.split(" "):
        first, *steps = (float(number) for number in re.split(r"(?<=\d)[+*]", part))
        step, count = steps or (0.0, 1.0)
        found += [first + step * place for place in range(int(count))]
    return found


def read(figure: Figure | None) -> Read:
    assert figure
    root = ElementTree.fromstring(inline_svg(figure, "f", "").svg)  # noqa: S314 - our own
    said = str(root.get("data-says")).split("|")
    found: Read = {}

    def look(element: ElementTree.Element, net: str, frame: Any) -> None:
        net, frame = element.get("data-net", net), element.get("data-frame", frame)
        if ys := element.get("data-y"):
            assert len(frame.split()) == 8
            xs, places = numbers(str(element.get("data-x"))), ys.split(" ")
            found[net, said[int(element.get("data-says", ""))]] = list(zip(xs, places, strict=True))
        for child in element:
            look(child, net, frame)

    look(root, "", None)
    return found


def test_every_point_of_a_curve_has_its_net_its_step_and_its_value() -> None:
    runs = [make_run(20, seed=seed, train_error=50, test_error=error) for seed, error in ((0, 60.0), (1, 61.5))]
    found = read(draw_curves(group_of(*runs, make_run(56, "identity", train_error=40.125, test_error=45))))
    epoch = 50_000 / 64
    assert found == {
        ("plain-20", f"training error {{y}} % (mean of 2 seeds)@{epoch:g}"): [(200, "90.00"), (400, "50.00")],
        ("plain-20", f"test error {{y}} % (mean of 2 seeds)@{epoch:g}"): [(200, "90.00"), (400, "60.75")],
        ("ResNet-56", f"training error {{y}} %@{epoch:g}"): [(200, "90.00"), (400, "40.12")],
        ("ResNet-56", f"test error {{y}} %@{epoch:g}"): [(200, "90.00"), (400, "45.00")],
    }


def test_a_point_that_is_not_drawn_is_left_out_and_the_others_keep_their_layers() -> None:
    norms = [(1, "gradient_norm", f"layer{number}", "norm", value) for number, value in enumerate((0.5, 0.0, 1e-7))]
    found = read(draw_gradient_norms(group_of(with_probes(make_run(20), norms))))
    assert found == {("plain-20", "gradient norm {y} of layer {x} at step 1@"): [(1, "0.5"), (2, "-"), (3, "1e-7")]}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([391, 782, 1173, 1280], "391+391*3 1280"),
        ([1, 100, 200, 300, 400], "1 100+100*4"),
        ([1, 2], "1 2"),
        ([7], "7"),
        ([], ""),
        ([-1.5, -1, -0.5], "-1.5+0.5*3"),
        ([1e-05, 2e-05, 3e-05, 5], "1e-05+1e-05*3 5"),
    ],
)
def test_evenly_spaced_numbers_are_short(values: list[float], text: str) -> None:
    assert _progressions(values) == text
    assert text == "" or numbers(text) == pytest.approx(values)
