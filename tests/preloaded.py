"""What `fork_server` imports before it forks: what the commands need, which takes seconds."""

import gc

import torch._dynamo  # activation checkpointing imports it when it is first used: memory that would count as the net's

import resnet_repro.bench.parallel
import resnet_repro.launch.worker
import resnet_repro.runner.train

__all__ = ["resnet_repro", "torch"]

gc.freeze()  # else a collection in a child looks through all of torch, and copies its memory
