"""One run over several processes, the ranks that torchrun starts: what each does, and how they stay of one mind."""

import importlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from resnet_repro.errors import DismissedError, ReproError, RunError
from resnet_repro.training.device import resolve_device

TORCHRUN = {"RANK", "LOCAL_RANK", "WORLD_SIZE"}  # variables that it gives to every process

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """The processes that train a run together, each on its share of every mini-batch, seen from one of them.

    The first records and speaks. One process alone is the usual case, in which nothing here costs anything. All ranks
    must make the same calls in the same order; each waits for the others.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0  # among those of this machine

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """This rank's part of (B, ...): consecutive rows, (B / count, ...)"""
        return rows.chunk(self.count)[self.rank]

    def sum(self, values: Tensor) -> Tensor:
        """The sum over the ranks, in place."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def average(self, vectors: list[Tensor]) -> None:
        """Replace float vectors by their means over the ranks, all in one message."""
        if self.count == 1 or not vectors:
            return
        means = self.sum(torch.cat(vectors)) / self.count
        for vector, mean in zip(vectors, means.split([len(vector) for vector in vectors]), strict=True):
            vector.copy_(mean)

    def any(self, *wishes: bool) -> list[bool]:
        """Which of the wishes some rank has. The messages stay on the host: no GPU is waited for."""
        if self.count == 1:
            return list(wishes)
        return [bool(count) for count in self.sum(torch.tensor(wishes, dtype=torch.int64))]

    def each(self, action: Callable[[], T]) -> T:
        """Do it on every rank. If that fails, the first rank that failed says why and all leave."""
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
        """Do it on the first rank alone, and give every rank what came of it, which must be picklable."""
        if self.count == 1:
            return action()
        result = [self.each(action if self.is_first else lambda: None)]
        dist.broadcast_object_list(result)
        return result[0]  # type: ignore[return-value]  # no longer None

    def parallel(self, net: nn.Module) -> nn.Module:
        """The net as it is trained: its gradients are the means over the ranks."""
        if self.count == 1:
            return net
        parallel = nn.parallel.DistributedDataParallel(net, gradient_as_bucket_view=True)
        parallel.broadcast_buffers = False  # BN's statistics are averaged instead; as an argument it is deprecated
        return parallel

    def device(self, name: str) -> torch.device:
        """What --device means to this rank: one GPU each, or the CPU that all share. Raises RunError."""
        if self.count == 1:
            return resolve_device(name)
        if name == "auto" and not torch.cuda.is_available():
            return torch.device("cpu")
        device = resolve_device(name)
        if device.type == "mps" or device.index is not None:
            raise RunError(f"--device {name}: several ranks take a GPU each, or the CPU; choose auto, cuda or cpu")
        if device.type == "cuda":
            if self.local_rank >= (there := torch.cuda.device_count()):
                raise RunError(f"rank {self.rank}: this machine has {there} GPUs; start no more ranks on it than that")
            device = torch.device("cuda", self.local_rank)
            torch.cuda.set_device(device)
        return device


ALONE = Ranks()


@contextmanager
def joined_ranks(device: str) -> Iterator[Ranks]:
    """Meet the other ranks if torchrun started this process, and part at the end. `device` is what --device says.

    Raises RunError, whatever is being done, as soon as another rank is found to be gone.
    """
    if not os.environ.keys() >= TORCHRUN or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    ranks = Ranks(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
    if not ranks.is_first:
        logging.getLogger("resnet_repro").setLevel(logging.CRITICAL)
    on_gpus = device != "cpu" and torch.cuda.is_available() and dist.is_nccl_available()
    lost = False
    # Imported later, its default arguments would keep the group, whose threads then may crash the exit of the program.
    importlib.import_module("torch.distributed.nn")
    try:
        dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo")
        yield ranks
    except RuntimeError as error:
        if not (lost := _is_lost_rank(error)):
            raise
        raise RunError(
            f"rank {ranks.rank}: another rank has stopped; the same command goes on from the last checkpoint"
        ) from None
    finally:
        if not (lost and on_gpus):  # NCCL might wait for the lost one, until torchrun ends it
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which torchrun sends as soon as one rank has left
            if dist.is_initialized():
                dist.destroy_process_group()


def _is_lost_rank(error: RuntimeError) -> bool:
    """Whether a collective failed, as opposed to a bug of ours: gloo's own errors have no type."""
    return isinstance(error, dist.DistError) or "gloo" in str(error)
