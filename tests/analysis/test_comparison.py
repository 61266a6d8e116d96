"""Nets compared with a base: verdicts by the same intervals as everywhere, and what cannot be compared."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import make_run
from constructed import suite
from helpers import store

from resnet_repro.analysis.comparison import Comparison, compare
from resnet_repro.analysis.effects import effects
from resnet_repro.analysis.groups import comparable_groups
from resnet_repro.errors import RunError
from resnet_repro.record.run import Run
from resnet_repro.spec import DataSpec, ProbesSpec, Warmup


def net(name: str, errors: list[float], depth: int = 20, shortcut: str = "none", **fields: Any) -> list[Run]:
    """A run for each test error, with seeds 0, 1, ...; training errors are 2 points lower."""
    return [
        make_run(depth, shortcut, seed=seed, name=name, test_error=error, train_error=error - 2, **fields)
        for seed, error in enumerate(errors)
    ]


def with_data(runs: list[Run], **fields: Any) -> list[Run]:
    data = DataSpec.model_validate(fields)
    return [replace(run, experiment=run.experiment.model_copy(update={"data": data})) for run in runs]


PLAIN_20 = net("plain20", [60.0, 60.4, 60.8])
RESNET_20 = net("resnet20", [52.0, 52.2, 52.5], shortcut="identity")
PLAIN_56 = net("plain56", [75.5, 76.9, 77.4], depth=56)
CLOSE = net("close", [60.1, 60.7, 60.9], learning_rate=0.03)


def verdicts(found: Comparison, measure: str = "test_error_pct") -> dict[str, str]:
    return {one.net: one.verdict for one in found.differences if one.measure == measure}


def test_an_error_is_lower_higher_or_cannot_be_told_apart() -> None:
    found = compare([*PLAIN_20, *RESNET_20, *PLAIN_56, *CLOSE], base="plain20")
    told = {"resnet20": "lower", "plain56": "higher", "close": "cannot be told apart"}
    assert verdicts(found) == verdicts(found, "train_error_pct") == told


def test_the_interval_is_that_of_the_table_and_the_verdicts() -> None:
    resnet_56 = net("resnet56", [55.0, 55.3, 56.1], depth=56, shortcut="identity")
    runs = [*PLAIN_20, *PLAIN_56, *resnet_56]
    [group] = comparable_groups(runs)
    degradation = {one.column: one for one in effects(group) if one.name == "degradation"}
    pair = [*PLAIN_20, *PLAIN_56]
    for measure, effect in degradation.items():
        one = compare(runs, base="plain20").of("plain56", measure)
        assert one.interval
        assert effect.interval
        assert one.interval.at(0.05).half_width == pytest.approx(effect.interval.half_width)
        alone = compare(pair, base="plain20").of("plain56", measure).interval
        assert alone
        assert alone.chance == 0.05


def test_several_nets_share_the_five_percent_by_holm() -> None:
    found = compare([*PLAIN_20, *RESNET_20, *PLAIN_56, *CLOSE], base="plain20")
    chances = {one.net: one.interval.chance for one in found.differences
               if one.interval and one.measure == "test_error_pct"}  # fmt: skip
    assert sorted(chances.values()) == pytest.approx([0.05 / 3, 0.05 / 2, 0.05])
    assert chances["close"] == 0.05
    assert "(Holm)" in found._repr_markdown_()


def test_the_seeds_that_would_settle_it_do_if_difference_and_spread_stay() -> None:
    base, other = net("a", [60.0, 60.8]), net("b", [61.0, 61.8], learning_rate=0.03)
    one = compare([*base, *other], base="a").of("b")
    assert one.verdict == "cannot be told apart"
    assert one.more_seeds
    assert set(one.more_seeds) == {"a", "b"}
    assert one.reason == f"about {one.more_seeds['a']} more seeds of each would settle it"
    spread = 0.8 / 2**0.5
    nets: dict[str, tuple[float, dict[str, Any]]] = {"a": (60.4, {}), "b": (61.4, {"learning_rate": 0.03})}
    for enough in (0, 1):
        n = 2 + one.more_seeds["a"] - 1 + enough
        scores = [(2 * seed - (n - 1)) for seed in range(n)]
        scale = spread / (sum(score**2 for score in scores) / (n - 1)) ** 0.5
        runs = [run for name, (mean, fields) in nets.items()
                for run in net(name, [mean + scale * score for score in scores], **fields)]  # fmt: skip
        assert (compare(runs, base="a").of("b").verdict == "higher") == bool(enough)


def test_a_single_seed_of_each_has_no_verdict_but_says_what_is_needed() -> None:
    found = compare([*PLAIN_20[:1], *RESNET_20[:1]], base="plain20")
    one = found.of("resnet20")
    assert (one.interval, one.verdict, one.more_seeds) == (
        None, "cannot be told apart", {"resnet20": 1, "plain20": 1},
    )  # fmt: skip
    assert "a second seed is needed of resnet20 and plain20" in str(found)


def test_runs_that_diverged_or_are_unfinished_decide_nothing() -> None:
    diverged = replace(PLAIN_56[2], summary={"status": "diverged", "steps": 201})
    found = compare([*PLAIN_20, *PLAIN_56[:2], diverged], base="plain20")
    assert found.of("plain56").verdict == "not compared"
    assert found.of("plain56").reason == "plain56 diverged in 1 of 3 runs"
    assert "(n=2, 1 diverged)" in found._repr_markdown_()
    unfinished = make_run(56, name="plain56", status="interrupted")
    found = compare([*PLAIN_20, unfinished], base="plain20")
    assert found.of("plain56").reason == "plain56 has not finished"


def test_other_test_images_are_not_compared_and_another_schedule_is() -> None:
    held_out = with_data(net("held", [55.0, 56.0]), validation_images=5000)
    elsewhere = net("other-data", [40.0, 41.0], data="synthetic shapes")
    unaugmented = with_data(net("bare", [80.0, 80.4, 80.7]), augmentation="none")
    longer = net("batch128", [50.0, 50.5, 51.0], batch_size=128)
    found = compare([*PLAIN_20, *held_out, *elsewhere, *unaugmented, *longer], base="plain20")
    assert verdicts(found) == {
        "held": "not compared", "other-data": "not compared", "bare": "higher", "batch128": "lower",
    }  # fmt: skip
    assert verdicts(found, "train_error_pct")["bare"] == "not compared"
    assert verdicts(found, "train_error_clean_pct")["bare"] == "higher"
    assert "batch128: CIFAR-10 · 400 steps of 128" in str(found)
    data = next(field for field in found.fields if field.field == "data")
    assert set(data.values) == {"CIFAR-10", "CIFAR-10, tested on 5000 held-out training images", "synthetic shapes"}


def test_clean_training_errors_on_other_numbers_of_images_are_not_compared() -> None:
    found = compare(net("a", [60.0, 60.1]) + net("b", [55.0, 55.1], depth=56, clean_images=2000), base="a")
    verdicts = {one.measure: (one.verdict, one.reason) for one in found.differences}
    assert verdicts["train_error_clean_pct"] == ("not compared", "it is measured on another number of images")
    assert verdicts["test_error_pct"][0] == "lower"


def test_fields_that_change_no_error_come_last_and_are_no_difference_alone() -> None:
    probed = [replace(run, experiment=run.experiment.model_copy(update={"probes": ProbesSpec(every=7)}))
              for run in net("probed", [60.0, 61.0])]  # fmt: skip
    with pytest.raises(RunError, match=r"probed: is the same net as plain20 .*differ in probes.every alone"):
        compare([*PLAIN_20, *probed], base="plain20")
    notices: list[str] = []
    found = compare([*PLAIN_20, *probed, *RESNET_20], base="plain20", notice=notices.append)
    assert [one.name for one in found.others] == ["resnet20"]
    assert notices == [
        "probed: is left out, as it is the same net as plain20 (their specs differ in probes.every alone, which "
        "changes no error)"
    ]
    training = probed[0].experiment.training.model_copy(update={"momentum": 0.8})
    wider = [replace(run, experiment=run.experiment.model_copy(update={"name": "wide", "training": training}))
             for run in probed]  # fmt: skip
    found = compare([*PLAIN_20, *wider], base="plain20")
    assert [(field.field, field.changes_errors) for field in found.fields] == [
        ("training.momentum", True), ("probes.every", False),
    ]  # fmt: skip
    assert "The specs also differ in what changes no error: probes.every." in found._repr_markdown_()


@pytest.mark.parametrize("base", ["none56-grown-0.02", "none56"])
def test_a_net_that_has_grown_is_compared_with_one_from_random_weights(base: str) -> None:
    found = compare(suite(), base=base)
    field = next(field for field in found.fields if field.field == "start.run")
    assert dict(zip([net.name for net in found.nets], field.values, strict=True)) == {
        "none56-grown-0.02": "none20", "none56": None, "none20": None}  # fmt: skip
    assert "start.run" in found._repr_markdown_()


def test_another_device_or_precision_is_named() -> None:
    other = [replace(run, environment={**run.environment, "device_name": "H100", "precision": "bf16",
                                       "versions": {"torch": "2.9"}}) for run in RESNET_20]  # fmt: skip
    found = compare([*PLAIN_20, *other], base="plain20")
    shown = found._repr_markdown_()
    for row in ("| device | CPU | H100 |", "| precision | fp32 | bf16 |", "| model.shortcut | none | identity |"):
        assert row in shown


def test_two_versions_of_ones_own_file_are_compared() -> None:
    first, second = (
        [
            replace(run, environment={**run.environment, "imported": {"mine.py": digest * 64}})
            for run in net(name, errors)
        ]
        for name, digest, errors in (("first", "1", [60.0, 60.4, 60.8]), ("second", "2", [50.0, 50.4, 50.8]))
    )
    found = compare([*first, *second], base="first")
    assert found.of("second").verdict == "lower"
    assert "| own file | mine.py 1111111111 | mine.py 2222222222 |" in found._repr_markdown_()


def test_a_warm_up_is_one_field_as_in_tables() -> None:
    warm = net("warm", [58.0, 58.4], warmup=Warmup(learning_rate=0.01, steps=40))
    found = compare([*PLAIN_20, *warm], base="plain20")
    assert "| training.warmup | none | 0.01 for 40 steps |" in found._repr_markdown_()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with results/, which has a suite, and with a net elsewhere."""
    folder = tmp_path_factory.mktemp("trained")
    store(folder / "results", [*PLAIN_20, *RESNET_20, *net("suite/plain56", [75.0, 76.0, 77.0], depth=56)])
    store(folder / "elsewhere", net("mine", [58.0, 59.0], learning_rate=0.05))
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def results(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results in a copy of that folder, which is the working folder."""
    monkeypatch.chdir(shutil.copytree(trained, tmp_path / "copy"))
    return Path("results")


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize(
    ("base", "others", "names"),
    [
        ("plain20", ["resnet20"], ["plain20", "resnet20"]),
        ("results/plain20", ["suite/plain56"], ["plain20", "suite/plain56"]),
        ("plain20/", ["suite"], ["plain20", "suite/plain56"]),
        ("results/plain20/seed-1", ["results"], ["plain20", "suite/plain56", "resnet20"]),
        ("plain20", ["results", "elsewhere"], ["plain20", "suite/plain56", "resnet20", "mine"]),
        ("elsewhere", ["resnet20"], ["mine", "resnet20"]),
    ],
)
def test_nets_go_by_names_by_run_folders_and_by_results_folders(base: str, others: list[str], names: list[str]) -> None:
    assert [found.name for found in compare(others, base).nets] == names


def test_a_folder_elsewhere_needs_no_results_here(results: Path) -> None:
    results.rename("gone")
    found = compare("gone/plain20", "elsewhere/mine")
    assert found.of("plain20").verdict == "cannot be told apart"


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize(
    ("base", "other", "message"),
    [
        ("plain20", "resnet21", r"^resnet21: no net of this name was trained.*; did you mean resnet20\?$"),
        ("nothing", "resnet20", r"^nothing: no net .*; there are plain20, resnet20, suite/plain56$"),
        ("plain20", "empty", r"^empty: there is no run in this folder$"),
        ("results", "plain20", r"^results: holds several nets \(plain20, resnet20, suite/plain56\); name one of them"),
        ("plain20", "plain20", r"^plain20: is the same net as plain20 \(their specs are equal\); name another one$"),
        ("plain20", "plain2*", r"^plain2\*: is the same net as plain20 \("),
        ("plain20", "results/plain20", r"^results/plain20: is the same net as plain20 \("),
        ("results/plain20/seed-0", "results/plain20/seed-1", r"seed-1: is the same net as results/plain20/seed-0 \("),
    ],
)
def test_nothing_to_compare_is_one_clear_line(base: str, other: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        compare(other, base)


def test_a_net_trained_again_under_another_name_is_the_same_net(results: Path) -> None:
    store(results, net("again", [60.0, 60.4, 60.8]))
    notices: list[str] = []
    with pytest.raises(RunError, match=r"plain20: is the same net as again \(their specs are equal\)"):
        compare("plain20", "again", notice=notices.append)
    assert len(notices) == 3
    for name in ("plain20", "again"):
        assert compare("resnet20", name, notice=notices.append).base.name == name
        assert compare(name, "resnet20", notice=notices.append).of(name).verdict == "higher"


def test_a_net_with_two_names_is_compared_once_with_the_seeds_of_both(results: Path) -> None:
    """As if resnet20 was trained with three seeds, then with --vary and five, of which one value is its own."""
    more = [52.0, 52.2, 52.5, 52.1, 52.4]
    for rate in (0.02, 0.05):
        store(results, net(f"resnet20-learning_rate-{rate}", more, shortcut="identity", learning_rate=rate))
    notices: list[str] = []
    every = compare(["resnet20", "resnet20-*"], "plain20", notice=notices.append)
    assert [one.name for one in every.others] == ["resnet20", "resnet20-learning_rate-0.05"]
    assert [len(one.entry.runs) for one in every.others] == [5, 5]
    varied = compare(["resnet20-*"], "resnet20", notice=notices.append)
    assert [one.name for one in varied.nets] == ["resnet20", "resnet20-learning_rate-0.05"]
    assert len(compare("resnet20-learning_rate-0.02", "plain20", notice=notices.append).others[0].entry.runs) == 5


def test_nets_of_one_name_go_by_their_folders(results: Path) -> None:
    store(Path("elsewhere"), net("plain20", [58.5, 59.5], learning_rate=0.1))
    with pytest.raises(RunError, match=r"elsewhere: holds several nets \(mine, plain20\)"):
        compare("plain20", "elsewhere")
    found = compare("elsewhere/plain20", "results/plain20")
    assert [one.name for one in found.nets] == ["results/plain20", "elsewhere/plain20"]


def test_it_prints_itself_readably() -> None:
    text = str(compare([*PLAIN_20, *RESNET_20], base="plain20"))
    assert re.fullmatch(
        r"resnet20 against plain20\nCIFAR-10 · 400 steps of 64 \(short: .*\n.*\nmodel.shortcut: none against identity\n"
        r"test error of resnet20: -8.17 ± \d.\d\d points, lower\n.*\n.*",
        text,
    )
