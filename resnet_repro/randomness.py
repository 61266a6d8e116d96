"""The four independent random streams that are drawn from a run's one seed.

Each stream is a pure function of the seed and an index (the epoch, say), never of what was
drawn before it, so a resumed run, another device or another process sees the same numbers.
"""

from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """What the numbers are for. The values are part of every result: never renumber them."""

    INITIALIZATION = 0
    ORDER = 1
    AUGMENTATION = 2
    DROPOUT = 3


def seeds(seed: int, stream: Stream, index: int, count: int) -> list[int]:
    """`count` seeds of torch generators for one (seed, stream, index); equal arguments give equal seeds."""
    states = np.random.SeedSequence((seed, stream, index)).generate_state(count, np.uint64)
    return [int(state) & 0x7FFF_FFFF_FFFF_FFFF for state in states]


def generator(seed: int, stream: Stream, index: int = 0) -> torch.Generator:
    """A CPU generator for one (seed, stream, index); equal arguments give equal draws."""
    return torch.Generator().manual_seed(seeds(seed, stream, index, 1)[0])
