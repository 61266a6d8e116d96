"""`plot`: which figures it draws, in which style and formats, and its errors."""

from pathlib import Path

import pytest
from conftest import TINY, Cli, CliResult

from resnet_repro.figures import FIGURES
from resnet_repro.record.folder import RunFolder
from resnet_repro.record.rows import Row
from resnet_repro.spec.file import load_spec


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run without probes."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "tiny.yaml").write_text(TINY)
    run = RunFolder(folder, load_spec(folder / "tiny.yaml"))
    data = {"name": "synthetic shapes", "exact": False, "digest": "0"}
    run.begin({"command": ["x"], "device": "cpu", "device_name": "CPU", "data": data, "git": None})
    for step in (8, 16, 24):
        run.append(Row(step, step / 10, 0.1, 2.0, 80.0, 70.0, 2.0, 75.0, 9.0, step / 2))
    run.close("finished", 24, 1000, data, 3.0, {"train_loss": 2.0, "train_error_pct": 80.0})
    return folder


def plotted(outcome: CliResult) -> list[str]:
    assert outcome.code == 0, outcome.err
    return [Path(line).name.removeprefix("curves-synthetic-shapes-0-24x8") for line in outcome.out.splitlines()]


def test_formats_may_be_a_list_or_repeated(cli: Cli, results: Path, tmp_path: Path) -> None:
    def plot(*arguments: str) -> list[str]:
        return plotted(cli("plot", results, "--output", tmp_path / "f", *arguments))

    assert plot() == [".png", ".svg", ".txt"]
    assert plot("--format", "pdf") == [".pdf", ".txt"]
    assert plot("--format", "svg,pdf", "--format", "svg") == [".svg", ".pdf", ".txt"]


def test_a_style_changes_the_figure(cli: Cli, results: Path, tmp_path: Path) -> None:
    contents = set()
    for style in ("web", "paper", "slides"):
        arguments = ("--style", style, "--format", "svg", "--output", tmp_path / style)
        assert plotted(cli("plot", results, *arguments)) == [".svg", ".txt"]
        contents.add(next((tmp_path / style).glob("*.svg")).read_bytes())
    assert len(contents) == 3
    assert cli("plot", results, "--style", "poster").code == 2


def test_families_are_listed_without_results(cli: Cli) -> None:
    listed = cli("plot", "--list")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()] == list(FIGURES)
    assert cli("plot").code == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--figure", "curve"), "error: --figure curve: is unknown; did you mean curves?"),
        (("--figure", "zzz"), "error: --figure zzz: is unknown; there are curves, degradation, layer-responses, "),
        (("--format", "png,svgz"), "error: --format svgz: is unknown; did you mean svg?"),
        (("--format", ""), "error: --format : is unknown; there are png, svg, pdf"),
        (("--figure", "batch-norm"), "it needs a net trained with and without batch normalisation under one schedule"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_one_line(
    cli: Cli, results: Path, tmp_path: Path, arguments: tuple[str, ...], line: str
) -> None:
    outcome = cli("plot", results, "--output", tmp_path, *arguments)
    assert (outcome.code, outcome.out) == (1, "")
    assert line in outcome.err
    assert outcome.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_only_named_figures_are_drawn_and_missing_ones_are_noted(cli: Cli, results: Path, tmp_path: Path) -> None:
    outcome = cli("plot", results, "--figure", "curves", "--figure", "degradation", "--format", "svg", "--output",
                  tmp_path)  # fmt: skip
    assert plotted(outcome) == [".svg", ".txt"]
    assert outcome.err.startswith("note: --figure degradation: ")
    assert "it needs nets of two depths, the same otherwise, that have finished under one schedule" in outcome.err
    assert outcome.err.endswith("; all nets here have 8 layers\n")


def test_runs_of_several_folders_are_drawn_into_one_figure(cli: Cli, results: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (tmp_path / "deeper.yaml").write_text(TINY.replace("depth: 8", "depth: 14"))
    run = RunFolder(other, load_spec(tmp_path / "deeper.yaml"))
    run.begin({"device": "cpu", "device_name": "CPU", "data": {"name": "synthetic shapes", "digest": "0"}})
    run.append(Row(24, 1.0, 0.1, 2.0, 80.0, 70.0, 2.0, 75.0, 9.0, 1.0))
    outcome = cli("plot", other, results, "--figure", "curves", "--format", "svg")
    assert plotted(outcome) == [".svg", ".txt"]
    caption = next((other / "figures").glob("*.txt")).read_text()
    assert "plain-8" in caption
    assert "plain-14" in caption
    missing = cli("plot", results, tmp_path / "none")
    assert missing.code == 1
    assert missing.err.startswith(f"error: {tmp_path / 'none'}: there is no such folder")
