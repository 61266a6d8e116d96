"""Resumes a run from 100 checkpoints that are damaged, or hostile with a correct checksum."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TINY, Cli
from hostile import VALUES, WHOLE_FILES, damaged, fuzzed
from hypothesis import given
from hypothesis import strategies as st
from outcomes import contents, tidy

from resnet_repro.training.checkpoint import DIGEST, FORMAT, packed, unpacked


@contextmanager
def after_one_step(deadline: float) -> Iterator[Callable[[], bool]]:
    yield lambda: True


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_repro.runner.train.stop_signals", after_one_step)


@pytest.fixture
def interrupted(cli: Cli, tmp_path: Path) -> Path:
    """A folder with a spec and its run, which was interrupted after one step."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    assert cli("train", tmp_path / "tiny.yaml", "--results", tmp_path / "results", "--device", "cpu").code == 130
    return tmp_path


@st.composite
def hostile(draw: st.DrawFn, whole: bytes) -> bytes:
    """A checkpoint with a correct checksum, but other bytes, or values of other types and shapes."""
    saved = whole[len(FORMAT) + DIGEST :]
    if draw(st.booleans()):
        saved = draw(st.one_of(damaged(saved), WHOLE_FILES))
    else:
        content: Any = unpacked(saved, len(saved))
        section = content[draw(st.sampled_from(["engine", "trainer", "trainer", "recorded"]))]
        section = draw(st.sampled_from([content, section, section]))
        key = draw(st.sampled_from(sorted(section)))
        section[key] = draw(VALUES | st.sampled_from([torch.zeros(3), torch.zeros(2, 10**4), 10**9, -1, float("nan")]))
        saved = packed(content)
    return FORMAT + hashlib.sha256(saved).digest() + saved


@given(data=st.data())
@fuzzed(100)
def test_a_run_resumes_or_the_checkpoint_is_refused_in_one_line(
    cli: Cli, interrupted: Path, data: st.DataObject
) -> None:
    whole = (interrupted / "results/tiny/seed-0/checkpoint.pt").read_bytes()
    content = data.draw(st.one_of(WHOLE_FILES, damaged(whole), hostile(whole), hostile(whole)))
    with tempfile.TemporaryDirectory() as name:
        results = Path(shutil.copytree(interrupted / "results", Path(name) / "results"))
        (results / "tiny/seed-0/checkpoint.pt").write_bytes(content)
        before = contents(results)
        outcome = tidy(cli, "train", interrupted / "tiny.yaml", "--results", results, "--device", "cpu", also=130)
        if outcome.code == 1:
            assert contents(results) == before
