"""One copy of the data on a device, and one normalisation, for all runs of a process."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from resnet_repro.data.batches import EvaluationBatches, TrainingBatches, shared_normalization
from resnet_repro.data.dataset import Split
from resnet_repro.data.resident import made_once, resident

CPU = torch.device("cpu")


def split_of(count: int) -> Split:
    pixels = np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    return Split(pixels, np.arange(count))


def test_batches_of_several_runs_look_at_the_same_memory() -> None:
    split = split_of(12)
    normalization = shared_normalization(split, CPU)
    assert shared_normalization(split, CPU) is normalization
    assert shared_normalization(split_of(12), CPU) is not normalization
    runs = [TrainingBatches(split, normalization, 4, seed, "crop_flip", CPU) for seed in range(2)]
    tests = EvaluationBatches(split, normalization, CPU, limit=5)
    addresses = {batches.images.data_ptr() for batches in (*runs, tests)}
    assert addresses == {resident(split, CPU).images.data_ptr()}


def test_what_many_threads_ask_for_at_once_is_made_once_and_goes_with_the_split() -> None:
    made = []
    together = threading.Barrier(4)

    @made_once
    def make(split: Split, device: torch.device) -> object:
        made.append(device)
        return object()

    def ask(split: Split) -> object:
        together.wait(60)
        return make(split, CPU)

    split = split_of(1)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, [split] * 4))
    assert len(set(map(id, answers))) == len(made) == 1
    assert make.__closure__ is not None
    kept = next(cell.cell_contents for cell in make.__closure__ if hasattr(cell.cell_contents, "keyrefs"))
    assert len(kept) == 1
    del split
    gc.collect()
    assert len(kept) == 0
