"""Every figure fits its page in every style, with no overlapping labels, and leaves matplotlib's settings alone."""

import itertools

import matplotlib
import pytest
from conftest import make_run
from made_up import CONTRASTS, contrasts, everything, group_of, with_model
from matplotlib.figure import Figure
from matplotlib.text import Text

from resnet_repro.figures import FIGURES, draw_figures
from resnet_repro.figures.curves import draw_curves
from resnet_repro.figures.style import STYLES, TITLE, WEB, drawing, together, wrapped


def texts(figure: Figure) -> set[Text]:
    """The visible texts of a figure."""
    found = {artist for artist in figure.findobj() if isinstance(artist, Text)}
    return {text for text in found if text.get_visible() and text.get_text().strip()}


@pytest.mark.parametrize("style", STYLES)
def test_no_text_leaves_the_figure(style: str) -> None:
    drawn_families = []
    made_of_all = (
        *draw_figures(everything(), STYLES[style]),
        *draw_figures(contrasts(), STYLES[style], CONTRASTS),
    )
    for made in made_of_all:
        drawn_families.append(made.family)
        with drawing(STYLES[style]):
            made.figure.draw_without_rendering()
            page = made.figure.bbox.padded(2)
            axes = (axis for axes in made.figure.axes for axis in (axes.xaxis, axes.yaxis))
            ticks = {text for axis in axes for text in axis.get_ticklabels(which="both")}
            for text in texts(made.figure).difference(ticks):  # hidden tick labels are outside
                box = text.get_window_extent()
                assert page.contains(*box.p0), (made.family, text.get_text())
                assert page.contains(*box.p1), (made.family, text.get_text())
    assert drawn_families == list(FIGURES)


@pytest.mark.parametrize("style", STYLES)
def test_many_nets_have_room_for_their_labels(style: str) -> None:
    runs = [with_model(make_run(110, "identity"), shortcut="exclusive_gate", gate_bias=-float(b)) for b in range(30)]
    figure = draw_curves(group_of(*runs), STYLES[style])
    assert figure.get_figheight() > STYLES[style].size(6.4, 4.5, 1)[1]
    with drawing(STYLES[style]):
        figure.draw_without_rendering()
    labels = sorted((Text.get_window_extent(text) for text in figure.axes[0].texts if "bias" in text.get_text()),
                    key=lambda box: box.y0)  # fmt: skip
    assert len(labels) == 30
    assert all(above.y0 >= below.y1 - 1 for below, above in itertools.pairwise(labels))


def test_long_names_put_one_panel_below_the_other() -> None:
    def corners(name: str) -> set[float]:
        run = with_model(make_run(20), initialization="gaussian", initialization_std=0.01, activation=name,
                         normalization="none")  # fmt: skip
        runs = [run, make_run(56), make_run(20, "identity")]
        figure = draw_curves(group_of(*runs), STYLES["slides"])
        return {axes.get_subplotspec().colspan.start for axes in figure.axes}  # type: ignore[union-attr]

    assert corners("sigmoid") == {0}
    figure = draw_curves(group_of(make_run(20), make_run(20, "identity")), STYLES["slides"])
    assert {axes.get_subplotspec().colspan.start for axes in figure.axes} == {0, 1}  # type: ignore[union-attr]


def test_a_paper_has_one_or_two_columns_and_a_slide_is_wide() -> None:
    widths = {made.family: made.figure.get_figwidth() for made in draw_figures(everything(), STYLES["paper"])}
    assert set(widths.values()) == {3.4, 6.9}
    assert widths["branch-ratios"] == 3.4
    slide = draw_curves(group_of(make_run(20)), STYLES["slides"])
    assert slide.get_figwidth() / slide.get_figheight() == pytest.approx(16 / 9, rel=0.01)


def test_drawing_leaves_the_settings_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    for style in STYLES.values():
        list(draw_figures([make_run(20)], style))
    assert dict(matplotlib.rcParams) == before


def test_styles_differ_in_letters_and_lines() -> None:
    figures = [draw_curves(group_of(make_run(20)), style) for style in STYLES.values()]
    sizes = [text.get_fontsize() for figure in figures for text in texts(figure) if text.get_gid() == TITLE]
    widths = [figure.axes[0].lines[0].get_linewidth() for figure in figures]
    assert len(set(sizes)) == len(set(widths)) == len(STYLES)


def test_text_is_broken_if_it_is_too_wide() -> None:
    assert wrapped("one two", 10, WEB, 9) == "one two"
    assert wrapped("one two three", 0.5, WEB, 9) == "one two\nthree"
    assert wrapped(f"one {together('two three')}", 0.8, WEB, 9) == "one\ntwo three"
    assert wrapped("x" * 20, 0.5, WEB, 9) == "xxxxxxxx\nxxxxxxxx\nxxxx"
    assert wrapped("a\n$b", 10, WEB, 9) == "a\n\\$b"
