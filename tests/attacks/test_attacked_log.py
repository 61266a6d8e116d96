"""`log` of a stranger's results: one line for what is wrong, nothing outside changes, and nothing hangs."""

import os
import struct
import zlib
from pathlib import Path

import pytest
from attacked import RUN, Arena, Prepare
from test_hostile_contents import with_cell, with_rows, with_value

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="limits memory by Linux's /proc")


@pytest.fixture(autouse=True)
def _needs_tensorboard() -> None:
    pytest.importorskip("tensorboardX", reason="no tensorboardX; make setup installs it")


def with_picture(width: int, height: int) -> Prepare:
    """A PNG of a few bytes that claims to be of this size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))

    def prepare(project: Path, outside: Path) -> None:
        (project / "results/figures").mkdir()
        (project / "results/figures/a.png").write_bytes(content)

    return prepare


def fifo(project: Path, outside: Path) -> None:
    (project / "results/figures").mkdir()
    os.mkfifo(project / "results/figures/a.png")


def linked(place: str) -> Prepare:
    """A link that leads out, in a place where `log` makes a folder."""

    def prepare(project: Path, outside: Path) -> None:
        path = project / "results" / place
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(outside / "folder")

    return prepare


def many_series(project: Path, outside: Path) -> None:
    head, *_ = (project / "results" / RUN / "probes.csv").read_text().splitlines()
    rows = "".join(f"8,layer_response,layer{number},std,0.5\n" for number in range(100_000))
    (project / "results" / RUN / "probes.csv").write_text(f"{head}\n{rows}")


def test_log_of_anything(arena: Arena) -> None:
    attacks: dict[str, Prepare] = {
        f"column {column} {value}": with_rows(with_cell(column, value), "metrics.csv")
        for column, value in ((1, "1e308"), (3, "nan"), (3, "-inf"), (3, "1e308"), (9, "1e308"), (9, "-1e308"))
    }
    attacks |= {f"layer {name!r}": with_rows(with_cell(2, name), "probes.csv") for name in ("../x", "\u202e", "/", "")}
    attacks |= {f"environment {value}": with_value("environment.json", "versions", value)
                for value in ('{"a": "\\ud800"}', '{"a": NaN}', '{"a": ' + "1" * 5000 + "}")}  # fmt: skip
    attacks |= {"pixels": with_picture(2**31, 2**31), "no pixels": with_picture(0, 9), "FIFO": fifo}
    attacks |= {place: linked(place) for place in ("tensorboard", "tensorboard/plain8", "tensorboard/figures")}
    attacks["series"] = many_series
    arena.attack(attacks, ["log"])
