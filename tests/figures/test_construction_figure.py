"""The figure `construction`: a grown net's curve begins where that of its source ends."""

from dataclasses import replace
from pathlib import Path

from constructed import grown_run, suite
from made_up import drawn, xs, ys

from resnet_repro.analysis.groups import Group, comparable_groups
from resnet_repro.figures.construction import caption_construction, draw_construction
from resnet_repro.figures.readout import marked_curves
from resnet_repro.spec import StartSpec


def grown_group(*runs: object) -> Group:
    return next(group for group in comparable_groups(runs) if group.condition.grown)  # type: ignore[arg-type]


def test_a_grown_nets_curve_begins_at_the_end_of_its_sources_and_ends_with_the_one_from_random_weights() -> None:
    group = grown_group(*suite(), *suite(shortcut="identity"), *(grown_run(seed, rate=0.002) for seed in range(2)))
    figure = drawn(draw_construction(group))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["plain nets", "residual nets"]
    curves = {str(line.get_gid()).split("\n")[1]: line for line in marked_curves(figure) if line.axes is figure.axes[0]}
    assert len(curves) == 4
    source = curves["plain-20: {y:.2f} %"]
    for rate in ("0.02", "0.002"):
        grown = curves[f"plain-56 grown, rate {rate}: {{y:.2f}} %"]
        assert (xs(grown)[0], ys(grown)[0]) == (xs(source)[-1], ys(source)[-1]) == (400, 50)
        assert xs(grown)[-1] == 800
    assert figure.axes[0].get_xlim() == (0, 800)
    assert "36 identity layers\nare added" in [text.get_text() for text in figure.axes[0].texts]
    assert "identity layers" in caption_construction(group).text(group.condition)


def test_without_a_grown_net_there_is_no_such_figure() -> None:
    others = [run for run in suite() if not run.experiment.source]
    assert [draw_construction(group) for group in comparable_groups(others)] == [None, None]
    assert draw_construction(grown_group(grown_run(0))) is None


def test_of_nets_that_have_grown_from_one_another_each_is_drawn_once_and_over_its_own_steps() -> None:
    deepest = []
    for seed in range(2):
        run = grown_run(seed)
        model = run.experiment.model.model_copy(update={"depth": 110})
        start = StartSpec(run=run.experiment.name)
        experiment = run.experiment.model_copy(update={"name": "deepest", "model": model, "start": start})
        environment = run.environment | {"start": {**run.environment["start"], "depth": 56, "steps": 800}}
        deepest.append(replace(run, path=Path(experiment.label), experiment=experiment, environment=environment))
    figure = drawn(draw_construction(grown_group(*suite(), *deepest)))
    curves = [(str(line.get_gid()).split("\n")[1].split(",")[0].split(":")[0], xs(line)[0], xs(line)[-1])
              for line in marked_curves(figure)]  # fmt: skip
    assert sorted(curves) == [
        ("plain-110 grown", 800, 1200), ("plain-20", 200, 400), ("plain-56 from random weights", 200, 400),
        ("plain-56 grown", 400, 800)]  # fmt: skip
