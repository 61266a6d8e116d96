"""The four independent random streams that are drawn from a run's one seed.

Each stream is a pure function of the seed and an index (the epoch, say), never of what was
drawn before it, so a resumed run, another device or another process sees the same numbers.
"""

from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

GAMMA = 0x9E3779B97F4A7C15  # SplitMix64's step from one number to the next
INVERSE_GAMMA = 0xF1DE83E19937733D  # modulo 2**64


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


def random_bits(seed: Tensor, count: int) -> Tensor:
    """(count,) int32, all values equally likely: a pure function of `seed`, () int64, on the seed's device.

    SplitMix64 (Steele, Lea and Flood 2014), whose n-th number is a hash of seed + n times a constant. It needs neither
    a state nor a word from the host, so a CUDA graph can hold it; torch's generators on a CPU and a GPU also differ.
    """
    numbers = torch.arange(1, (count + 1) // 2 + 1, device=seed.device)
    # seed + numbers * GAMMA, in an order that torch.compile does not work out in 32 bits
    z = (seed * _signed(INVERSE_GAMMA) + numbers) * _signed(GAMMA)
    z = (z ^ _shifted(z, 30)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ _shifted(z, 27)) * _signed(0x94D049BB133111EB)
    return (z ^ _shifted(z, 31)).view(torch.int32)[:count]


def _signed(bits: int) -> int:
    """A number of 64 bits as int64 has it, which wraps around."""
    return bits - 2**64


def _shifted(z: Tensor, places: int) -> Tensor:
    """To the right, filled with zeros: int64's own shift repeats the sign."""
    return (z >> places) & (2 ** (64 - places) - 1)
