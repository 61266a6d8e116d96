"""Figures as files: small, and equal bytes for equal runs in any process."""

import io
import os
import subprocess
from pathlib import Path

import pytest
from conftest import Cli, make_run
from helpers import command_line, store
from PIL import Image

from resnet_repro.errors import RunError
from resnet_repro.figures import draw_figures
from resnet_repro.figures.saving import FORMATS, save_figures
from resnet_repro.figures.style import STYLES, WEB


def test_equal_runs_give_equal_bytes_in_another_process_with_another_order_of_sets(cli: Cli, tmp_path: Path) -> None:
    """In two styles and all formats."""
    store(tmp_path, [make_run(20), make_run(20, "identity")])
    for style in ("web", "paper"):
        formats = ("--format", ",".join(FORMATS), "--style", style, "--output")
        assert cli("plot", tmp_path, *formats, tmp_path / "here" / style).code == 0
        there = command_line("plot", tmp_path, *formats, tmp_path / "there" / style)
        subprocess.run(there, env=os.environ | {"PYTHONHASHSEED": "1"}, check=True, capture_output=True)
    paths = sorted(path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*.*"))
    assert [path.suffix for path in paths] == [".pdf", ".png", ".svg", ".txt"] * 2
    for path in paths:
        assert (tmp_path / "here" / path).read_bytes() == (tmp_path / "there" / path).read_bytes(), path


def test_a_pdf_has_no_date_and_truetype_fonts(tmp_path: Path) -> None:
    path, _ = save_figures(draw_figures([make_run(20)], STYLES["paper"]), tmp_path, STYLES["paper"], ["pdf"])
    assert b"CreationDate" not in path.read_bytes()
    assert b"/CIDFontType2" in path.read_bytes() or b"/TrueType" in path.read_bytes()


def test_a_reduced_png_looks_like_the_whole_one(tmp_path: Path) -> None:
    (drawn,) = draw_figures(
        [make_run(depth, seed=seed) for depth in (20, 32, 44, 56) for seed in (0, 1)], WEB, ["curves"]
    )
    whole = io.BytesIO()
    drawn.figure.savefig(whole, format="png", dpi=WEB.dpi)
    path, _ = save_figures([drawn], tmp_path, WEB, ["png"])
    assert path.stat().st_size < len(whole.getvalue()) / 2
    with Image.open(whole) as before, Image.open(path) as after:
        assert before.size == after.size
        pairs = zip(before.convert("RGB").tobytes(), after.convert("RGB").tobytes(), strict=True)
        errors = [abs(one - other) for one, other in pairs]
    assert max(errors) <= 20
    assert sum(error**2 for error in errors) / len(errors) < 0.5


def test_ids_in_a_file_are_unique(tmp_path: Path) -> None:
    figures = draw_figures([make_run(20), make_run(56)], families=["curves"])
    path, _ = save_figures(figures, tmp_path, WEB, ["svg"])
    ids = [part.split('"')[0] for part in path.read_text().split(' id="')[1:]]
    assert len(ids) == len(set(ids))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"/file: File exists; choose another folder with --output"):
        list(save_figures(draw_figures([make_run(20)]), tmp_path / "file", WEB))
