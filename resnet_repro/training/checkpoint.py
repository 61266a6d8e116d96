"""A checkpoint: everything needed to go on as if never stopped, behind a checksum."""

import hashlib
import io
import math
from pathlib import Path
from typing import Any

import torch

from resnet_repro.errors import RunError
from resnet_repro.files import explained, replacing
from resnet_repro.training.loop import Trainer

MAGIC = b"resnet-repro checkpoint 2\n"  # then the SHA-256 of the rest, then what torch.save wrote
DIGEST = hashlib.sha256().digest_size


def save_checkpoint(path: Path, trainer: Trainer, origin: dict[str, Any]) -> None:
    """Write the checkpoint beside `path` and rename it: whatever happens meanwhile, the one at `path` is whole.

    `origin` is what the run must still have in common when it goes on: its spec and its data, as plain values.
    """
    content = {
        "origin": origin,
        "engine": trainer.engine.state(),
        "trainer": trainer.state(),
    }
    saved = io.BytesIO()
    torch.save(content, saved)
    with replacing(path) as file:
        file.write(MAGIC + hashlib.sha256(saved.getbuffer()).digest())
        file.write(saved.getbuffer())


def load_checkpoint(path: Path, trainer: Trainer, origin: dict[str, Any]) -> None:
    """Put `trainer` where it was. Raises RunError if the file is damaged or has another origin."""
    remedy = "delete it to start this run from its beginning, or use --restart"
    with explained(path):
        content = path.read_bytes()
    digest, saved = content[len(MAGIC) : len(MAGIC) + DIGEST], content[len(MAGIC) + DIGEST :]
    if not content.startswith(MAGIC) or hashlib.sha256(saved).digest() != digest:
        raise RunError(f"{path}: the checkpoint is damaged; {remedy}")
    try:
        state = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
        if not all(isinstance(state[part], dict) for part in ("origin", "engine", "trainer")):
            raise TypeError("a part that is no dictionary")
        if differing := [key for key in origin if state["origin"].get(key) != origin[key]]:
            raise RunError(f"{path}: the checkpoint is of another {' and '.join(differing)}; {remedy}")
        _check_steps(state["trainer"], trainer.steps)
        trainer.engine.restore(state["engine"])
        trainer.restore(state["trainer"])
    except RunError:
        raise
    except Exception:  # behind a right checksum whatever a stranger packed, which torch unpacks without running it
        raise RunError(f"{path}: the checkpoint is damaged; {remedy}") from None


def _check_steps(state: dict[str, Any], steps: int) -> None:
    """What `Trainer.restore` takes as it is. Raises ValueError."""
    counts = [state["row_step"], state["step"], state["warmup_ended"] or 0, state["diverged_at"] or 0]
    if not all(type(count) is int and 0 <= count <= steps for count in counts) or counts[0] > counts[1]:
        raise ValueError("a step that the run has not")
    if type(state["elapsed_seconds"]) is not float or not 0 <= state["elapsed_seconds"] < math.inf:
        raise ValueError("no time")
