"""Figures are the same whatever backend and settings of matplotlib the user has chosen."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from conftest import Cli, make_run
from helpers import command_line
from made_up import CONTRASTS, contrasts, everything
from matplotlib.text import Text

from resnet_repro.figures import FIGURES, draw_figures
from resnet_repro.figures.confusion import draw_confusion
from resnet_repro.figures.saving import FORMATS, save_figure, save_figures
from resnet_repro.figures.style import WEB
from resnet_repro.report.inline_svg import inline_svg

USERS: Any = {
    "text.usetex": True,
    "text.color": "white",
    "axes.facecolor": "black",
    "savefig.facecolor": "black",
    "savefig.bbox": "tight",
    "savefig.transparent": True,
    "lines.linestyle": ":",
    "font.weight": "bold",
    "path.sketch": (1, 100, 2),
    "path.simplify": False,
    "svg.fonttype": "none",
}


def contents(folder: Path, formats: Sequence[str]) -> dict[str, bytes]:
    """The files of a figure, and what the report shows of one."""
    list(save_figure(draw_confusion(((3, 1), (0, 4)), ("cat", "dog"), "data"), "caption", folder / "c", WEB, formats))
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    (drawn,) = draw_figures([make_run(20), make_run(20, "identity")])
    return found | {"report": inline_svg(drawn.figure, "f", "label").svg.encode()}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return contents(tmp_path_factory.mktemp("usual"), list(FORMATS))


def test_the_users_matplotlibrc_changes_no_byte(usual: dict[str, bytes], tmp_path: Path) -> None:
    with matplotlib.rc_context(USERS):
        assert contents(tmp_path, list(FORMATS)) == usual


def test_the_users_matplotlibrc_reaches_no_kind_of_figure() -> None:
    with matplotlib.rc_context(USERS):
        drawn = [*draw_figures(everything()), *draw_figures(contrasts(), WEB, CONTRASTS)]
    assert [made.family for made in drawn] == list(FIGURES)
    for made in drawn:
        assert {axes.get_facecolor() for axes in made.figure.axes} == {(1.0, 1.0, 1.0, 1.0)}, made.family
        assert not any(text.get_usetex() for text in made.figure.findobj(Text)), made.family


def test_a_file_is_the_same_whichever_formats_are_asked_with_it(tmp_path: Path) -> None:
    for formats in (["svg"], ["pdf", "svg"]):
        figures = draw_figures([make_run(20)])
        list(save_figures(figures, tmp_path / formats[0], WEB, formats))
    svg, again = (next((tmp_path / folder).glob("*.svg")).read_bytes() for folder in ("svg", "pdf"))
    assert svg == again


@pytest.mark.parametrize("place", ["working folder", "variable"])
def test_a_matplotlibrc_that_cannot_be_read_stops_no_figure(tmp_path: Path, place: str) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"text.color: \xff")
    inside = place == "working folder"
    listed = subprocess.run(
        command_line("plot", "--list"),
        cwd=tmp_path if inside else None,
        env=os.environ if inside else os.environ | {"MATPLOTLIBRC": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (listed.returncode, listed.stderr) == (0, "")


def test_figures_need_no_backend_of_the_notebook_around_them() -> None:
    environment = os.environ | {"MPLBACKEND": "a backend that is not installed"}
    listed = subprocess.run(command_line("plot", "--list"), env=environment, capture_output=True, text=True)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.startswith("curves ")


@pytest.mark.parametrize("command", [("plot",), ("report",), ("evaluate", "--output", "out")], ids=" ".join)
def test_every_command_that_draws_leaves_the_settings_around_it_unread(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MPLBACKEND", "a backend that is not installed")
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path))
    assert cli(*command, tmp_path).code == 1  # there is no run
    assert (os.environ["MPLBACKEND"], os.environ["MATPLOTLIBRC"]) == ("agg", os.devnull)
