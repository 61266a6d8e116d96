"""The drawing of a plain unit beside a residual unit."""

import xml.etree.ElementTree as ElementTree

import pytest
from conftest import REPOSITORY

from resnet_repro.figures.units import DESCRIPTION, FILE, LAYERS, PAGE, Palette, units_svg

SVG = "{http://www.w3.org/2000/svg}"


def test_the_committed_file_is_the_drawing() -> None:
    """If it is stale: make docs"""
    assert (REPOSITORY / "docs/figures/units.svg").read_text(encoding="utf-8") == units_svg(FILE)


@pytest.mark.parametrize("colours", [FILE, PAGE])
def test_both_units_have_the_same_layers_and_only_one_a_shortcut(colours: Palette) -> None:
    root = ElementTree.fromstring(units_svg(colours))  # noqa: S314 - our own
    assert (root.get("role"), root.get("aria-label")) == ("img", DESCRIPTION)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert [text for text in texts if text in LAYERS] == [*LAYERS, "ReLU"] * 2
    assert texts.count("shortcut") == 1
    assert {"x′ = f(F(x))", "x′ = f(h(x) + F(x))"} <= set(texts)
    assert ("var(" in units_svg(colours)) == (colours is PAGE)
