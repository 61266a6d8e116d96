"""The slots for runs side by side: how many, on which devices, with how many threads."""

from pathlib import Path

import pytest
import torch

from resnet_repro.errors import RunError
from resnet_repro.launch.slots import Slot, available_memory, find_devices, plan_slots, say_slots
from resnet_repro.training.device import usable_cores

CPU = ["cpu"]
GPUS = ["cuda:0", "cuda:1", "cuda:2"]
GB = 10**9


@pytest.mark.parametrize(
    ("runs", "cores", "memory", "side_by_side", "threads"),
    [
        (10, 2, 64 * GB, 2, 1),
        (100, 16, 64 * GB, 16, 1),
        (3, 16, 64 * GB, 3, 5),  # fewer runs than cores
        (1, 16, 64 * GB, 1, 16),
        (10, 16, 8 * GB, 5, 3),  # 1.5 GB each
        (10, 16, 0, 1, 16),
        (100, 16, None, 16, 1),  # unknown memory is no limit
        (10, 1, 64 * GB, 1, 1),
    ],
)
def test_auto_on_the_cpu_is_a_run_for_each_core_that_memory_allows(
    runs: int, cores: int, memory: int | None, side_by_side: int, threads: int
) -> None:
    assert plan_slots(runs, "auto", CPU, cores, memory) == [Slot("cpu", threads)] * side_by_side


@pytest.mark.parametrize(("runs", "most"), [(100, 16), (9, 9), (1, 1)])
def test_auto_on_a_gpu_is_at_most_16_slots(runs: int, most: int) -> None:
    assert plan_slots(runs, "auto", GPUS[:1], 16, None) == [Slot("cuda:0", 16 // most, shared=True)] * most


def test_auto_on_another_kind_of_device_is_one_run() -> None:
    assert plan_slots(5, "auto", ["mps"], 8, None) == [Slot("mps", 8)]


def test_every_device_gets_a_run_before_any_gets_two() -> None:
    slots = plan_slots(100, 2, GPUS, 12, None)
    assert [slot.device for slot in slots] == ["cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1", "cuda:2"]
    assert {slot.threads for slot in slots} == {2}
    assert [slot.device for slot in plan_slots(2, 4, GPUS[:2], 12, None)] == ["cuda:0", "cuda:1"]


def test_only_the_runs_of_a_gpu_share_a_process() -> None:
    assert all(slot.shared for slot in plan_slots(4, 2, GPUS[:2], 12, None))
    assert not any(slot.shared for slot in plan_slots(4, 2, CPU, 12, None))


def test_the_threads_for_a_number_of_jobs_do_not_depend_on_the_runs_left() -> None:
    assert plan_slots(9, 3, CPU, 12, None) == [Slot("cpu", 4)] * 3
    assert plan_slots(1, 3, CPU, 12, None) == [Slot("cpu", 4)]
    assert plan_slots(9, 5, CPU, 2, None) == [Slot("cpu", 1)] * 5


def test_slots_in_words() -> None:
    assert say_slots([Slot("cpu", 2)]) == "one after another on cpu, 2 CPU threads each"
    assert say_slots([Slot("cpu", 1)] * 2) == "2 side by side (2 on cpu), 1 CPU thread each"
    slots = [Slot("cuda:0", 4), Slot("cuda:1", 4), Slot("cuda:0", 4)]
    words = "3 side by side (2 on cuda:0, 1 on cuda:1), 4 CPU threads each"
    assert say_slots(slots) == words
    assert say_slots(slots, measured=True) == f"as many as train fastest, at most {words}"


def test_auto_and_cuda_are_all_gpus_and_a_named_device_is_only_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_devices("auto") == find_devices("cuda") == ["cuda:0", "cuda:1"]
    assert find_devices("cuda:1") == ["cuda:1"]
    assert find_devices("cpu") == CPU
    with pytest.raises(RunError, match="--device gpu: is not a device"):
        find_devices("gpu")


def test_cores_are_those_that_torch_would_use() -> None:
    assert usable_cores() == 1  # as the tests set it


def test_available_memory_is_read_on_linux_and_guessed_elsewhere(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  9 kB\nMemFree:  1 kB\nMemAvailable:  2048 kB\n")
    assert available_memory(meminfo) == 2048 * 1024
    meminfo.write_text("nonsense")
    guessed = available_memory(meminfo)
    assert guessed is None or guessed > 10**8
