"""Text about a coloured line can be read on white, and on the dark page of the report."""

import re
from importlib.resources import files

import pytest
from conftest import make_run
from made_up import group_of
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from resnet_repro.figures.colours import LINE_COLOURS, ink
from resnet_repro.figures.curves import draw_curves
from resnet_repro.figures.degradation import draw_degradation
from resnet_repro.report.inline_svg import DARK_PAPER, inline_svg

WHITE = "#ffffff"


def contrast(one: str, other: str) -> float:
    """As WCAG 2.2 defines it, from 1 to 21."""
    linear = [[part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
              for colour in (one, other)]  # fmt: skip
    low, high = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in linear)
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_of_black_and_white_and_of_a_known_pair() -> None:
    assert contrast("#000000", WHITE) == pytest.approx(21)
    assert contrast("#777777", WHITE) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("paper", [WHITE, DARK_PAPER])
@pytest.mark.parametrize("colour", LINE_COLOURS)
def test_ink_can_be_read_and_changes_a_colour_no_more_than_that_needs(colour: str, paper: str) -> None:
    assert contrast(ink(colour, paper), paper) >= 4.5
    if contrast(colour, paper) >= 4.5:
        assert ink(colour, paper) == colour.lower()
    else:
        assert contrast(ink(colour, paper), paper) < 4.8


@pytest.mark.parametrize("paper", ["#000000", "#101010", "#6e6e6e", "#757575", "#b9b9b9", "#efefef"])
def test_every_paper_has_an_ink(paper: str) -> None:
    assert contrast(ink("#777777", paper), paper) >= 4.5


def test_no_two_colours_have_one_ink() -> None:
    assert len({ink(colour) for colour in LINE_COLOURS}) == len(LINE_COLOURS)


def test_no_text_of_a_figure_is_pale() -> None:
    depths = (20, 32, 44, 56, 110)
    group = group_of(*map(make_run, depths), *(make_run(depth, "identity") for depth in depths))
    against_depth = draw_degradation(group)
    assert against_depth
    for figure in (draw_curves(group), against_depth):
        texts = [text for text in figure.findobj(Text) if text.get_text()]
        assert len(texts) > 20
        assert min(contrast(str(text.get_color()), WHITE) for text in texts) >= 4.5


def test_on_a_dark_page_the_text_is_light() -> None:
    page = files("resnet_repro.report").joinpath("style.css").read_text(encoding="utf-8")
    assert page.count(f"color-scheme: dark; --paper: {DARK_PAPER};") == page.count("--paper: #14") == 2
    svg = inline_svg(draw_curves(group_of(make_run(20), make_run(56, "identity"))), "f", "").svg
    pairs = re.findall(r"fill:light-dark\((#\w+),(#\w+)\)", svg)
    assert len(pairs) == 2
    assert all(contrast(light, WHITE) >= 4.5 <= contrast(dark, DARK_PAPER) for light, dark in pairs)
