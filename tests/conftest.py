"""Shared by all tests: one thread each, as they run side by side, and a net and data set small enough to train."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from resnet_repro.cli import main

REPOSITORY = Path(__file__).parent.parent
REAL_DATA = REPOSITORY / "data"

TINY = """\
# A net and a data set that train in a second.
model:
  depth: 8
  width: 4
  shortcut: none
data:
  dataset: synthetic
  train_images: 320
  test_images: 100
training:
  steps: 24
  batch_size: 32
  learning_rate: 0.05
  evaluate_every: 8
  record_every: 4
  clean_images: 64
  precision: fp32
"""


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A spec file that trains in a second."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command line in this process: cli("train", path) -> Outcome(code, out, err)."""
    monkeypatch.delenv("RESNET_REPRO_DATA", raising=False)

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["resnet-repro", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return Outcome(int(stop.value.code or 0), captured.out, captured.err)

    return run
