"""Mini-batches and random bits on a real GPU are those of the CPU."""

import os

import pytest
import torch
from small_runs import CPU, random_dataset

from resnet_repro.data.batches import TrainingBatches, normalization_of
from resnet_repro.seeding import random_bits

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
GPU = torch.device("cuda")
NUMBERS = not os.environ.get("RESNET_REPRO_NO_NUMBERS")


def test_batches_are_those_of_the_cpu() -> None:
    train = random_dataset().train
    on_cpu, on_gpu = (
        TrainingBatches(train, normalization_of(train, device), 8, 3, "crop_flip", device) for device in (CPU, GPU)
    )
    for step in (0, 5, 6, 19):
        images, labels = on_gpu[step]
        if NUMBERS:
            assert torch.equal(images.cpu(), on_cpu[step].images)
            assert torch.equal(labels.cpu(), on_cpu[step].labels)


@pytest.mark.filterwarnings("ignore")  # torch.compile itself causes warnings
def test_random_bits_are_those_of_the_cpu_also_compiled() -> None:
    seed = torch.tensor(2**61 + 12345)
    for draw in (random_bits, torch.compile(random_bits)):
        bits = draw(seed.to(GPU), 300_001)
        assert bits.shape == (300_001,)
        if NUMBERS:
            assert torch.equal(bits.cpu(), random_bits(seed, 300_001))
