"""The GPU check from end to end on the CPU, with tiny nets and a replacement for a CUDA graph."""

import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Cli

from resnet_repro.bench import fig6_experiments, gpu_check
from resnet_repro.bench.agreement import losses_agree, orders_agree
from resnet_repro.bench.budget import Part, work_off
from resnet_repro.bench.gpu_check import GpuCheck
from resnet_repro.bench.gpu_tables import check_tables, problems, remarks
from resnet_repro.bench.page import save_check, tables
from resnet_repro.bench.parallel import steps_per_second
from resnet_repro.errors import RunError
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, TrainingSpec, Warmup
from resnet_repro.training.capture import GRAPHS

CPU = torch.device("cpu")
PARTS = [
    "start", "order of the mini-batches", "captured against eager, bf16", "captured against eager, fp16",
    "captured against eager, fp32", "speed, tiny", "speed, plain", "kernels", "all nets side by side",
    "1, 2, 4, 8 runs side by side", "evaluation",
]  # fmt: skip


def net(name: str, **model: object) -> Experiment:
    return Experiment(
        name=name,
        model=ModelSpec.model_validate({"depth": 8, "width": 2, **model}),
        data=DataSpec(dataset="synthetic", train_images=320, test_images=100, validation_images=60),
        training=TrainingSpec(batch_size=8, warmup=Warmup(learning_rate=0.01, steps=400)),
    )


NETS = [net("tiny"), net("plain", shortcut="none")]


@pytest.fixture(autouse=True)
def _few_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_repro.bench.agreement.IMAGES", 50)


class RepeatingGraph:
    """Calls the step again instead of replaying it."""

    def warm_up(self, step: Callable[[], object]) -> None:
        step()

    def capture(self, step: Callable[[], object]) -> None:
        self.step = step

    def replay(self) -> None:
        self.step()


def check(monkeypatch: pytest.MonkeyPatch, seconds: float) -> dict[str, Any]:
    monkeypatch.setitem(GRAPHS, "cpu", lambda device: RepeatingGraph())
    monkeypatch.setattr("resnet_repro.bench.specs.FEW_TRAINING_IMAGES", 64)
    monkeypatch.setattr("resnet_repro.bench.specs.FEW_TEST_IMAGES", 20)
    monkeypatch.setattr(gpu_check, "TURN_SECONDS", 0.01)
    monkeypatch.setattr(gpu_check, "TOGETHER_SECONDS", 0.02)
    monkeypatch.setattr(gpu_check, "losses_agree", partial(losses_agree, steps=12))
    made, kept = GpuCheck(NETS, CPU), []
    parts = [part for part in made.parts() if "compiled" not in part.name]
    work_off(parts, seconds, made.found, lambda found: kept.append(json.dumps(found)), lambda text: None)
    assert len(kept) == len(parts) - len(made.found["left_out"]) + 1
    return made.found


def test_every_part_has_results_and_all_are_in_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = check(monkeypatch, 1e9)
    assert found["failures"] == []
    assert problems(found) == []
    assert [row["agrees"] for row in (*found["order"], *found["agreement"])] == [True] * 4
    first = found["speed"][0]
    assert (first["spec"], first["engine"], first["batch_size"]) == ("tiny", "cuda graph", 8)
    assert first["images_per_second"] == pytest.approx(8000 / first["step_ms"])
    assert first["minutes"] == pytest.approx(64_000 * first["step_ms"] / 60_000)
    assert {row["precision"] for row in found["speed"]} == {"bf16", "fp16", "fp32"}
    assert [row["runs"] for row in found["side_by_side"]] == [1, 2, 4, 8]
    suite = found["suite"]
    assert list(suite["step_ms"]) == ["tiny", "plain"]
    assert suite["minutes_one_by_one"] == pytest.approx(suite["minutes_side_by_side"] * suite["speedup"])
    assert all(0 < row["evaluation_share"] < 100 for row in found["evaluation"])
    assert found["kernels"][0]["kernels"] > len(found["kernels"][0]["costliest"]) > 5
    assert len(check_tables(found)) == 7
    assert "for the second" in remarks(found)[-1]
    save_check(found, tmp_path)
    assert tables(tmp_path).startswith("GPU check · CPU (")


def test_the_parts_are_ordered_by_importance_and_left_out_without_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_repro.bench.gpu_check.GpuCheck._start", lambda self, net: None)
    names = [part.name for part in GpuCheck(NETS, CPU).parts()]
    assert names[: len(PARTS)] == PARTS
    assert names[-1] == "speed, plain, compiled"
    found = check(monkeypatch, 1.0)
    assert found["left_out"] == [name for name in names[1:] if "compiled" not in name]
    assert check_tables(found) == []


def test_parts_that_need_others_use_the_existing_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_check, "TURN_SECONDS", 0.01)
    made = GpuCheck(NETS, CPU)
    parts = {part.name: part.measure for part in made.parts()}
    with pytest.raises(LookupError, match="no net has been measured alone"):
        parts["all nets side by side"]()
    for name in ("speed, plain", "evaluation", "kernels"):
        parts[name]()
    assert [[row["spec"] for row in made.found[name]] for name in ("speed", "evaluation", "kernels")] == [["plain"]] * 3


def test_a_failed_part_is_reported_with_its_cause_and_the_next_one_runs(caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []
    found: dict[str, Any] = {}

    def fail() -> None:
        logging.getLogger("resnet_repro.training").warning("not captured")
        raise RuntimeError("CUDA error:\n  an illegal access")

    parts = [Part("one", 0, fail), Part("two", 0, lambda: found.update(two=2))]
    work_off(parts, 10, found, lambda found: None, said.append)
    assert found["failures"] == [{"part": "one", "cause": "RuntimeError: CUDA error: an illegal access"}]
    assert (found["two"], found["notices"]) == (2, ["not captured"])
    assert said[0].startswith("one: failed: RuntimeError: CUDA error: an illegal access, ")


def test_results_before_a_kill_are_kept() -> None:
    kept: list[dict[str, Any]] = []

    def killed() -> None:
        raise KeyboardInterrupt

    found: dict[str, Any] = {}
    parts = [Part("one", 0, lambda: found.update(one=1)), Part("two", 0, killed)]
    with pytest.raises(KeyboardInterrupt):
        work_off(parts, 10, found, lambda found: kept.append(dict(found)), lambda text: None)
    assert [state["one"] for state in kept] == [1]


def test_wrong_losses_and_a_wrong_order_of_a_graph_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    eager = torch.linspace(2.3, 1.0, 20)
    noisy, wrong, swapped = eager + 0.001, eager * 1.1, eager.clone()
    swapped[3:5] = swapped[3:5].flip(0)

    def runs(*losses: torch.Tensor) -> None:
        made = iter([("eager", eager), *(("cuda graph", row) for row in losses)])
        monkeypatch.setattr("resnet_repro.bench.agreement._losses", lambda *a: next(made))

    runs(noisy, wrong)
    losses = losses_agree(NETS[0], CPU, "fp32", steps=20)
    assert losses["noise"] == pytest.approx(0.001, rel=0.01)
    assert losses["largest_difference"] == pytest.approx(0.23, rel=0.01)
    assert not losses["agrees"]
    runs(wrong, wrong)  # if eager runs differ as much, a graph may too
    assert losses_agree(NETS[0], CPU, "fp32", steps=20)["agrees"]
    runs(noisy)
    assert orders_agree(NETS[0], CPU)["agrees"]
    runs(swapped)
    order = orders_agree(NETS[0], CPU)
    assert not order["agrees"]
    row = {"spec": "tiny", "precision": "fp16", "engine": "eager"}
    found = {"failures": [], "speed": [row], "order": [order], "agreement": [losses]}
    assert problems(found) == [
        "tiny, fp16: not captured",
        "the order of the mini-batches differs from that of eager runs",
        "fp32: losses differ from those of eager runs",
    ]


def test_the_nets_are_the_nine_of_the_papers_figure() -> None:
    nets = [(net.model.depth, net.model.shortcut) for net in fig6_experiments(["training.steps=400"])]
    assert nets[:3] == [(depth, "identity") for depth in (20, 56, 110)]
    assert sorted(nets) == sorted(
        [(depth, kind) for depth in (20, 32, 44, 56) for kind in ("none", "identity")] + [(110, "identity")]
    )


def test_a_run_that_fails_in_a_thread_ends_the_others_with_one_line() -> None:
    def broken() -> None:
        raise ValueError("no memory left\nat all")

    with pytest.raises(RunError, match=r"^2 runs side by side: one of them failed: no memory left$"):
        steps_per_second([broken, lambda: None], CPU, 0.01)


def test_the_command_saves_and_prints_results_and_reports_problems(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resnet_repro.bench.command._ready", lambda device, output: torch.device("cuda"))

    def failing(nets: object, device: object) -> GpuCheck:
        made = GpuCheck(NETS, CPU)
        monkeypatch.setattr(made, "parts", lambda: [Part("start", 0, lambda: made.found["nothing"])])
        return made

    monkeypatch.setattr("resnet_repro.bench.command.GpuCheck", failing)
    outcome = cli("bench", "--gpu-check", "--seconds", "5", "--output", tmp_path, "--json")
    assert outcome.code == 1
    assert outcome.err.endswith("error: --gpu-check: start: KeyError: 'nothing'\n")
    (kept,) = tmp_path.glob("*-check.json")
    assert kept.read_text() == outcome.out
    assert json.loads(outcome.out)["budget_seconds"] == 5
