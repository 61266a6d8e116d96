"""Importing torchvision, also if its compiled operators do not fit torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from resnet_repro.data.torchvision import import_torchvision

IMPORT = """
from resnet_repro.data.torchvision import import_torchvision
torchvision = import_torchvision()
assert import_torchvision() is torchvision
print(torchvision.datasets.CIFAR10.__name__, torchvision.__file__)
"""

# On import, torchvision registers a function for an operator that only its compiled part defines.
WITHOUT_OPERATORS = """
import torch

@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold):
    return dets

class datasets:
    class CIFAR10:
        pass
"""


def in_another_process(folder: Path) -> str:
    """The output of IMPORT in a new interpreter whose first module path is `folder`."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{IMPORT}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_torchvision_can_be_imported_here(tmp_path: Path) -> None:
    name, path = in_another_process(tmp_path).split(maxsplit=1)
    assert name == "CIFAR10"
    assert Path(path.strip()).name == "__init__.py"


def test_missing_operators_are_declared(tmp_path: Path) -> None:
    (tmp_path / "torchvision.py").write_text(WITHOUT_OPERATORS)
    assert in_another_process(tmp_path).split() == ["CIFAR10", str(tmp_path / "torchvision.py")]


@pytest.mark.parametrize("error", ["RuntimeError('the disk is on fire')", "OSError('torchvision::nms')"])
def test_other_import_errors_are_raised_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str) -> None:
    attempt = "from pathlib import Path\nPath(__file__).with_name('attempt').mkdir()\n"  # a second one fails otherwise
    (tmp_path / "torchvision.py").write_text(f"{attempt}raise {error}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    with pytest.raises((RuntimeError, OSError), match=r"^(the disk is on fire|torchvision::nms)$"):
        import_torchvision()
    assert (tmp_path / "attempt").is_dir()
