"""One run over several processes, the ranks that torchrun starts: how they share work and stay in sync."""

import importlib
import logging
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from resnet_repro.errors import DismissedError, LostRankError, ReproError, RunError
from resnet_repro.text_tables import counted
from resnet_repro.training.device import resolve_device
from resnet_repro.training.meeting import meet, read_seat

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """The ranks of a run, as one of them sees them. Each trains on its share of every mini-batch.

    Only the first rank writes files and messages. Usually there is one process, and then these methods cost nothing.
    All ranks must make the same calls in the same order; each call waits for the other ranks.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0  # among the ranks on this machine

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """This rank's consecutive rows of (B, ...), (B / count, ...)."""
        return rows.chunk(self.count)[self.rank]

    def sum(self, values: Tensor) -> Tensor:
        """The sum over the ranks, in place."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def average(self, vectors: list[Tensor]) -> None:
        """Replace float vectors in place by their means over the ranks, in one message."""
        if self.count == 1 or not vectors:
            return
        means = self.sum(torch.cat(vectors)) / self.count
        torch._foreach_copy_(vectors, means.split([len(vector) for vector in vectors]))

    def any(self, *flags: bool) -> list[bool]:
        """The logical OR of each flag over the ranks, computed on the host, so without waiting for a GPU."""
        if self.count == 1:
            return list(flags)
        return [bool(count) for count in self.sum(torch.tensor(flags, dtype=torch.int64))]

    def each(self, action: Callable[[], T]) -> T:
        """Call `action` on every rank and return its result.

        If it raises ReproError on some ranks, the first of these raises it again and all others raise DismissedError.
        """
        if self.count == 1:
            return action()
        failure: ReproError | None = None
        try:
            value = action()
        except ReproError as error:
            failure = error
        failed = torch.zeros(self.count)
        failed[self.rank] = failure is not None
        if self.sum(failed).any():
            raise failure if failure and not failed[: self.rank].any() else DismissedError
        return value

    def first(self, action: Callable[[], T]) -> T:
        """Call `action` on the first rank, and return its result, which must be picklable, on every rank."""
        if self.count == 1:
            return action()
        result = [self.each(action if self.is_first else lambda: None)]
        dist.broadcast_object_list(result)
        return result[0]  # type: ignore[return-value]  # no longer None

    def parallel(self, net: nn.Module) -> nn.Module:
        """The net wrapped so that its gradients are means over the ranks."""
        if self.count == 1:
            return net
        parallel = nn.parallel.DistributedDataParallel(net, gradient_as_bucket_view=True)
        # BN's statistics are averaged instead. DistributedDataParallel's argument of this name is deprecated.
        parallel.broadcast_buffers = False
        return parallel

    def device(self, name: str) -> torch.device:
        """The device that --device names for this rank: a GPU of its own, or the shared CPU. Raises RunError."""
        if self.count == 1:
            return resolve_device(name)
        if name == "auto" and not torch.cuda.is_available():
            return torch.device("cpu")
        device = resolve_device(name)
        if device.type == "mps" or device.index is not None:
            raise RunError(f"--device {name}: several ranks take a GPU each, or the CPU; choose auto, cuda or cpu")
        if device.type == "cuda":
            if self.local_rank >= (there := torch.cuda.device_count()):
                gpus = counted(there, "GPU")
                raise RunError(f"rank {self.rank}: this machine has {gpus}; start no more ranks on it than that")
            device = torch.device("cuda", self.local_rank)
            torch.cuda.set_device(device)
        return device


ALONE = Ranks()


@contextmanager
def joined_ranks(device: str) -> Iterator[Ranks]:
    """Join the other ranks if torchrun started this process, and leave them at the end. `device` is that of --device.

    Raises RunError if the ranks do not meet, and LostRankError as soon as a call inside finds that one has stopped.
    """
    if not (seat := read_seat()):
        yield ALONE
        return
    ranks = Ranks(seat.rank, seat.size, seat.local_rank)
    on_gpus = device != "cpu" and torch.cuda.is_available() and dist.is_nccl_available()
    lost = False
    # If imported later, its default arguments would hold the group, whose threads may then crash at exit.
    importlib.import_module("torch.distributed.nn")
    store = meet(seat)
    if not ranks.is_first:
        logging.getLogger("resnet_repro").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, end_unless_lost)
    try:
        backend = "cpu:gloo,cuda:nccl" if on_gpus else "gloo"
        dist.init_process_group(backend, store=store, rank=seat.rank, world_size=seat.size)
        yield ranks
    except BaseException as error:
        # The error keeps the net alive. If the net freed the group, it would do so holding Python's lock, and wait for
        # a thread of the group that may wait for this lock. So the net goes first.
        traceback.clear_frames(error.__traceback__)
        if not (lost := _is_lost_rank(error)):
            raise
        raise LostRankError(
            f"rank {ranks.rank}: another rank has stopped; run the same command to resume from the last checkpoint"
        ) from None
    finally:
        if not (lost and on_gpus):  # NCCL might wait for the lost rank until torchrun kills this one
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun sends it as soon as one rank has exited
            if dist.is_initialized():
                dist.destroy_process_group()


def end_unless_lost(number: int, frame: FrameType | None) -> None:
    """Handle SIGTERM as usual, but not on the way out after another rank was lost.

    Torchrun sends it as soon as one rank has exited, perhaps before this one has said why it ends too.
    """
    if not _is_lost_rank(sys.exc_info()[1]):
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _is_lost_rank(error: BaseException | None) -> bool:
    """Whether a collective operation failed, not our own code; gloo's errors have no type of their own."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))
