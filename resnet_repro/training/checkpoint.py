"""A checkpoint: everything needed to go on as if never stopped."""

import pickle
from pathlib import Path
from typing import Any

import torch

from resnet_repro.errors import RunError
from resnet_repro.files import replacing
from resnet_repro.training.loop import Trainer


def save_checkpoint(path: Path, trainer: Trainer, spec: dict[str, Any]) -> None:
    """Write beside, flush, rename: whatever happens meanwhile, the checkpoint at `path` is whole."""
    content = {
        "spec": spec,
        "net": trainer.engine.net.state_dict(),
        "optimizer": trainer.engine.optimizer.state_dict(),
        "trainer": trainer.state(),
    }
    with replacing(path) as file:
        torch.save(content, file)


def load_checkpoint(path: Path, trainer: Trainer, spec: dict[str, Any]) -> None:
    """Put `trainer` where it was. Raises RunError if the file is damaged or belongs to another spec."""
    remedy = "delete it to start this run from its beginning, or use --restart"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        theirs = content["spec"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise RunError(f"{path}: the checkpoint is damaged ({type(error).__name__}); {remedy}") from None
    if theirs != spec:
        raise RunError(f"{path}: the checkpoint is of another spec; {remedy}")
    trainer.engine.net.load_state_dict(content["net"])
    trainer.engine.optimizer.load_state_dict(content["optimizer"])
    trainer.restore(content["trainer"])
