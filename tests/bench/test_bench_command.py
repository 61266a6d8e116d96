"""The command `bench`: its output, its files, its defaults, and its errors of one line."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, Cli
from helpers import assert_mistake_named

from resnet_repro.bench import default_experiments
from resnet_repro.bench.page import BEGIN, END, renew_page, save, save_check, tables
from resnet_repro.errors import RunError

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
CONTRACT = {"spec", "device", "images_per_second", "baseline_images_per_second", "ratio", "limit_share", "step_ms"}
ENVIRONMENT = {
    "device": "cpu",
    "threads": 2,
    "precision": "bf16",
    "versions": {"torch": "2.13.0"},
    "data": {"name": "random images, not CIFAR-10"},
    "git": {"commit": "0123456789", "dirty": True},
}
ROW: dict[str, Any] = {
    "spec": "resnet20", "device": "CPU (AMD EPYC, 2 threads)", "batch_size": 128, "precision": "bf16",
    "engine": "eager", "rounds": 5, "steps_per_round": 7, "step_ms": 100.0, "images_per_second": 1280.4,
    "baseline_images_per_second": 640.0, "ratio": 2.0, "ratio_min": 1.9, "ratio_max": 2.1, "limit_share": 0.5,
    "peak_share": 0.25, "bytes_share": None, "outside_share": 0.021, "evaluation_share": 0.125,
    "environment": ENVIRONMENT,
}  # fmt: skip
POINT = {"curve": "model.depth", "value": 20, "device": ROW["device"], "images_per_second": 1280.0, "step_ms": 100.0,
         "relative_speed": 1.0, "memory_bytes": None, "environment": ENVIRONMENT}  # fmt: skip


def test_the_numbers_are_printed_saved_and_written_to_the_page(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    output = tmp_path / "bench"
    output.mkdir()
    (output / "README.md").write_text(f"# Speed\n\n{BEGIN}\nold\n{END}\n\nEnd.\n")
    outcome = cli("bench", tiny, "--device", "cpu", "--seconds", "0.01", "--output", output, "--json")
    assert outcome.code == 0
    (found,) = json.loads(outcome.out)
    assert found.keys() >= CONTRACT
    assert all(isinstance(found[key], float) for key in CONTRACT - {"spec", "device"})
    (kept,) = output.glob("*.json")
    assert kept.name.startswith("cpu-")
    assert json.loads(kept.read_text()) == [found]
    page = (output / "README.md").read_text()
    assert page == f"# Speed\n\n{BEGIN}\n{tables(output)}{END}\n\nEnd.\n"
    assert "| tiny | 8 | fp32, eager |" in page
    assert "tiny: round 5 of 5" in outcome.err


def test_the_table_says_device_torch_and_data(cli: Cli, tiny: Path) -> None:
    shown = cli("bench", tiny, "--device", "cpu", "--seconds", "0.01", "--no-baseline", "--set", "model.width=2").out
    title = shown.splitlines()[0]
    assert title.startswith("CPU (")
    assert "torch 2" in title
    assert "random images, not CIFAR-10" in title
    assert "outside: not in forward, backward or update" in shown


def test_the_command_runs_scaling(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def measure_scaling(device: object, seconds: float, overrides: list[str], say: object) -> list[dict[str, Any]]:
        asked.append((str(device), seconds, overrides))
        return [POINT]

    monkeypatch.setattr("resnet_repro.bench.command.measure_scaling", measure_scaling)
    outcome = cli("bench", "--scaling", "--device", "cpu", "--seconds", "3", "--set", "model.width=8",
                  "--output", tmp_path / "new")  # fmt: skip
    assert outcome.code == 0
    assert asked == [("cpu", 3.0, ["model.width=8"])]
    assert "model.depth" in outcome.out
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["cpu-amd-epyc-2-threads-scaling.json"]


def test_the_default_is_the_papers_nets_with_the_overrides() -> None:
    assert [e.model.depth for e in default_experiments()] == [20, 56, 110]
    for experiment in default_experiments(["training.batch_size=64", "training.steps=400"]):
        assert (experiment.training.batch_size, experiment.training.milestones) == (64, (200, 300))
        assert experiment.model.shortcut == "identity"


def test_the_tables_of_several_machines_follow_each_other(tmp_path: Path) -> None:
    brought = {"commit": "0123456789", "dirty": None}  # copied without git, so it is unknown whether files were changed
    gpu = {**ROW, "device": "NVIDIA H100", "bytes_share": 0.75, "outside_share": None,
           "environment": {**ENVIRONMENT, "device": "cuda", "git": brought}}  # fmt: skip
    for measurements in ([ROW], [gpu], [POINT]):
        save(measurements, tmp_path)
    assert tables(tmp_path) == (
        "CPU (AMD EPYC, 2 threads) · torch 2.13.0 · random images, not CIFAR-10 · commit 0123456, changed\n\n"
        "| spec | batch | computed in | rounds × steps | ms a step | images/s | script, images/s | ratio (min–max) "
        "| limit % | peak % | outside % | evaluation % |\n"
        f"|{' --- |' * 12}\n"
        "| resnet20 | 128 | bf16, eager | 5 × 7 | 100.00 | 1,280 | 640 | 2.00 (1.90–2.10) "
        "| 50.0 | 25.0 | 2.1 | 12.5 |\n\n"
        "CPU (AMD EPYC, 2 threads) · torch 2.13.0 · random images, not CIFAR-10 · bf16 · commit 0123456, changed\n\n"
        "| what grows | value | ms a step | images/s | against the first | memory GB |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| model.depth | 20 | 100.00 | 1,280 | 1.00 | – |\n\n"
        "NVIDIA H100 · 2 CPU threads · torch 2.13.0 · random images, not CIFAR-10 · commit 0123456\n\n"
        "| spec | batch | computed in | rounds × steps | ms a step | images/s | script, images/s | ratio (min–max) "
        "| limit % | peak % | bandwidth % | outside % | evaluation % |\n"
        f"|{' --- |' * 13}\n"
        "| resnet20 | 128 | bf16, eager | 5 × 7 | 100.00 | 1,280 | 640 | 2.00 (1.90–2.10) "
        "| 50.0 | 25.0 | 75.0 | – | 12.5 |\n"
    )


def test_the_committed_page_has_the_tables_of_its_measurements() -> None:
    folder = REPOSITORY / "results/bench"
    table = (folder / "README.md").read_text().split(f"{BEGIN}\n")[1].split(END)[0]
    assert table == tables(folder)


def test_the_page_can_be_rewritten_without_measuring(cli: Cli, tmp_path: Path) -> None:
    assert renew_page(tmp_path) is None
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}")
    save([ROW], tmp_path)
    assert cli("bench", "--page", tmp_path).out == f"{tmp_path / 'README.md'}\n"
    assert (tmp_path / "README.md").read_text() == f"{BEGIN}\n{tables(tmp_path)}{END}"


def test_numbers_that_cannot_be_saved_name_the_option_of_bench(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="choose another --output or make room there"):
        save([ROW], tmp_path / "missing")
    with pytest.raises(RunError, match="choose another --output or make room there"):
        save_check(ROW, tmp_path / "missing")


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", '[{"spec": "a"}]', "null"])
def test_a_damaged_measurement_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.json").write_text(text)
    with pytest.raises(RunError, match=r"cpu\.json: holds no measurements of 'resnet-repro bench'"):
        tables(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (("nowhere.yaml",), 1, "nowhere.yaml: there is no such file"),
        (("tiny.yaml", "--device", "gpu"), 1, "--device gpu: is not a device"),
        (("tiny.yaml", "--set", "model.depth=21"), 1, "model.depth: 21"),
        (("--set", "training.batch_size=0"), 1, "training.batch_size: 0 should be greater than 0"),
        (("--scaling", "--set", "training.batch_size=0"), 1, "training.batch_size: 0 should be greater than 0"),
        (("--output", "tiny.yaml"), 1, "tiny.yaml: File exists; choose another --output"),
        (("--page", "empty"), 1, "empty: there is no README.md here"),
        (("--page", "unmarked"), 1, "README.md: has no <!-- table -->"),
        (("--page", "latin-1"), 1, "cpu.json: is damaged: not UTF-8 text"),
        (("tiny.yaml", "--scaling"), 2, "take neither specs nor"),
        (("tiny.yaml", "--page", "empty"), 2, "take neither specs nor"),
        (("--compile", "--scaling"), 2, "take neither specs nor"),
        (("--gpu-check", "--device", "cpu"), 1, "--gpu-check: needs a CUDA device, and the device is cpu"),
        (("tiny.yaml", "--gpu-check"), 2, "take neither specs nor"),
        (("--gpu-check", "--scaling"), 2, "exclude each other"),
        (("--page", "empty", "--json"), 2, "--page measures nothing"),
        (("--page", "empty", "--output", "empty"), 2, "--page measures nothing"),
        (("--scaling", "--no-baseline"), 2, "--no-baseline is for the speed of specs"),
        (("--seconds", "0"), 2, "0.001"),
    ],
)
def test_mistakes_give_one_clear_line(
    cli: Cli, tiny: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, fragment: str
) -> None:
    monkeypatch.chdir(tiny.parent)
    for folder in ("empty", "unmarked", "latin-1"):
        Path(folder).mkdir()
    Path("unmarked/README.md").write_text("Nothing.\n")
    Path("latin-1/README.md").write_text(f"{BEGIN}\n{END}")
    Path("latin-1/cpu.json").write_bytes(b'["\xe9"]')
    assert_mistake_named(cli("bench", *arguments), code, fragment)
