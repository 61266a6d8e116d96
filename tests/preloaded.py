"""What `fork_server` imports before it forks: what the commands need, which takes seconds."""

import gc
import os

import torch._dynamo  # activation checkpointing imports it when it is first used: memory that would count as the net's

import resnet_repro.bench.parallel
import resnet_repro.launch.worker
import resnet_repro.runner.train

__all__ = ["check", "resnet_repro", "torch"]

IMPORTED_BY = os.getpid()

gc.freeze()  # else a collection in a child looks through all of torch, and copies its memory


def check() -> None:
    """End this process with an error if its parent has not imported this module."""
    if os.getppid() != IMPORTED_BY:
        os._exit(1)
