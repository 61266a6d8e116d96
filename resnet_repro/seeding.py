"""The four independent random streams of a run, all from its one seed.

Each stream is a pure function of the seed and an index, such as the epoch, and does not depend on earlier draws. So a
resumed run, another device and another process all get the same numbers.
"""

from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

GAMMA = 0x9E3779B97F4A7C15  # what SplitMix64 adds to its state for each number
INVERSE_GAMMA = 0xF1DE83E19937733D  # modulo 2**64


class Stream(IntEnum):
    """What the random numbers are for. Every result depends on these values: never renumber them."""

    INITIALIZATION = 0
    ORDER = 1
    AUGMENTATION = 2
    DROPOUT = 3


def seeds(seed: int, stream: Stream, index: int, count: int) -> list[int]:
    """`count` seeds for torch generators, a function of (seed, stream, index) alone."""
    states = np.random.SeedSequence((seed, stream, index)).generate_state(count, np.uint64)
    return [int(state) & 0x7FFF_FFFF_FFFF_FFFF for state in states]


def generator(seed: int, stream: Stream, index: int = 0) -> torch.Generator:
    """A CPU generator whose draws are a function of (seed, stream, index) alone."""
    return torch.Generator().manual_seed(seeds(seed, stream, index, 1)[0])


def random_bits(seed: Tensor, count: int) -> Tensor:
    """(count,) uniform int32 on the seed's device, a pure function of `seed`, () int64.

    By SplitMix64 (Steele, Lea and Flood 2014), whose n-th number is a hash of seed + n times a constant. It has no
    state and needs nothing from the host, so a CUDA graph can hold it. It gives the same numbers on a CPU and a GPU,
    which torch's generators do not.
    """
    numbers = torch.arange(1, (count + 1) // 2 + 1, device=seed.device)
    # seed + numbers * GAMMA, written so that torch.compile does not compute it in 32 bits
    z = (seed * _signed(INVERSE_GAMMA) + numbers) * _signed(GAMMA)
    z = (z ^ _shifted(z, 30)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ _shifted(z, 27)) * _signed(0x94D049BB133111EB)
    return (z ^ _shifted(z, 31)).view(torch.int32)[:count]


def _signed(bits: int) -> int:
    """The int64 with the same 64 bits as this unsigned number, which must be at least 2**63."""
    return bits - 2**64


def _shifted(z: Tensor, places: int) -> Tensor:
    """z shifted right and filled with zeros; int64's own shift would repeat the sign bit."""
    return (z >> places) & (2 ** (64 - places) - 1)
