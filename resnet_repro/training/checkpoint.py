"""A checkpoint: everything needed to go on as if never stopped, behind a checksum."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from resnet_repro.errors import RunError
from resnet_repro.files import explained, replacing
from resnet_repro.training.distributed import ALONE, Ranks
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


def load_checkpoint(path: Path, trainer: Trainer, origin: dict[str, Any], ranks: Ranks = ALONE) -> None:
    """Put `trainer` where it was, on every rank, though only the first reads the file. Raises RunError as `_read`."""
    state = ranks.first(lambda: _read(path, origin))
    trainer.engine.restore(state["engine"])
    trainer.restore(state["trainer"])


def _read(path: Path, origin: dict[str, Any]) -> dict[str, Any]:
    """What was saved. Raises RunError if the file is damaged or has another origin."""
    remedy = "delete it to start this run from its beginning, or use --restart"
    with explained(path):
        content = path.read_bytes()
    digest, saved = content[len(MAGIC) : len(MAGIC) + DIGEST], content[len(MAGIC) + DIGEST :]
    if not content.startswith(MAGIC) or hashlib.sha256(saved).digest() != digest:
        raise RunError(f"{path}: the checkpoint is damaged; {remedy}")
    state = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
    if differing := [key for key in origin if state["origin"].get(key) != origin[key]]:
        raise RunError(f"{path}: the checkpoint is of another {' and '.join(differing)}; {remedy}")
    return dict(state)
