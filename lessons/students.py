"""Writes the students' notebook from the teacher's: without the teacher's cells and without outputs (`make lesson`)."""

import json
from pathlib import Path
from typing import Any

LESSONS = Path(__file__).parent
TEACHERS, STUDENTS = LESSONS / "degradation-teacher.ipynb", LESSONS / "degradation.ipynb"
TAG = "teacher"  # of the cells that students do not get: answers, and what to say


def students(text: str) -> str:
    """The text of the students' notebook, made from that of the teacher's."""
    notebook = json.loads(text)
    notebook["cells"] = [_empty(cell) for cell in notebook["cells"] if TAG not in cell["metadata"].get("tags", [])]
    notebook["metadata"] = {"kernelspec": notebook["metadata"]["kernelspec"]}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _empty(cell: dict[str, Any]) -> dict[str, Any]:
    """The cell as if it had never been run."""
    return cell | ({"execution_count": None, "outputs": []} if cell["cell_type"] == "code" else {})


if __name__ == "__main__":
    STUDENTS.write_text(students(TEACHERS.read_text(encoding="utf-8")), encoding="utf-8")
    print(STUDENTS.name)
