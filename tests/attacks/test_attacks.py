"""Links, FIFOs, devices and huge files in a results folder: nothing outside changes, nothing hangs."""

import os
from pathlib import Path

import pytest
from attacked import RUN, UNFINISHED, Arena, Prepare

from resnet_repro.data.synthetic import load_synthetic

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="limits memory by Linux's /proc")

WRITTEN = (
    "spec.yaml", "environment.json", "summary.json", "metrics.csv", "probes.csv", "checkpoint.pt",
    "checkpoint-previous.pt", "weights.safetensors", "train.log", "holder.lock",
)  # fmt: skip
HUGE = 50_000_000_000  # bytes of a sparse file, which takes no room


def linked(file: str) -> Prepare:
    def prepare(project: Path, outside: Path) -> None:
        path = project / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(outside / "dear.txt")

    return prepare


def linked_folder(name: str) -> Prepare:
    def prepare(project: Path, outside: Path) -> None:
        path = project / name
        if path.exists():
            path.rename(outside / "folder" / path.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(outside / "folder" / path.name if (outside / "folder" / path.name).exists() else outside)

    return prepare


def replaced(file: str, kind: str) -> Prepare:
    def prepare(project: Path, outside: Path) -> None:
        path = project / file
        path.unlink(missing_ok=True)
        if kind == "FIFO":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "huge":
            with path.open("wb") as sparse:
                sparse.truncate(HUGE)
        elif kind == "folder":
            path.mkdir()

    return prepare


DIGEST = load_synthetic(Path(), train_images=64, test_images=32).digest[:8]
OUTPUTS = {  # what commands write beside the runs
    "plot of curves": [f"results/figures/curves-synthetic-shapes-{DIGEST}-8x16.{kind}" for kind in ("svg", "txt")],
    "report": ["results/report.html"],
    "evaluate": [f"evaluated/confusion-plain8-seed-0.{kind}" for kind in ("png", "svg", "txt")],
}


def linked_export(project: Path, outside: Path) -> None:
    """Links in place of the files of an earlier export, whose config.json says that it was one."""
    (outside / "config.json").write_text('{"made_by": "resnet-repro export"}')
    for name in ("README.md", "model.safetensors", "preprocessing.safetensors", "spec.yaml", "model.pt2"):
        for ending in ("", ".tmp"):
            linked(f"exported/{name}{ending}")(project, outside)
    (project / "exported/config.json").symlink_to(outside / "config.json")


def all_of(attacks: list[Prepare]) -> Prepare:
    def prepare(project: Path, outside: Path) -> None:
        for attack in attacks:
            attack(project, outside)

    return prepare


def test_a_link_in_place_of_a_file_that_is_written(arena: Arena) -> None:
    """Also in place of a temporary file with a name that can be guessed."""
    files = [f"results/{UNFINISHED}/{name}" for name in WRITTEN if name != "train.log"]  # written with --jobs alone
    arena.attack({file: linked(file) for file in files}, ["train"])
    guessed = all_of([linked(f"{file}.tmp") for file in files])
    arena.attack({"guessed names": guessed}, ["train"])
    log = linked(f"results/{UNFINISHED}/train.log")
    arena.attack({"log": log, "guessed names": guessed}, ["train --jobs"])
    for command, files in OUTPUTS.items():
        links = all_of([linked(file + ending) for file in files for ending in ("", ".tmp")])
        arena.attack({"links": links}, [command])
    arena.attack({"links": linked_export}, ["export"])


def test_a_folder_that_leads_out_by_a_link(arena: Arena) -> None:
    folders = ["results/figures", "results/plain8", f"results/{RUN}", "results/resnet8", f"results/{UNFINISHED}"]
    arena.attack({name: linked_folder(name) for name in folders}, ["train", "plot of curves"])


@pytest.mark.parametrize("kind", ["FIFO", "device", "huge", "folder"])
def test_no_regular_file(arena: Arena, kind: str) -> None:
    finished = {name: replaced(f"results/{RUN}/{name}", kind) for name in (*WRITTEN[:5], "weights.safetensors")}
    arena.attack(finished, ["list"])
    arena.attack({"probes": finished["probes.csv"]}, ["plot of probes"])
    arena.attack({"weights": finished["weights.safetensors"]}, ["evaluate"])
    names = ("spec.yaml", "metrics.csv", "checkpoint.pt", "holder.lock", "train.log")
    arena.attack({name: replaced(f"results/{UNFINISHED}/{name}", kind) for name in names}, ["train"])
    arena.attack({"spec": replaced("plain8.yaml", kind)}, ["train"])
