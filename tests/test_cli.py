"""The commands from end to end: what they print and write, and their exit codes."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, TINY, Cli
from helpers import assert_mistake_named, train

import resnet_repro
from resnet_repro.cli.values import parse_seeds
from resnet_repro.errors import DataError
from resnet_repro.launch.duration import Rate
from resnet_repro.record.run import read_run
from resnet_repro.spec.file import load_spec
from resnet_repro.spec.suite import load_suite


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with two seeds of a plain and a residual net; tests must not change it."""
    folder = tmp_path_factory.mktemp("specs")
    (folder / "tiny.yaml").write_text(TINY)
    (folder / "residual.yaml").write_text("extends: tiny.yaml\nmodel:\n  shortcut: identity\n")
    for experiment in load_suite([folder / "tiny.yaml", folder / "residual.yaml"], (), (0, 1)):
        assert train(experiment, folder / "results") == "finished"
    return folder / "results"


@pytest.fixture
def trained(results: Path, tmp_path: Path) -> Path:
    """A copy of `results`, which a test may change."""
    return Path(shutil.copytree(results, tmp_path / "results"))


def test_list_plot_and_table(cli: Cli, trained: Path) -> None:
    listed = json.loads(cli("list", trained, "--json").out)
    assert [(run["name"], run["seed"], run["status"]) for run in listed] == [
        ("residual", 0, "finished"), ("residual", 1, "finished"), ("tiny", 0, "finished"), ("tiny", 1, "finished"),
    ]  # fmt: skip
    assert "finished" in cli("list", trained).out

    plotted = cli("plot", trained)
    assert plotted.code == 0
    names = [Path(line).name for line in plotted.out.split()]
    digest = read_run(trained / "tiny/seed-0").digest[:8]
    assert names == [f"curves-synthetic-shapes-{digest}-24x8.{ending}" for ending in ("png", "svg", "txt")]
    assert all((trained / "figures" / name).stat().st_size > 500 for name in names)

    group = json.loads(cli("table", trained, "--json").out)[0]
    assert [net["net"].split()[0] for net in group["nets"]] == ["plain-8", "ResNet-8"]
    assert group["nets"][0]["test_error_pct"]["n"] == 2
    assert "| net | training error % |" in cli("table", trained, "--markdown").out


def test_a_finished_run_is_skipped_and_restart_trains_it_again(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    arguments = ("train", tiny, "--results", tmp_path / "r")
    cli(*arguments)
    metrics = tmp_path / "r/tiny/seed-0/metrics.csv"
    before = metrics.stat().st_mtime_ns
    again = cli(*arguments)
    assert (again.code, metrics.stat().st_mtime_ns) == (0, before)
    assert "tiny/seed-0: has finished already and is skipped" in again.err
    assert cli(*arguments, "--restart").code == 0
    assert metrics.stat().st_mtime_ns > before


@pytest.fixture
def _unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run measures no speed."""
    monkeypatch.setattr("resnet_repro.launch.plan.measure_rate", lambda slot, like: Rate(1e9, "nothing"))


@pytest.mark.usefixtures("_unmeasured")
def test_dry_run_shows_parameters_and_work_and_makes_nothing(cli: Cli, tmp_path: Path) -> None:
    specs = [REPOSITORY / f"experiments/{name}.yaml" for name in ("plain56", "resnet110")]
    shown = cli("train", *specs, "--dry-run", "--results", tmp_path / "r", "--seeds", "0,1")
    assert shown.code == 0
    assert "plain56/seed-1" in shown.out
    assert "853,018" in shown.out
    assert "1,727,962" in shown.out
    # Two runs of each, 64,000 steps of 128, three forward passes a step.
    work = 2 * 3 * 64_000 * 128 * (125_485_696 + 252_887_680) / 1e12
    assert f"work ahead: {work:,.1f} x 10^12 multiply-adds" in shown.out
    assert not (tmp_path / "r").exists()


def test_seeds_are_decimal_and_a_range_has_both_ends() -> None:
    assert parse_seeds("010,08-11, 3") == [10, 8, 9, 10, 11, 3]


@pytest.mark.usefixtures("_unmeasured")
def test_dry_run_of_a_folder_shows_every_run_in_it(cli: Cli, tmp_path: Path) -> None:
    folder = REPOSITORY / "experiments/quick"
    shown = cli("train", folder, "--dry-run", "--results", tmp_path / "r")
    names = [load_spec(path).label for path in sorted(folder.glob("*.yaml"))]
    assert len(names) == 4
    assert [line.split()[0] for line in shown.out.splitlines() if "seed-" in line] == names
    assert not (tmp_path / "r").exists()


def test_training_into_a_pipe_prints_a_line_for_each_measurement(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    lines = cli("train", tiny, "--results", tmp_path / "r").err.splitlines()
    assert lines[0] == "tiny/seed-0: starts: 24 steps of 8 on cpu in fp32"
    assert len(lines) == 1 + 6 + 1
    assert "step 8, epoch 0.80, loss" in lines[2]
    assert "test error" in lines[2]
    assert "images/s" in lines[2]
    assert "finished 24 steps" in lines[-1]


def test_several_runs_are_counted_as_they_start(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    lines = cli("train", tiny, "--seeds", "0-1", "--results", tmp_path / "r").err.splitlines()
    first, second = lines.index("note: run 1 of 2"), lines.index("note: run 2 of 2")
    assert lines[first + 1].startswith("tiny/seed-0: starts")
    assert lines[second + 1].startswith("tiny/seed-1: starts")


@pytest.mark.parametrize(
    ("before", "spins"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
    ids=["neither", "spins", "policy"],
)
def test_waiting_threads_sleep_soon_unless_the_user_says_otherwise(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, before: dict[str, str], spins: str | None
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    cli("--help")
    assert os.environ.get("GOMP_SPINCOUNT") == spins


def test_waiting_threads_sleep_soon_in_a_training_from_python_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")  # is restored afterwards
        monkeypatch.delenv(name)
    assert callable(resnet_repro.__getattr__("train"))
    assert os.environ["GOMP_SPINCOUNT"] == "10000"


def test_a_repeated_run_is_counted_once_with_a_notice(cli: Cli, trained: Path) -> None:
    (trained / "copy").mkdir()
    (trained / "tiny/seed-0").rename(trained / "copy/seed-0")
    (trained / "tiny/seed-0").mkdir()
    for name in ("spec.yaml", "metrics.csv", "environment.json", "summary.json"):
        (trained / "tiny/seed-0" / name).write_bytes((trained / "copy/seed-0" / name).read_bytes())
    outcome = cli("list", trained, "--json")
    assert len(json.loads(outcome.out)) == 4
    assert "repeats" in outcome.err


@pytest.mark.usefixtures("forked_children")
def test_the_demo_without_data_or_network_uses_synthetic_images_and_says_so(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise DataError("CIFAR-10 could not be downloaded")

    monkeypatch.setattr("resnet_repro.data.fetch.fetch_cifar10", no_network)
    specs = tmp_path / "specs"
    specs.mkdir()
    full_width = TINY.replace("  width: 4\n", "")
    for name, shortcut in {"plain8": "none", "resnet8": "identity"}.items():
        (specs / f"{name}.yaml").write_text(full_width.replace("shortcut: none", f"shortcut: {shortcut}"))
    outcome = cli("demo", specs, "--data-dir", tmp_path / "no", "--results", tmp_path / "demo", "--device", "cpu")
    assert outcome.code == 0
    assert "could not be downloaded" in outcome.err
    assert "trains on synthetic images instead" in outcome.err
    assert "--set" not in outcome.err  # which the demo does not have
    assert "note: 2 runs: about 1 minute on this machine as it is now\n" in outcome.err
    assert outcome.err.index("2 runs: 1 ") < outcome.err.index("2 runs: 2 finished\n")
    assert "synthetic shapes" in outcome.out
    assert re.search(
        r"fix: plain-8 against ResNet-8, test error: [+-]\d+\.\d points \(n=1, 1; a second seed is needed\)",
        outcome.out,
    )
    assert read_run(tmp_path / "demo/synthetic/plain8/seed-0").status == "finished"
    assert list((tmp_path / "demo/synthetic/figures").glob("*.png"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("elsewhere",), "elsewhere: there is no such file"),
        (("empty",), "empty: holds no .yaml file"),
        (("tiny.yaml", "--device", "gpu"), "--device gpu: is not a device"),
        (("tiny.yaml", "--results", "file"), "file: File exists; choose another --results"),
    ],
)
def test_a_demo_that_cannot_run_downloads_nothing(
    cli: Cli, tiny: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], reason: str
) -> None:
    monkeypatch.chdir(tiny.parent)
    Path("empty").mkdir()
    Path("file").touch()
    monkeypatch.setattr("resnet_repro.data.fetch.fetch_cifar10", lambda *_, **__: pytest.fail("downloads"))
    assert_mistake_named(cli("demo", *arguments), 1, reason)


def test_help_and_reading_results_need_no_torch(trained: Path) -> None:
    program = (
        "import sys\n"
        "from resnet_repro.cli import main\n"
        "for arguments in (['--help'], ['list', sys.argv[1]], ['plot', sys.argv[1]]):\n"
        "    sys.argv = ['resnet-repro', *arguments]\n"
        "    try:\n        main()\n    except SystemExit as stop:\n        assert not stop.code\n"
        "    assert 'torch' not in sys.modules, arguments\n"
    ).replace("sys.argv[1]", "results")
    program = f"results = {str(trained)!r}\n{program}"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_the_module_runs_as_a_program() -> None:
    call = [sys.executable, "-m", "resnet_repro", "--help"]
    shown = subprocess.run(call, check=True, capture_output=True, text=True)
    assert "train" in shown.stdout


def test_the_python_interface(results: Path) -> None:
    import resnet_repro

    spec = REPOSITORY / "experiments/resnet20.yaml"
    net = resnet_repro.build_net(resnet_repro.load_spec(spec))
    assert sum(parameter.numel() for parameter in net.parameters()) == 269_722
    assert len(resnet_repro.load_runs(results)) == 4
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = resnet_repro.nonsense


@pytest.mark.parametrize("option", ["--results=~/r", "--results=~"])
def test_a_path_may_begin_with_the_home_folder_where_no_shell_expands_it(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert "tiny/seed-0" in cli("train", "~/tiny.yaml", option, "--dry-run").out
    (tmp_path / "r").mkdir()
    assert f"error: {tmp_path / 'r'}: there is no run" in cli("list", "~/r").err
    assert f"error: {tmp_path / 'data'}: there is no CIFAR-10" in cli("data", "check", "--data-dir=~/data").err
    monkeypatch.setenv("RESNET_REPRO_DATA", "~/other")
    assert f"error: {tmp_path / 'other'}: there is no CIFAR-10" in cli("data", "check").err
    assert f"error: {tmp_path / 'no'}: there is no such folder" in cli("plot", "~/no", "~/r").err
    assert "~nobody-here" in cli("list", "~nobody-here/r").err
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("~")] == []
