"""A mistake is one line, wherever it is shown."""

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell


def test_a_notebook_shows_a_mistake_without_a_traceback_and_a_fault_of_the_program_with_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))  # where it keeps its history
    shell = InteractiveShell()
    shell.run_cell("import resnet_repro\nresnet_repro.load_spec('quick/resnet20', ['training.stepz=3'])")
    shown = capsys.readouterr()
    assert shown.out.strip() == "error: --set training.stepz=3: training.stepz: unknown key; did you mean steps?"
    assert shown.err == ""
    shell.run_cell("1 / 0")
    assert "Traceback" in capsys.readouterr().out
