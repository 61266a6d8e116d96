"""How a rank learns from torchrun's environment variables which one it is, and meets the other ranks."""

import logging
import os
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import torch.distributed as dist

from resnet_repro.errors import RunError

RANK_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE")  # torchrun sets them for every process that it starts
PLACE_VARIABLES = ("MASTER_ADDR", "MASTER_PORT")  # and these, which say where the ranks meet
REMEDY = "start all ranks with torchrun, or unset RANK, LOCAL_RANK and WORLD_SIZE to train in one process"
LATE_SECONDS = 10.0  # then a rank says whom it waits for
MEETING_SECONDS = 300.0  # then it gives up
POLL_SECONDS = 0.1

log = logging.getLogger(__name__)


class Seat(NamedTuple):
    """A rank among `size`, and where they meet."""

    rank: int
    local_rank: int
    size: int
    address: str
    port: int


def read_seat() -> Seat | None:
    """The rank of this process; None if it is alone. Raises RunError if the variables are left over or wrong."""
    if not os.environ.keys() >= set(RANK_VARIABLES) or os.environ["WORLD_SIZE"] == "1":
        return None
    said = ", ".join(f"{name}={os.environ[name]}" for name in RANK_VARIABLES)
    if unset := [name for name in PLACE_VARIABLES if not os.environ.get(name)]:
        raise RunError(f"{said}: {' and '.join(unset)} should be set too; {REMEDY}")
    try:
        rank, local_rank, size, port = (int(os.environ[name]) for name in (*RANK_VARIABLES, "MASTER_PORT"))
    except ValueError:
        rank = local_rank = size = port = -1
    if not (0 <= rank < size and 0 <= local_rank < size and 0 < port < 2**16):
        raise RunError(f"{said}, MASTER_PORT={os.environ['MASTER_PORT']}: is no rank of several; {REMEDY}")
    return Seat(rank, local_rank, size, os.environ["MASTER_ADDR"], port)


def meet(seat: Seat) -> Any:
    """Wait until all ranks are here, and return their `Store`. Raises RunError if one does not come in time."""
    from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]  # which some builds lack

    began = time.monotonic()
    has_said = False

    def wait_for(missing: Callable[[], list[int]]) -> None:
        nonlocal has_said
        while ranks := missing():
            waited = time.monotonic() - began
            whom = f"rank{'s' * (len(ranks) > 1)} {', '.join(map(str, ranks))}"
            if waited > MEETING_SECONDS:
                raise RunError(f"{_said(seat)}: {whom} did not come within {MEETING_SECONDS:.0f} seconds; {REMEDY}")
            if waited > LATE_SECONDS and not has_said:
                log.warning("%s: waits up to %.0f seconds for %s; %s", _said(seat), MEETING_SECONDS, whom, REMEDY)
                has_said = True
            time.sleep(POLL_SECONDS)

    hosts = seat.rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"  # else torchrun does
    if not hosts:
        wait_for(lambda: [] if _is_open(seat) else [0])
    remaining = timedelta(seconds=MEETING_SECONDS)
    try:
        whole = TCPStore(seat.address, seat.port, seat.size, hosts, remaining, wait_for_workers=False)
        store = PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", whole)
        store.set(str(seat.rank), "here")
        wait_for(lambda: [rank for rank in range(seat.size) if not store.check([str(rank)])])
    except dist.DistError as error:
        reason = str(error).partition("\n")[0]
        raise RunError(f"{_said(seat)}: the ranks cannot meet ({reason}); {REMEDY}") from None
    return store


def _said(seat: Seat) -> str:
    return f"rank {seat.rank} of {seat.size} at {seat.address}:{seat.port} (RANK, WORLD_SIZE, MASTER_ADDR)"


def _is_open(seat: Seat) -> bool:
    try:
        socket.create_connection((seat.address, seat.port), timeout=5).close()
    except OSError:
        return False
    return True
