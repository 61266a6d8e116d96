"""Makes checkpoints with a right checksum and hostile content."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from attacked import UNFINISHED, Prepare
from safetensors.torch import load, save

from resnet_repro.training.checkpoint import DIGEST, FORMAT, PLAIN, packed, unpacked

BOMB = 6_000_000  # bytes of a text, each of which becomes 60 in memory
HUGE = 10**12  # values


def holding(saved: Callable[[bytes], bytes]) -> Prepare:
    """Exchange what the checkpoint of the unfinished run holds."""

    def prepare(project: Path, outside: Path) -> None:
        path = project / "results" / UNFINISHED / "checkpoint.pt"
        content = saved(path.read_bytes()[len(FORMAT) + DIGEST :])
        path.write_bytes(FORMAT + hashlib.sha256(content).digest() + content)

    return prepare


def with_part(value: Any, *keys: str) -> Prepare:
    """Exchange one value; `value` may be a function of the one before."""

    def changed(saved: bytes) -> bytes:
        whole: Any = unpacked(saved, len(saved))
        part = whole
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = value(part[keys[-1]]) if callable(value) else value
        return packed(whole)

    return holding(changed)


def text(content: str) -> torch.Tensor:
    return torch.tensor(list(content.encode("utf-8", "surrogatepass")), dtype=torch.uint8)


def with_plain(content: bytes) -> Prepare:
    """Exchange the JSON."""
    return holding(lambda saved: save({**load(saved), PLAIN: torch.frombuffer(bytearray(content), dtype=torch.uint8)}))


def with_header(change: Callable[[dict[str, Any]], object], length: int | None = None) -> Prepare:
    """Change the names, types, shapes and places of the tensors, and what the file says of the header's length."""

    def changed(saved: bytes) -> bytes:
        end = 8 + int.from_bytes(saved[:8], "little")
        header: dict[str, Any] = json.loads(saved[8:end])
        change(header)
        written = json.dumps(header).encode()
        return (len(written) if length is None else length).to_bytes(8, "little") + written + saved[end:]

    return holding(changed)


def pickled(saved: bytes) -> bytes:
    """The output of torch.save, which earlier versions read: a text that its pickle makes long."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("archive/data.pkl", b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.")
        made.writestr("archive/version", "3\n")
    return buffer.getvalue()


PAIR = torch.tensor([1, 2])  # whose comparisons have no truth value
ATTACKS: dict[str, Prepare] = {
    "origin": with_part(PAIR, "origin", "spec", "name"),
    "environment": with_part(PAIR, "recorded", "environment.json"),
    "nested environment": with_part(text("[" * 5000), "recorded", "environment.json"),
    "lone surrogate": with_part(text('{"device_name": "\ud800"}'), "recorded", "environment.json"),
    "environment of another kind": with_part(text('{"resumed": 5}'), "recorded", "environment.json"),
    "rows": with_part(text("x,y\n1,2\n"), "recorded", "metrics.csv"),
    "text of another type": with_part(lambda text: text.float(), "recorded", "probes.csv"),
    "text of another shape": with_part(lambda text: text[None], "recorded", "probes.csv"),
    "no text": with_part("", "recorded", "probes.csv"),
    "longer history": with_part(torch.zeros(3, 100_000), "trainer", "history"),
    "seconds": with_part(1e308, "trainer", "elapsed_seconds"),
    "unknown tensor": with_part({"tensor": "x"}, "trainer", "history"),
    "tensor of no name": with_part({"tensor": []}, "trainer", "history"),
    "objects": with_plain(b"[" + b"{}," * BOMB + b"0]"),
    "levels": with_plain(b"[" * 50_000),
    "no UTF-8": with_plain(b"\xff"),
    "long header": with_header(lambda header: header.update({"x" * BOMB: header[PLAIN]})),
    "longest header": with_header(lambda header: None, 2**64 - 1),
    "shape": with_header(lambda header: header["0"].update(shape=[HUGE])),
    "shapes past 64 bits": with_header(lambda header: header["0"].update(shape=[HUGE, HUGE])),
    "negative shape": with_header(lambda header: header["0"].update(shape=[-1])),
    "type": with_header(lambda header: header["0"].update(dtype="F4")),
    "shared bytes": with_header(lambda header: header["0"].update(data_offsets=header["1"]["data_offsets"])),
    "bytes past the end": with_header(lambda header: header["0"].update(data_offsets=[0, HUGE])),
    "pickle": holding(pickled),
}
