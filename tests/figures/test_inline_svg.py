"""Figures as inline SVG: in the page's colours, with nets that can be hidden, and without effect on the page."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest
from conftest import make_run
from made_up import CONTRASTS, everything, group_of
from matplotlib.colors import to_hex
from matplotlib.text import Annotation

from resnet_repro.figures import FIGURES, draw_figures
from resnet_repro.figures.colours import DEPTH_COLOURS
from resnet_repro.figures.curves import draw_curves
from resnet_repro.figures.readout import net_of
from resnet_repro.figures.style import NET
from resnet_repro.report.compact_svg import relative, rounded
from resnet_repro.report.inline_svg import InlineFigure, NetStyle, inline_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def inline() -> dict[str, InlineFigure]:
    """Every kind of figure."""
    found = {drawn.family: inline_svg(drawn.figure, f"f{number}", drawn.caption.shows)
             for number, drawn in enumerate(draw_figures(everything()))}  # fmt: skip
    assert [*found, *CONTRASTS] == list(FIGURES)
    return found


def elements(figure: InlineFigure) -> Iterator[ElementTree.Element]:
    return ElementTree.fromstring(figure.svg).iter()  # noqa: S314 - our own


def test_every_kind_of_figure_says_what_its_points_are(inline: dict[str, InlineFigure]) -> None:
    for family, figure in inline.items():
        root, *_ = elements(figure)
        says = str(root.get("data-says")).split("|")
        assert all("{y}" in text and "{y:" not in text for text in says), family
        curves = [element for element in root.iter() if element.get("data-y")]
        assert {int(curve.get("data-says", "")) for curve in curves} == set(range(len(says)))
        for panel in root.iterfind(".//*[@data-frame]"):
            assert len(str(panel.get("data-frame")).split()) == 8
            inside = [curve for curve in panel.iter() if curve.get("data-y")]
            curves = [curve for curve in curves if curve not in inside]
        assert not curves, family


def test_a_figure_is_one_element_without_a_size(inline: dict[str, InlineFigure]) -> None:
    for figure in inline.values():
        assert figure.svg.startswith("<svg ")
        assert not re.search(r"<\?xml|<!|metadata|xmlns:|ns0:", figure.svg)
        root = next(elements(figure))
        assert set(root.attrib) == {"viewBox", "role", "aria-label", "style", "data-says"}
        assert root.get("role") == "img"
    assert "Training and test error in % over" in str(next(elements(inline["curves"])).get("aria-label"))


def test_ids_are_unique_on_a_page_and_all_are_referred_to(inline: dict[str, InlineFigure]) -> None:
    ids = [element.get("id") for figure in inline.values() for element in elements(figure) if element.get("id")]
    assert len(ids) == len(set(ids))
    for figure in inline.values():
        referred = set(re.findall(r"url\(#([^)]+)\)", figure.svg)) | set(re.findall(r'href="#([^"]+)"', figure.svg))
        assert referred == {element.get("id") for element in elements(figure)} - {None}


def test_the_style_sheet_affects_nothing_else_on_the_page(inline: dict[str, InlineFigure]) -> None:
    for number, figure in enumerate(inline.values()):
        (sheet,) = [element.text or "" for element in elements(figure) if element.tag == f"{SVG}style"]
        selectors = re.findall(r"([^{}]+)\{", sheet)
        assert selectors
        assert all(selector.startswith(f".f{number}-") for selector in selectors)


def test_each_net_of_each_figure_can_be_hidden(inline: dict[str, InlineFigure]) -> None:
    for family, figure in inline.items():
        marked = {element.get("data-net") for element in elements(figure)} - {None}
        assert marked == {net.name for net in figure.nets} != set(), family
    assert {net.name for net in inline["curves"].nets} == {
        "plain-20", "plain-20 without BN", "plain-56", "plain-110", "ResNet-20",
    }  # fmt: skip


@pytest.mark.parametrize(("family", "tags"), [
    ("curves", {"path", "text", "use"}),  # lines and bands, end labels, markers
    ("degradation", {"path", "text", "use"}),
    ("layer-responses", {"path", "text"}),
    ("batch-norm", {"path", "text"}),
    ("percentile-drift", {"path", "text", "use"}),
])  # fmt: skip
def test_all_parts_of_a_net_are_marked(inline: dict[str, InlineFigure], family: str, tags: set[str]) -> None:
    root = next(elements(inline[family]))
    marked = [group for group in root.iter() if group.get("data-net") == "plain-20"]
    assert {element.tag.removeprefix(SVG) for group in marked for element in group.iter()} >= tags
    colour = next((net.colour for net in inline[family].nets if net.name == "plain-20"), "")
    if family == "batch-norm":  # where a panel has a colour for each net
        outside = [element for element in root if element.get("data-net") is None and element.tag != f"{SVG}style"]
        used = {name for element in outside for name in (element.get("class") or "").split()}
        assert not [name for name in used if f".{name}{{" in (root[0].text or "") and colour in _rule(root, name)]


def _rule(root: ElementTree.Element, name: str) -> str:
    return (root[0].text or "").split(f".{name}{{")[1].split("}")[0]


def test_the_style_of_a_net_is_that_of_its_widest_line() -> None:
    figure = inline_svg(draw_curves(group_of(make_run(20), make_run(56, "identity"))), "f", "")
    assert figure.nets == [
        NetStyle("plain-20", to_hex(DEPTH_COLOURS[20]), "-"), NetStyle("ResNet-56", to_hex(DEPTH_COLOURS[56]), "-"),
    ]  # fmt: skip


def test_the_style_of_a_net_in_several_colours_or_in_black(inline: dict[str, InlineFigure]) -> None:
    assert {net.colour for net in inline["percentile-drift"].nets} == {""}
    depths = (8, 14, 20, 26, 38, 50, 62, 68)  # more than there are colours of the papers' depths
    strange = inline_svg(draw_curves(group_of(*map(make_run, depths))), "f", "")
    assert NetStyle("plain-62", "var(--ink)", "-") in strange.nets


def test_background_text_and_grid_have_the_colours_of_the_page(inline: dict[str, InlineFigure]) -> None:
    for figure in inline.values():
        assert not re.search("#(000000|ffffff|e4e4e4|bbbbbb|6b6b6b)", figure.svg)
        assert "var(--grid)" in figure.svg
        assert "fill:var(--ink)" in figure.svg
    assert "var(--paper)" in inline["curves"].svg
    assert "var(--muted)" in inline["curves"].svg


def test_text_is_in_the_font_of_the_page_and_the_title_is_left_out(inline: dict[str, InlineFigure]) -> None:
    for figure in inline.values():
        assert "DejaVu" not in figure.svg
    said = ["".join(element.itertext()) for element in elements(inline["curves"]) if element.tag == f"{SVG}text"]
    assert "iterations" in said
    assert not any("CIFAR-10" in text or text == "Training and test error" for text in said)
    norms = ["".join(element.itertext()) for element in elements(inline["gradient-norms"])]
    assert "10⁻⁴" in norms


def test_names_from_files_are_escaped() -> None:
    group = group_of(make_run(20))
    object.__setattr__(group.entries[0], "name", 'plain-<b>"&$x$')
    figure = inline_svg(draw_curves(group), "f", 'a "<b>" & c')
    root = next(elements(figure))
    assert root.get("aria-label") == 'a "<b>" & c'
    assert {element.get("data-net") for element in root.iter()} == {None, 'plain-<b>"&$x$'}
    assert "<b>" not in figure.svg


def test_equal_figures_give_equal_and_small_markup(inline: dict[str, InlineFigure]) -> None:
    again = {drawn.family: inline_svg(drawn.figure, f"f{number}", drawn.caption.shows)
             for number, drawn in enumerate(draw_figures(everything()))}  # fmt: skip
    assert again == inline
    assert all(len(figure.svg) < 20_000 for figure in inline.values())


def test_every_artist_of_a_net_has_its_name() -> None:
    figure = draw_curves(group_of(make_run(20), make_run(20, seed=1)))
    marked = [artist for artist in figure.findobj() if net_of(artist) == "plain-20"]
    kinds = {type(artist).__name__ for artist in marked}
    assert kinds == {"Line2D", "FillBetweenPolyCollection", "Annotation"}
    [label] = [artist for artist in marked if isinstance(artist, Annotation)]
    assert label.arrow_patch
    assert label.arrow_patch.get_gid() == f"{NET}plain-20"  # findobj does not reach it


def test_numbers_are_rounded_without_accumulating_errors() -> None:
    assert [rounded(number) for number in ("0.5", "-0.51", "10.0", "-0.04", "100")] == [".5", "-.5", "10", "0", "100"]
    assert relative("M 0 0 L 10 0 L 10 5 L 20.04 4 z") == "M0 0h10v5l10-1z"
    thirds = " ".join(f"L {number / 3} {number / 3}" for number in range(1, 31))
    steps = re.findall(r"l(\.\d) \.\d", relative(f"M 0 0 {thirds}"))
    assert sum(map(float, steps)) == pytest.approx(10)
    assert relative("M 0 0 C 1.234 2 3 4 5 6.789") == "M 0 0 C 1.23 2 3 4 5 6.79"
