"""The options that the runs of one command share."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resnet_repro.spec.own import OwnFile
from resnet_repro.training.distributed import ALONE, Ranks

Jobs = int | Literal["auto"]  # runs side by side on each device
CHECKPOINT_SECONDS = 60.0  # at most so much work is lost when a run is killed


@dataclass(frozen=True)
class TrainOptions:
    """The options of `train`, except the specs and their seeds."""

    results: Path
    data_dir: Path
    device: str = "auto"
    jobs: Jobs = 1
    restart: bool = False
    compiled: bool = False  # compile the units of the nets with torch.compile
    deterministic: bool = False
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    ranks: Ranks = ALONE
    deadline: float = math.inf  # a time.monotonic(); then no run starts, and those that train stop, resumably
    require_graph: bool = False  # fail if the training step cannot be captured in a CUDA graph
    imported: tuple[OwnFile, ...] = ()  # the user's own files, which every process of the command runs
    command: tuple[str, ...] | None = None  # what the runs record as the command; None: that of this process
    cluster: str | None = None  # the address of a Ray cluster on which the runs train; None: on this machine
