"""Training beside busy processes: which ways are compared, and how their processes are started."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import pytest

from resnet_repro.bench import scaling, sharing
from resnet_repro.spec import DataSpec, Experiment, ModelSpec, TrainingSpec
from resnet_repro.training.threads import SPINS

EXPERIMENT = Experiment(
    name="tiny",
    model=ModelSpec(depth=8, width=2),
    data=DataSpec(dataset="synthetic", train_images=16, test_images=1),
    training=TrainingSpec(batch_size=8, precision="fp32"),
)


def test_three_ways_to_train_take_turns_beside_each_number_of_busy_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, int, str | None]] = []
    busy = []

    @contextmanager
    def in_a_thread(target: Callable[..., None], *arguments: object) -> Iterator[Connection]:
        ours, theirs = multiprocessing.Pipe()
        if target is sharing._train:
            started.append(("train", int(str(arguments[1])), os.environ.get(SPINS)))
            threading.Thread(target=_until_closed, args=(target, theirs, *arguments), daemon=True).start()
        else:
            busy.append(target)
        with ours:
            yield ours

    monkeypatch.setattr(sharing, "_process", in_a_thread)
    monkeypatch.setattr(sharing, "usable_cores", lambda: 2)
    monkeypatch.setattr("torch.set_num_threads", lambda threads: None)
    monkeypatch.setenv(SPINS, "77")
    speeds = sharing.shared_speeds(EXPERIMENT, (0, 2), seconds=0.2)
    assert started == [("train", 2, None), ("train", 2, "77"), ("train", 1, "77"), ("train", 1, "77")]
    assert busy == [sharing._be_busy] * 2
    assert os.environ[SPINS] == "77"
    assert list(speeds) == [0, 2]
    assert all(speed[way] > 0 for speed in speeds.values() for way in ("long waits", "short waits", "side by side"))


def _until_closed(target: Callable[..., None], pipe: Connection, *arguments: object) -> None:
    try:
        target(pipe, *arguments)
    except (EOFError, OSError):
        pipe.close()


def test_the_rows_compare_each_way_with_one_run_of_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "usable_cores", lambda: 2)
    measured = {0: {"long waits": 100.0, "short waits": 90.0, "side by side": 120.0},
                1: {"long waits": 20.0, "short waits": 60.0, "side by side": 70.0}}  # fmt: skip
    rows = [(row["curve"], row["value"], row["relative_speed"]) for row in scaling._beside_busy(measured)]
    assert rows == [
        ("short waits of threads, on a quiet machine", 0, 1.0),
        ("short waits of threads, on a quiet machine", 1, 0.9),
        ("short waits of threads, beside 1 busy neighbour", 0, 1.0),
        ("short waits of threads, beside 1 busy neighbour", 1, 3.0),
        ("runs side by side, on a quiet machine", 1, 1.0),
        ("runs side by side, on a quiet machine", 2, 1.2),
        ("runs side by side, beside 1 busy neighbour", 1, 1.0),
        ("runs side by side, beside 1 busy neighbour", 2, 3.5),
    ]
