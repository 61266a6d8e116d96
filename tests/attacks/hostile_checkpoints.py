"""Makes checkpoints with a right checksum and hostile content."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from attacked import UNFINISHED, Prepare

from resnet_repro.training.checkpoint import DIGEST, FORMAT

BOMB = 6_000_000  # bytes of a pickle, each of which becomes 64 in memory


def holding(saved: Callable[[bytes], bytes]) -> Prepare:
    """Exchange what torch saved in the checkpoint of the unfinished run."""

    def prepare(project: Path, outside: Path) -> None:
        path = project / "results" / UNFINISHED / "checkpoint.pt"
        content = saved(path.read_bytes()[len(FORMAT) + DIGEST :])
        path.write_bytes(FORMAT + hashlib.sha256(content).digest() + content)

    return prepare


def with_part(value: Any, *keys: str) -> Prepare:
    """Exchange one value; `value` may be a function of the one before."""

    def changed(saved: bytes) -> bytes:
        whole: Any = torch.load(io.BytesIO(saved), weights_only=True)
        part = whole
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = value(part[keys[-1]]) if callable(value) else value
        buffer = io.BytesIO()
        torch.save(whole, buffer)
        return buffer.getvalue()

    return holding(changed)


def text(content: str) -> torch.Tensor:
    return torch.tensor(list(content.encode("utf-8", "surrogatepass")), dtype=torch.uint8)


def bomb(opcode: bytes) -> Prepare:
    """A pickle of so many empty objects."""

    def archive(_saved: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as made:
            made.writestr("archive/data.pkl", b"\x80\x02" + opcode * BOMB + b".")
            made.writestr("archive/version", "3\n")
        return buffer.getvalue()

    return holding(archive)


def crowded(saved: bytes) -> bytes:
    """An archive whose directory has the first entry half a million times."""
    first, end = saved.index(b"PK\x01\x02"), saved.rindex(b"PK\x05\x06")
    entry = saved[first : saved.index(b"PK\x01\x02", first + 4)]
    count, size = 500_000, 500_000 * len(entry)
    zip64 = b"PK\x06\x06" + (44).to_bytes(8, "little") + b"\x2d\0\x2d\0" + bytes(8) + count.to_bytes(8, "little") * 2
    zip64 += size.to_bytes(8, "little") + first.to_bytes(8, "little")
    locator = b"PK\x06\x07" + bytes(4) + (first + size).to_bytes(8, "little") + b"\1\0\0\0"
    return saved[:first] + entry * count + zip64 + locator + saved[end : end + 8] + b"\xff" * 12 + b"\0\0"


PAIR = torch.tensor([1, 2])  # whose comparisons have no truth value
ATTACKS: dict[str, Prepare] = {
    "origin": with_part(PAIR, "origin", "spec", "name"),
    "environment": with_part(PAIR, "recorded", "environment.json"),
    "nested environment": with_part(text("[" * 5000), "recorded", "environment.json"),
    "lone surrogate": with_part(text('{"device_name": "\ud800"}'), "recorded", "environment.json"),
    "environment of another kind": with_part(text('{"resumed": 5}'), "recorded", "environment.json"),
    "rows": with_part(text("x,y\n1,2\n"), "recorded", "metrics.csv"),
    "endless text": with_part(torch.zeros(1, dtype=torch.uint8).expand(10**12), "recorded", "probes.csv"),
    "text on no device": with_part(torch.zeros(9, dtype=torch.uint8, device="meta"), "recorded", "probes.csv"),
    "sparse text": with_part(lambda text: text.to_sparse(), "recorded", "probes.csv"),
    "endless history": with_part(torch.zeros(1).expand(2, 10**12), "trainer", "history"),
    "seconds": with_part(1e308, "trainer", "elapsed_seconds"),
    "dicts": bomb(b"}"),
    "marks": bomb(b"("),
    "entries": holding(crowded),
}
