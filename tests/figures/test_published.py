"""The papers' final errors at the right edge of the training curves."""

from conftest import make_run
from made_up import group_of, papers_run, with_model, ys
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resnet_repro.figures.colours import DEPTH_COLOURS
from resnet_repro.figures.curves import draw_curves
from resnet_repro.papers import final_error
from resnet_repro.record.run import Run


def diamonds(*runs: Run) -> list[list[Line2D]]:
    """The diamonds of the plain and of the residual panel."""
    figure = draw_curves(group_of(*runs))
    return [[line for line in axes.lines if line.get_marker() == "D"] for axes in figure.axes]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_each_net_of_the_paper_has_its_published_errors_beside_it() -> None:
    plain, residual = diamonds(papers_run(20), papers_run(56), papers_run(20, "identity"))
    assert [ys(line) for line in plain] == [
        [final_error("none", depth, column)] for depth in (20, 56) for column in ("train_error_pct", "test_error_pct")
    ]
    assert [line.get_color() for line in plain[::2]] == [DEPTH_COLOURS[20], DEPTH_COLOURS[56]]
    assert {line.get_markerfacecolor() for line in plain} == {"white"}
    assert plain[1].get_markersize() > plain[0].get_markersize()
    assert [ys(line) for line in residual] == [[0.6], [8.75]]
    assert all(line.axes and line.get_transform().transform((1, 0))[0] == line.axes.bbox.x1 for line in plain)
    assert any("published" in text for text in legend(draw_curves(group_of(papers_run(20)))))


def test_short_schedules_and_other_data_have_none() -> None:
    assert diamonds(make_run(20), make_run(20, "identity")) == [[], []]
    assert not any("published" in text for text in legend(draw_curves(group_of(make_run(20)))))
    assert diamonds(make_run(20, steps=64_000, batch_size=128, data="synthetic shapes")) == [[]]


def test_unfinished_runs_and_other_nets_have_none() -> None:
    assert diamonds(papers_run(20, until=32_000)) == [[]]
    assert diamonds(with_model(papers_run(20), normalization="none")) == [[]]
    assert diamonds(papers_run(110)) == [[]]  # the paper says only that it is above 60 %


def test_the_axis_reaches_the_published_values_and_is_not_widened_by_a_diverged_run() -> None:
    assert draw_curves(group_of(papers_run(56))).axes[0].get_ylim() == (0.0, 35.0)
    diverged = make_run(110, steps=64_000, batch_size=128, learning_rate=0.1, status="diverged")
    assert draw_curves(group_of(papers_run(56), diverged)).axes[0].get_ylim() == (0.0, 35.0)
