"""The commands end to end, in one process: what they print, where, and with which exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, TINY, Cli

from resnet_repro.record.folder import RunFolder
from resnet_repro.record.run import read_run
from resnet_repro.spec.file import load_spec


@pytest.fixture
def trained(cli: Cli, tiny: Path, tmp_path: Path) -> Path:
    """A results folder with two seeds of a plain and a residual net."""
    results = tmp_path / "results"
    residual = tmp_path / "residual.yaml"
    residual.write_text("extends: tiny.yaml\nmodel:\n  shortcut: identity\n")
    assert cli("train", tiny, residual, "--seeds", "0-1", "--results", results, "--device", "cpu").code == 0
    return results


def test_train_plot_list_and_table(cli: Cli, trained: Path, tiny: Path) -> None:
    listed = json.loads(cli("list", trained, "--json").out)
    assert [(run["name"], run["seed"], run["status"]) for run in listed] == [
        ("residual", 0, "finished"), ("residual", 1, "finished"), ("tiny", 0, "finished"), ("tiny", 1, "finished"),
    ]  # fmt: skip
    assert "finished" in cli("list", trained).out

    plotted = cli("plot", trained)
    assert plotted.code == 0
    names = [Path(line).name for line in plotted.out.split()]
    assert names == [f"curves-synthetic-shapes-24x32.{ending}" for ending in ("png", "svg", "txt")]
    assert all((trained / "figures" / name).stat().st_size > 500 for name in names)

    group = json.loads(cli("table", trained, "--json").out)[0]
    assert [net["net"].split()[0] for net in group["nets"]] == ["plain-8", "ResNet-8"]
    assert group["nets"][0]["test_error_pct"]["n"] == 2
    assert "| net | training error % |" in cli("table", trained, "--markdown").out


def test_figures_of_equal_runs_are_equal_bytes(cli: Cli, trained: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert cli("plot", trained, "--output", tmp_path / folder).code == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


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


def test_a_spec_that_contradicts_its_run_folder_is_refused_and_nothing_is_lost(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    results = tmp_path / "r"
    cli("train", tiny, "--results", results)
    before = {path: path.read_bytes() for path in (results / "tiny/seed-0").iterdir()}
    refused = cli("train", tiny, "--results", results, "--set", "training.learning_rate=0.5")
    assert refused.code == 1
    assert "spec.yaml: holds a run of another spec (training.learning_rate: 0.5 against 0.05)" in refused.err
    assert {path: path.read_bytes() for path in (results / "tiny/seed-0").iterdir()} == before


def test_a_checkpoint_of_another_spec_or_a_damaged_one_is_refused(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "r", load_spec(tiny))
    folder.path.mkdir(parents=True)
    folder.begin({})
    folder.checkpoint.write_bytes(b"PK not a checkpoint")
    refused = cli("train", tiny, "--results", tmp_path / "r")
    assert refused.code == 1
    assert "checkpoint.pt: the checkpoint is damaged" in refused.err
    assert "--restart" in refused.err
    assert folder.checkpoint.read_bytes() == b"PK not a checkpoint"


def test_a_mistake_in_one_spec_stops_before_any_training(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(TINY.replace("depth: 8", "depth: 9"))
    refused = cli("train", tiny, wrong, "--results", tmp_path / "r")
    assert refused.code == 1
    assert refused.err.startswith(f"error: {wrong}:3: model.depth: 9 is not 6n+2; nearest are 8 and 14")
    assert not (tmp_path / "r").exists()


def test_dry_run_shows_parameters_and_work_and_makes_nothing(cli: Cli, tmp_path: Path) -> None:
    specs = [REPOSITORY / f"experiments/{name}.yaml" for name in ("plain56", "resnet1202")]
    shown = cli("train", *specs, "--dry-run", "--results", tmp_path / "r", "--seeds", "0,1")
    assert shown.code == 0
    assert "plain56/seed-1" in shown.out
    assert "853,018" in shown.out
    assert "19,421,274" in shown.out
    # Two runs of each, 64,000 steps of 128, three forward passes a step.
    work = 2 * 3 * 64_000 * 128 * (125_485_696 + 2_829_238_912) / 1e12
    assert f"work ahead: {work:,.1f} x 10^12 multiply-adds" in shown.out
    assert not (tmp_path / "r").exists()


def test_dry_run_of_a_folder_shows_every_run_in_it(cli: Cli, tmp_path: Path) -> None:
    folder = REPOSITORY / "experiments/quick"
    shown = cli("train", folder, "--dry-run", "--results", tmp_path / "r")
    names = [load_spec(path).label for path in sorted(folder.glob("*.yaml"))]
    assert len(names) == 4
    assert [line.split()[0] for line in shown.out.splitlines() if "seed-" in line] == names
    assert not (tmp_path / "r").exists()


def test_training_into_a_pipe_prints_a_line_for_each_measurement(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    lines = cli("train", tiny, "--results", tmp_path / "r").err.splitlines()
    assert lines[0] == "tiny/seed-0: starts: 24 steps of 32 on cpu in fp32"
    assert len(lines) == 1 + 6 + 1
    assert "step 8, epoch 0.80, loss" in lines[2]
    assert "test error" in lines[2]
    assert "images/s" in lines[2]
    assert "finished 24 steps" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (("train", "nowhere.yaml"), 1, "nowhere.yaml: there is no such file"),
        (("train", "."), 1, "holds no .yaml file"),
        (("train", "tiny.yaml", "--seeds", "3-1"), 2, "should rise"),
        (("train", "tiny.yaml", "--seeds", "a"), 2, "should be like 0-4"),
        (("train", "tiny.yaml", "--seed", "-1"), 2, "should be like 0-4"),
        (("train", "tiny.yaml", "--seed", "1", "--seeds", "2"), 2, "not both"),
        (("train", "tiny.yaml", "--device", "gpu"), 1, "--device gpu: is not a device"),
        (("train", "tiny.yaml", "--set", "training.steps=0"), 1, "training.steps: 0 should be greater than 0"),
        (("train", "tiny.yaml", "tiny.yaml", "copy/tiny.yaml"), 1, "is that of tiny.yaml too"),
        (("train", "tiny.yaml", "--set", "data.dataset=cifar10", "--set", "data.train_images=50000",
          "--set", "data.test_images=10000", "--data-dir", "no-data"), 1, "no-data: there is no CIFAR-10 here"),
        (("train", "tiny.yaml", "--results", "tiny.yaml"), 1, "--results tiny.yaml: is not a folder"),
        (("train", "tiny.yaml", "--results", "tiny.yaml", "--dry-run"), 1, "--results tiny.yaml: is not a folder"),
        (("train", "tiny.yaml", "--results", "/dev/null/r", "--jobs", "2"), 1, "choose another --results"),
        (("claims", "tiny.yaml"), 1, "tiny.yaml: is not a folder; name one that holds run folders"),
        (("reproduce", "--schedule", "tenth", "--experiments", "no"), 1, "name the one that holds the specs"),
        (("train",), 2, "Missing argument"),
        (("plot", "nowhere"), 1, "nowhere: there is no such folder"),
        (("plot", "copy"), 1, "copy: there is no run"),
        (("list", "nowhere"), 1, "nowhere: there is no such folder"),
        (("table", "nowhere"), 1, "nowhere: there is no such folder"),
        (("describe", "nowhere.yaml"), 1, "nowhere.yaml: there is no such file"),
        (("data", "check", "--data-dir", "copy"), 1, "copy: there is no CIFAR-10 here"),
        (("fly",), 2, "No such command"),
    ],
)  # fmt: skip
def test_mistakes_are_one_clear_line(
    cli: Cli, tiny: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, fragment: str
) -> None:
    monkeypatch.chdir(tiny.parent)
    Path("empty").mkdir()
    Path("copy").mkdir()
    Path("copy/tiny.yaml").write_text(TINY)
    if arguments[1:] == (".",):
        monkeypatch.chdir("empty")
    outcome = cli(*arguments)
    assert outcome.code == code
    assert fragment in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err
    if code == 1:
        assert outcome.err.count("\n") == 1
        assert outcome.out == ""


def test_a_damaged_run_is_named_by_every_reader(cli: Cli, trained: Path) -> None:
    (trained / "tiny/seed-1/metrics.csv").write_text("nonsense")
    for command in ("plot", "list", "table"):
        outcome = cli(command, trained)
        assert outcome.code == 1
        assert "seed-1/metrics.csv:1: the columns should be" in outcome.err


def test_a_repeated_run_is_counted_once_and_said(cli: Cli, trained: Path) -> None:
    (trained / "copy").mkdir()
    (trained / "tiny/seed-0").rename(trained / "copy/seed-0")
    (trained / "tiny/seed-0").mkdir()
    for name in ("spec.yaml", "metrics.csv", "environment.json", "summary.json"):
        (trained / "tiny/seed-0" / name).write_bytes((trained / "copy/seed-0" / name).read_bytes())
    outcome = cli("list", trained, "--json")
    assert len(json.loads(outcome.out)) == 4
    assert "repeats" in outcome.err


def test_the_demo_without_data_or_network_uses_the_stand_in_and_says_so(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resnet_repro.errors import DataError

    def no_network(*_: object) -> None:
        raise DataError("CIFAR-10 could not be downloaded")

    monkeypatch.setattr("resnet_repro.data.cifar10.fetch_cifar10", no_network)
    specs = tmp_path / "specs"
    specs.mkdir()
    for name, model in {"plain8": "none", "resnet8": "identity"}.items():
        (specs / f"{name}.yaml").write_text(TINY.replace("shortcut: none", f"shortcut: {model}"))
    outcome = cli("demo", specs, "--data-dir", tmp_path / "no", "--results", tmp_path / "demo", "--device", "cpu")
    assert outcome.code == 0
    assert "could not be downloaded" in outcome.err
    assert "trains on the synthetic stand-in instead" in outcome.err
    assert "synthetic shapes" in outcome.out
    assert "fix: plain-8" not in outcome.out or "points" in outcome.out
    assert read_run(tmp_path / "demo/synthetic/plain8/seed-0").status == "finished"
    assert list((tmp_path / "demo/synthetic/figures").glob("*.png"))


def test_help_and_reading_results_need_no_torch(trained: Path) -> None:
    program = (
        "import sys\n"
        "from resnet_repro.cli import main\n"
        "sys.argv = ['resnet-repro', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    for arguments in (["--help"], ["list", str(trained)], ["plot", str(trained)]):
        call = [sys.executable, "-c", program, *arguments]
        assert subprocess.run(call, check=False, capture_output=True).returncode == 0


def test_the_module_runs_as_a_program() -> None:
    call = [sys.executable, "-m", "resnet_repro", "--help"]
    shown = subprocess.run(call, check=True, capture_output=True, text=True)
    assert "train" in shown.stdout


def test_the_python_interface_is_imported_lazily(trained: Path) -> None:
    import resnet_repro

    spec = REPOSITORY / "experiments/resnet20.yaml"
    net = resnet_repro.build_net(resnet_repro.load_spec(spec))
    assert sum(parameter.numel() for parameter in net.parameters()) == 269_722
    assert len(resnet_repro.load_runs(trained)) == 4
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = resnet_repro.nonsense
