"""`data check` reads 100 damaged data folders."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from conftest import Cli
from hostile import WHOLE_FILES, damaged, fuzzed
from hypothesis import given
from hypothesis import strategies as st
from outcomes import contents, tidy

from resnet_repro.data import cifar10

IMAGES = 3  # in a file, instead of 10,000
NAMES = (*cifar10.TRAIN_FILES, *cifar10.TEST_FILES)
RECORDS = np.random.default_rng(0).integers(0, 10, (IMAGES, cifar10.RECORD), np.uint8).tobytes()
CONTENT = st.one_of(st.just(RECORDS), WHOLE_FILES, damaged(RECORDS), st.binary(min_size=1, max_size=1).map(
    lambda label: label + RECORDS[1:]))  # fmt: skip


@given(data=st.data(), layout=st.sampled_from([cifar10.BINARY_FOLDER, cifar10.BINARY_FOLDER, cifar10.PYTHON_FOLDER]))
@fuzzed(100)
def test_data_is_checked_or_refused_in_one_line(
    cli: Cli, data: st.DataObject, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as name, monkeypatch.context() as patch:
        patch.setattr(cifar10, "IMAGES_A_FILE", IMAGES)
        folder = Path(name) / layout
        folder.mkdir()
        ending = ".bin" if layout == cifar10.BINARY_FOLDER else ""
        for file in NAMES:
            (folder / f"{file}{ending}").write_bytes(RECORDS)
        for _ in range(data.draw(st.integers(0, 2))):
            (folder / f"{data.draw(st.sampled_from(NAMES))}{ending}").write_bytes(data.draw(CONTENT))
        if data.draw(st.integers(0, 9)) == 0:
            path = folder / f"data_batch_2{ending}"
            path.unlink()
            path.mkdir()
        before = contents(folder)
        checked = tidy(cli, "data", "check", "--data-dir", name)
        assert checked.code == 1 or "NOT EXACT" in checked.out
        assert contents(folder) == before
