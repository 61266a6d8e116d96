"""The lesson runs from its first cell to its last on the stand-in data, and what it says is what comes out."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY

from resnet_repro import load_spec, train

LESSONS = REPOSITORY / "lessons"
STUDENTS, TEACHERS = LESSONS / "degradation.ipynb", LESSONS / "degradation-teacher.ipynb"
FEW_STEPS, STEPS = 4, 160  # to run every cell, and to see the effect
LONGEST_CELL = 15  # lines
LARGEST = 800_000  # bytes, so that GitHub shows it and a clone stays small


def cells(notebook: Path) -> list[dict[str, Any]]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def printed(cell: dict[str, Any]) -> str:
    return "".join("".join(output.get("text", "")) for output in cell["outputs"]).replace("\r", "")


def pictures(cell: dict[str, Any]) -> Iterator[str]:
    for output in cell["outputs"]:
        yield from (kind for kind in output.get("data", {}) if kind.startswith("image/"))


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the lesson after it was given, with the teacher's notebook, which has every cell."""
    pytest.importorskip("nbconvert", reason="make lesson-test installs what runs the lesson")
    folder = tmp_path_factory.mktemp("class")
    (folder / "lessons").mkdir()
    for name in ("results", "docs"):
        (folder / name).symlink_to(REPOSITORY / name)
    shutil.copy(TEACHERS, folder / "lessons/lesson.ipynb")
    one_thread = {"OMP_NUM_THREADS": "1"}  # which does not slow down beside other tests
    inherited = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}  # which commands set
    environment = {**inherited, **one_thread, "LESSON_DATA": "synthetic", "LESSON_STEPS": str(FEW_STEPS)}
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", "lesson.ipynb"]
    ended = subprocess.run(command, cwd=folder / "lessons", env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return folder / "lessons"


@pytest.fixture(scope="module")
def given(classroom: Path) -> list[dict[str, Any]]:
    return [cell for cell in cells(classroom / "lesson.ipynb") if cell["cell_type"] == "code"]


def test_every_cell_that_draws_shows_a_figure_and_none_fails_or_warns(given: list[dict[str, Any]]) -> None:
    drawing = re.compile(r"draw_training_error\(|LiveCurves\(|inside\[|SVG\(|subplots\(|drawn\.figure")
    for cell in given:
        assert bool([*pictures(cell)]) == bool(drawing.search(source(cell))), source(cell)
        assert not re.search(r"(?i)traceback|warning|error: ", printed(cell)), printed(cell)


def test_the_deeper_plain_net_is_worse_on_its_training_images_after_half_of_the_steps_of_a_class(
    classroom: Path,
) -> None:
    fields = {"steps": STEPS, "milestones": [3 * STEPS // 4], "record_every": STEPS // 4, "evaluate_every": STEPS}
    overrides = ["probes.measure=[]", *(f"training.{field}={value}" for field, value in fields.items())]
    nets = [load_spec(classroom / f"plain{depth}.yaml", [*overrides, f"name=half-{depth}"]) for depth in (20, 56)]
    shallow, deep = train(nets, classroom / "results", jobs=2, device="cpu", quiet=True)
    assert (shallow.result("train_error_pct") or 100) + 4 < (deep.result("train_error_pct") or 0)


def test_the_deep_net_made_from_the_shallow_one_has_the_same_function(given: list[dict[str, Any]]) -> None:
    [said] = [printed(cell) for cell in given if "deepen" in source(cell)]
    assert float(re.findall(r"([\d.e-]+) in float64", said)[0]) < 1e-12
    shallow, deep = re.findall(r"^plain-\d\d.*?([\d.]+ +[\d.]+)$", said, flags=re.MULTILINE)  # error and loss
    assert shallow == deep


def test_the_students_notebook_is_the_teachers_without_answers_and_outputs() -> None:
    made = runpy.run_path(str(LESSONS / "students.py"))["students"](TEACHERS.read_text(encoding="utf-8"))
    assert STUDENTS.read_text(encoding="utf-8") == made, "make lesson"
    assert not re.search(r"For the teacher|\"image/", made)


def test_the_teachers_notebook_shows_what_comes_out_and_answers_each_of_six_exercises() -> None:
    found = cells(TEACHERS)
    assert TEACHERS.stat().st_size < LARGEST
    assert all(cell["outputs"] for cell in found if cell["cell_type"] == "code" and "draw" in source(cell))
    [said] = [printed(cell) for cell in found if "You said" in source(cell) and cell["cell_type"] == "code"]
    shallow, deep = map(float, re.findall(r"layers: ([\d.]+) %", said))
    assert shallow + 20 < deep
    places = [place for place, cell in enumerate(found) if source(cell).startswith("# Exercise")]
    assert [re.findall(r"\d", source(found[place]))[0] for place in places] == [*"123456"]
    for place in places:
        answer, expected = found[place + 1 : place + 3]
        assert answer["cell_type"] == "code"
        assert source(answer).count("\n") == 0  # one line
        assert answer["outputs"]
        assert "**Expected:**" in source(expected)


def test_no_cell_is_long() -> None:
    for cell in cells(TEACHERS):
        assert cell["cell_type"] != "code" or source(cell).count("\n") < LONGEST_CELL, source(cell)
