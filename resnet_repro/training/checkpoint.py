"""A checkpoint: everything needed to resume a run exactly, with a checksum."""

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from resnet_repro.errors import RunError
from resnet_repro.files import delete, explained, once_unused, parse_json, read_bytes, replacing
from resnet_repro.training.distributed import ALONE, Ranks
from resnet_repro.training.loop import Trainer

MAGIC = b"resnet-repro checkpoint "
FORMAT = MAGIC + b"5\n"  # then the SHA-256 of the rest, then the output of `packed`
DIGEST = hashlib.sha256().digest_size
LARGEST_TEXTS = 130_000_000  # bytes of a run's text files in a checkpoint
MOST_TEXTS = 3
LONGEST_SECONDS = 1e10  # as in summary.json
# What a checkpoint has beside the tensors, which has to be small: a byte of JSON can become 64 in memory.
LARGEST_PLAIN, LARGEST_TENSOR = 200_000, 400  # bytes: of all plain values; of the name, type and shape of a tensor
HEADER = 8  # bytes of a safetensors file with the length of its header
PLAIN, TENSOR = "plain", "tensor"  # the name of the tensor with the JSON; in it, the key of a tensor's name
REMEDY = "delete it to start this run from its beginning, or use --restart"

log = logging.getLogger(__name__)


class DamagedError(RunError):
    """A checkpoint whose bytes have changed since it was written."""


class _Limits(NamedTuple):
    """The most bytes and tensors that a checkpoint of a run can have."""

    bytes: int
    tensors: int


class Checkpoints(NamedTuple):
    """The last two checkpoints of a run: the newest, and the one before it in case the newest is damaged."""

    newest: Path
    previous: Path

    def save(self, trainer: Trainer, origin: dict[str, Any], recorded: dict[str, bytes]) -> None:
        """Write the newest checkpoint. If the process is killed meanwhile, a whole one remains.

        `origin` is the run's spec and data, which must be the same when it resumes, as plain values. `recorded` has the
        content of its text files so far.
        """
        content = {
            "origin": origin,
            "engine": trainer.engine.state(),
            "trainer": trainer.state(),
            "recorded": {name: _of_bytes(text) for name, text in recorded.items()},
        }
        saved = packed(content)
        with replacing(self.newest, keep=self.previous) as file:
            file.write(FORMAT + hashlib.sha256(saved).digest())
            file.write(saved)

    def load(self, trainer: Trainer, origin: dict[str, Any], ranks: Ranks = ALONE) -> dict[str, bytes]:
        """Restore `trainer` on every rank; only the first rank reads the file. Returns `recorded`.

        Raises RunError if no checkpoint is whole, or if it has another origin.
        """
        path, content = ranks.first(lambda: self._read_the_newest_whole(origin, _limits(trainer)))
        ranks.each(lambda: _restore(trainer, content, path))
        if ranks.is_first and path != self.newest:
            with explained(path):
                once_unused(lambda: path.replace(self.newest))
        return dict(content["recorded"])

    def delete(self) -> None:
        for path in self:
            with explained(path):
                delete(path)

    def _read_the_newest_whole(self, origin: dict[str, Any], limits: _Limits) -> tuple[Path, dict[str, Any]]:
        if not self.newest.exists():  # the process was killed between two renames
            return self.previous, _read(self.previous, origin, limits)
        try:
            return self.newest, _read(self.newest, origin, limits)
        except DamagedError as damage:
            if not self.previous.exists():
                raise
            content = _read(self.previous, origin, limits)
            log.warning("%s; resumes from the one before it", str(damage).removesuffix(f"; {REMEDY}"))
            return self.previous, content


def _read(path: Path, origin: dict[str, Any], limits: _Limits) -> dict[str, Any]:
    written = read_bytes(path, limits.bytes)
    if written.startswith(MAGIC) and not written.startswith(FORMAT) and len(written) > len(FORMAT):
        raise RunError(f"{path}: the checkpoint is of another version of resnet-repro; {REMEDY}")
    digest, saved = written[len(FORMAT) : len(FORMAT) + DIGEST], written[len(FORMAT) + DIGEST :]
    if not written.startswith(FORMAT) or hashlib.sha256(saved).digest() != digest:
        raise DamagedError(f"{path}: the checkpoint is damaged; {REMEDY}")
    try:
        content = unpacked(saved, LARGEST_PLAIN + LARGEST_TENSOR * limits.tensors)
        content["recorded"] = _texts(content["recorded"])
    except Exception:  # a right checksum does not make it ours
        content = None
    parts = {"origin", "engine", "trainer", "recorded"}
    if not isinstance(content, dict) or {name for name, part in content.items() if isinstance(part, dict)} != parts:
        raise RunError(f"{path}: not a resnet-repro checkpoint; {REMEDY}")
    if differing := [key for key in origin if not _same(content["origin"].get(key), origin[key])]:
        raise RunError(f"{path}: the checkpoint is of another {' and '.join(differing)}; {REMEDY}")
    return content


def packed(content: dict[str, Any]) -> bytes:
    """Nested dicts and lists as a safetensors file, which holds no code, and no more values than bytes.

    It has the tensors under their numbers, and one more tensor with all else as JSON, in which {"tensor": "7"} stands
    for tensor 7.
    """
    tensors: dict[str, Tensor] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, Tensor):
            name = str(len(tensors))
            tensors[name] = value.contiguous()
            return {TENSOR: name}
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value

    text = json.dumps(plain(content))
    return save({**tensors, PLAIN: _of_bytes(text.encode())})


def unpacked(saved: bytes, largest: int) -> dict[str, Any]:
    """What was packed, if its JSON and its header have at most `largest` bytes each. Raises any exception."""
    if int.from_bytes(saved[:HEADER], "little") > largest:
        raise ValueError("the header is too large")
    tensors = load(saved)
    if tensors[PLAIN].nbytes > largest:
        raise ValueError("many plain values")

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return tensors[value[TENSOR]] if TENSOR in value else {key: whole(inner) for key, inner in value.items()}
        return [whole(inner) for inner in value] if isinstance(value, list) else value

    content: dict[str, Any] = whole(parse_json(tensors[PLAIN].numpy().tobytes().decode()))
    return content


def _of_bytes(content: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(content, np.uint8).copy())


def _texts(recorded: dict[str, Any]) -> dict[str, bytes]:
    """The content of the text files, from bytes in tensors. Raises ValueError, AttributeError or RuntimeError."""
    if len(recorded) > MOST_TEXTS or sum(text.nbytes for text in recorded.values()) > LARGEST_TEXTS:
        raise ValueError("other text files")
    for text in recorded.values():
        if type(text) is not Tensor or text.dtype != torch.uint8 or text.dim() != 1 or not text.is_contiguous():
            raise ValueError("not the bytes of a text")
    return {name: text.numpy().tobytes() for name, text in recorded.items()}


def _same(found: Any, ours: Any) -> bool:
    """Whether plain values are equal. Anything else, such as a tensor, is not."""
    try:
        return bool(found == ours)
    except Exception:  # a comparison of tensors has no truth value
        return False


def _limits(trainer: Trainer) -> _Limits:
    """The limits of a checkpoint of this run: twice its tensors, and room for its text files."""
    tensors = [*_tensors(trainer.engine.state()), trainer.history]
    return _Limits(2 * sum(tensor.nbytes for tensor in tensors) + LARGEST_TEXTS, 2 * len(tensors) + MOST_TEXTS)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
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
    if type(state["elapsed_seconds"]) is not float or not 0 <= state["elapsed_seconds"] <= LONGEST_SECONDS:
        raise ValueError("not a duration")
