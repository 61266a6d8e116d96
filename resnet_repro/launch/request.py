"""What a `train` command asks, but for the runs."""

import math
from dataclasses import dataclass
from pathlib import Path

from resnet_repro.launch.slots import Jobs
from resnet_repro.record.folder import RunFolder
from resnet_repro.runner.train import CHECKPOINT_SECONDS, Session
from resnet_repro.spec import Experiment
from resnet_repro.training.device import make_deterministic
from resnet_repro.training.distributed import ALONE, Ranks


@dataclass(frozen=True)
class Request:
    """The options of `train`."""

    results: Path
    data_dir: Path
    device: str
    jobs: Jobs = 1
    restart: bool = False
    compiled: bool = False  # torch.compile works on the units of the nets
    deterministic: bool = False
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    ranks: Ranks = ALONE
    deadline: float = math.inf  # of time.monotonic(): no run starts after it, and those that train stop, resumably
    require_graph: bool = False

    def folder(self, experiment: Experiment) -> RunFolder:
        return RunFolder(self.results, experiment)

    def session(self, device: str | None = None) -> Session:
        """For this process, on the device asked for or on another."""
        if self.deterministic:
            make_deterministic()
        resolved = self.ranks.each(lambda: self.ranks.device(device or self.device))
        return Session(self.results, self.data_dir, resolved, self.compiled, self.checkpoint_seconds, self.ranks,
                       self.deadline, self.require_graph)  # fmt: skip
