"""How long a thread of OpenMP that waits for another one keeps its core busy before it sleeps."""

import os

POLICY, SPINS = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"  # read when torch loads; SPINS by GNU's OpenMP, torch's on Linux
BRIEFLY = "10000"  # tens of microseconds; GNU's default is 300,000


def shorten_waits() -> None:
    """Have waiting threads sleep soon, unless the user has said how they wait.

    Linux shares a core among sessions first, and among the threads of a session then. Beside a busy process of another
    session, a thread that spins uses up the time of the thread that it waits for.
    """
    if POLICY not in os.environ:
        os.environ.setdefault(SPINS, BRIEFLY)
