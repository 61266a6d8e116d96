"""Figures as files: small, and equal bytes for equal runs in any process."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, make_run
from PIL import Image

from resnet_repro.errors import RunError
from resnet_repro.figures import draw_figures
from resnet_repro.figures.saving import FORMATS, save_figures
from resnet_repro.figures.style import STYLES, WEB

SCRIPT = """\
import sys
from pathlib import Path
sys.path[:0] = ["tests", "tests/figures"]
from test_saving import save_all
save_all(Path(sys.argv[1]))
"""


def save_all(folder: Path) -> None:
    """The figures of two runs, in two styles and all formats."""
    for name in ("web", "paper"):
        figures = draw_figures([make_run(20), make_run(20, "identity")], STYLES[name])
        list(save_figures(figures, folder / name, STYLES[name], list(FORMATS)))


def test_equal_runs_give_equal_bytes_in_another_process_with_another_order_of_sets(tmp_path: Path) -> None:
    save_all(tmp_path / "here")
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "there"], cwd=REPOSITORY, env=environment, check=True)
    paths = sorted(path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*.*"))
    assert [path.suffix for path in paths] == [".pdf", ".png", ".svg", ".txt"] * 2
    for path in paths:
        assert (tmp_path / "here" / path).read_bytes() == (tmp_path / "there" / path).read_bytes(), path


def test_a_pdf_has_no_date_and_truetype_fonts(tmp_path: Path) -> None:
    path, _ = save_figures(draw_figures([make_run(20)], STYLES["paper"]), tmp_path, STYLES["paper"], ["pdf"])
    assert b"CreationDate" not in path.read_bytes()
    assert b"/CIDFontType2" in path.read_bytes() or b"/TrueType" in path.read_bytes()


def test_a_reduced_png_looks_like_the_whole_one(tmp_path: Path) -> None:
    (drawn,) = draw_figures([make_run(20, seed=seed) for seed in (0, 1)])
    whole = io.BytesIO()
    drawn.figure.savefig(whole, format="png", dpi=WEB.dpi)
    path, _ = save_figures([drawn], tmp_path, WEB, ["png"])
    assert path.stat().st_size < len(whole.getvalue()) / 2
    with Image.open(whole) as before, Image.open(path) as after:
        assert before.size == after.size
        pairs = zip(before.convert("RGB").tobytes(), after.convert("RGB").tobytes(), strict=True)
        squares = [(one - other) ** 2 for one, other in pairs if one != other]
        assert sum(squares) / (3 * before.width * before.height) < 1


def test_ids_in_a_file_are_unique(tmp_path: Path) -> None:
    figures = draw_figures([make_run(20), make_run(56)], families=["curves"])
    path, _ = save_figures(figures, tmp_path, WEB, ["svg"])
    ids = [part.split('"')[0] for part in path.read_text().split(' id="')[1:]]
    assert len(ids) == len(set(ids))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"/file: File exists; choose another folder with --output"):
        list(save_figures(draw_figures([make_run(20)]), tmp_path / "file", WEB))
