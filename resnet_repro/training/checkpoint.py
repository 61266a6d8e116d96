"""A checkpoint: everything needed to resume a run exactly, with a checksum."""

import hashlib
import io
import logging
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from resnet_repro.errors import RunError
from resnet_repro.files import explained, read_bytes, replacing
from resnet_repro.training.distributed import ALONE, Ranks
from resnet_repro.training.loop import Trainer

MAGIC = b"resnet-repro checkpoint "
FORMAT = MAGIC + b"3\n"  # then the SHA-256 of the rest, then the output of torch.save
DIGEST = hashlib.sha256().digest_size
LARGEST_TEXTS = 300_000_000  # bytes of a run's metrics and probes in a checkpoint
REMEDY = "delete it to start this run from its beginning, or use --restart"

log = logging.getLogger(__name__)


class DamagedError(RunError):
    """A checkpoint whose bytes have changed since it was written."""


class Checkpoints(NamedTuple):
    """The last two checkpoints of a run: the newest, and the one before it in case the newest is damaged."""

    newest: Path
    previous: Path

    def save(self, trainer: Trainer, origin: dict[str, Any], recorded: dict[str, Any]) -> None:
        """Write the newest checkpoint. If the process is killed meanwhile, a whole one remains.

        `origin` is the run's spec and data, which must be the same when it resumes. `recorded` is the content of its
        text files so far. Both are plain values.
        """
        content = {
            "origin": origin,
            "engine": trainer.engine.state(),
            "trainer": trainer.state(),
            "recorded": recorded,
        }
        saved = io.BytesIO()
        torch.save(content, saved)
        with replacing(self.newest, keep=self.previous) as file:
            file.write(FORMAT + hashlib.sha256(saved.getbuffer()).digest())
            file.write(saved.getbuffer())

    def load(self, trainer: Trainer, origin: dict[str, Any], ranks: Ranks = ALONE) -> dict[str, Any]:
        """Restore `trainer` on every rank; only the first rank reads the file. Returns `recorded`.

        Raises RunError if no checkpoint is whole, or if it has another origin.
        """
        path, content = ranks.first(lambda: self._read_the_newest_whole(origin, _largest(trainer)))
        ranks.each(lambda: _restore(trainer, content, path))
        if ranks.is_first and path != self.newest:
            with explained(path):
                path.replace(self.newest)
        return dict(content["recorded"])

    def delete(self) -> None:
        for path in self:
            with explained(path):
                path.unlink(missing_ok=True)

    def _read_the_newest_whole(self, origin: dict[str, Any], largest: int) -> tuple[Path, dict[str, Any]]:
        if not self.newest.exists():  # the process was killed between two renames
            return self.previous, _read(self.previous, origin, largest)
        try:
            return self.newest, _read(self.newest, origin, largest)
        except DamagedError as damage:
            if not self.previous.exists():
                raise
            content = _read(self.previous, origin, largest)
            log.warning("%s; resumes from the one before it", str(damage).removesuffix(f"; {REMEDY}"))
            return self.previous, content


def _read(path: Path, origin: dict[str, Any], largest: int) -> dict[str, Any]:
    written = read_bytes(path, largest)
    if written.startswith(MAGIC) and not written.startswith(FORMAT) and len(written) > len(FORMAT):
        raise RunError(f"{path}: the checkpoint is of another version of resnet-repro; {REMEDY}")
    digest, saved = written[len(FORMAT) : len(FORMAT) + DIGEST], written[len(FORMAT) + DIGEST :]
    if not written.startswith(FORMAT) or hashlib.sha256(saved).digest() != digest:
        raise DamagedError(f"{path}: the checkpoint is damaged; {REMEDY}")
    try:
        _check_stored(saved)
        content = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
    except Exception:  # a right checksum does not make it ours; torch loads it without running code
        content = None
    parts = {"origin", "engine", "trainer", "recorded"}
    if not isinstance(content, dict) or {name for name, part in content.items() if isinstance(part, dict)} != parts:
        raise RunError(f"{path}: not a resnet-repro checkpoint; {REMEDY}")
    if differing := [key for key in origin if content["origin"].get(key) != origin[key]]:
        raise RunError(f"{path}: the checkpoint is of another {' and '.join(differing)}; {REMEDY}")
    return content


def _check_stored(saved: bytes) -> None:
    """Check that nothing in the archive is compressed, as torch.save never does it and a few bytes can become many.

    Raises ValueError or BadZipFile.
    """
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("compressed")


def _largest(trainer: Trainer) -> int:
    """Bytes that a checkpoint of this run can have: twice its tensors, and room for its text files."""
    tensors = [*_tensors(trainer.engine.state()), trainer.history]
    return 2 * sum(tensor.nbytes for tensor in tensors) + LARGEST_TEXTS


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _tensors(inner)


def _restore(trainer: Trainer, content: dict[str, Any], path: Path) -> None:
    try:
        _check_progress(content["trainer"], trainer.steps)
        trainer.engine.restore(content["engine"])
        trainer.restore(content["trainer"])
    except Exception:  # a right checksum does not make it ours
        raise RunError(f"{path}: the checkpoint does not fit this net; {REMEDY}") from None


def _check_progress(state: dict[str, Any], steps: int) -> None:
    """Check the values that `Trainer.restore` trusts. Raises ValueError."""
    counts = [state["row_step"], state["step"], state["warmup_ended"] or 0, state["diverged_at"] or 0]
    if not all(type(count) is int and 0 <= count <= steps for count in counts) or counts[0] > counts[1]:
        raise ValueError("not a step of the run")
    if type(state["elapsed_seconds"]) is not float or not 0 <= state["elapsed_seconds"] < math.inf:
        raise ValueError("not a duration")
