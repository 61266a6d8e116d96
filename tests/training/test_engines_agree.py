"""Eager, compiled, fused and captured steps give the same losses over 50 steps, up to rounding.

On a GPU as on a GPU; elsewhere torch.compile takes its graphs apart again, and Triton interprets its kernels.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from small_runs import experiment, random_dataset
from torch import nn

from resnet_repro.data.dataset import Split
from resnet_repro.runner.assembly import build_trainer
from resnet_repro.training.capture import GRAPHS

STEPS = 50
ON_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if ON_GPU else "cpu")
TOLERANCE = {"fp32": 0.002, "bf16": 0.05, "fp16": 0.02}  # of a loss, relative
BATCH = 8
DATASET = random_dataset()
DATASET = replace(DATASET, test=Split(DATASET.test.images[:BATCH], DATASET.test.labels[:BATCH]))  # compiled once
ENGINES = {"eager": {}, "compiled": {"compiled": True}, "fused": {"kernels": "fused"}, "captured": {}}


def losses(engine: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> Sequence[float]:
    with monkeypatch.context() as patch:
        if engine == "eager":
            patch.delitem(GRAPHS, "cuda")
        if engine == "compiled" and not ON_GPU:
            torch._dynamo.reset()
            patch.setattr("resnet_repro.training.engine.native_precisions", lambda device: TOLERANCE)  # by torch itself
            compile_module = nn.Module.compile
            patch.setattr(nn.Module, "compile", lambda unit, **how: compile_module(unit, backend="aot_eager", **how))
        if engine == "fused" and not ON_GPU:
            patch.setattr("resnet_repro.models.fused_kernels.TILE", 8192)  # fewer programs: the interpreter is slow
            patch.setattr("resnet_repro.models.fused_kernels.BLOCK", 4)  # the width of the net
        spec = experiment(steps=STEPS, record_every=1, evaluate_every=STEPS, clean_images=BATCH, learning_rate=0.05,
                          precision=precision)  # fmt: skip
        trainer = build_trainer(spec, DATASET, DEVICE, **ENGINES[engine])  # type: ignore[arg-type]  # as named
        return [row.train_loss for row in trainer.run() if row and row.train_loss is not None]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch.compile itself causes this warning
@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "eager"])
@pytest.mark.parametrize("precision", TOLERANCE)
def test_engines_agree(engine: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine == "fused" and find_spec("triton") is None:
        pytest.skip("the fused kernels need Triton, which comes with torch's builds for CUDA")
    if engine == "captured" and not ON_GPU:
        pytest.skip("only a GPU captures")
    if engine == "fused" and precision == "fp16" and not ON_GPU:
        pytest.skip("fp32 and bf16 are enough for the interpreter, which takes its time")
    expected = losses("eager", precision, monkeypatch)
    assert len(expected) == STEPS
    assert sum(expected[-10:]) < 0.95 * sum(expected[:10])  # it learns
    assert losses(engine, precision, monkeypatch) == pytest.approx(expected, rel=TOLERANCE[precision])
