"""Runs commands one after another, each in a forked child with limits on time and memory.

A program of its own, as a child that is forked from a test would inherit its threads. It first makes a project in the
folder that its argument names. Then each line of stdin is a JSON list of cases; the list of their results goes to
stdout as a line. POSIX only.
"""

import gc
import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MEMORY = 1_000_000_000  # bytes more than the process has when it starts
SECONDS = 30


def run(arguments: list[str], folder: str) -> dict[str, Any]:
    """The exit code (negative: a signal), output and seconds of a command that runs in `folder`."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _become(arguments, folder, out.fileno(), err.fileno())
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return {
            "code": os.waitstatus_to_exitcode(status),
            "out": out.read().decode(errors="replace"),
            "err": err.read().decode(errors="replace"),
            "seconds": time.monotonic() - began,
        }


def _become(arguments: list[str], folder: str, out: int, err: int) -> None:
    """Never returns."""
    code = 70
    try:
        os.chdir(folder)
        os.dup2(out, 1)
        os.dup2(err, 2)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        signal.alarm(SECONDS)
        sys.argv = ["resnet-repro", *arguments]
        forking = multiprocessing.get_context("fork")
        multiprocessing.get_context = lambda method=None: forking  # type: ignore[assignment]  # else --jobs imports torch
        from resnet_repro.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    _import_all()
    _draw()
    _make_project(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps([run(**case) for case in json.loads(line)]), flush=True)


def _make_project(folder: str) -> None:
    from attacked import make_results

    child = os.fork()
    if child == 0:
        os.chdir(folder)
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 1)
            make_results()
        os._exit(0)
    os.waitpid(child, 0)


def _draw() -> None:
    """Draw a figure, so that fonts are loaded before the forks, and the project's images, once for all forks."""
    import io
    from functools import cache

    from matplotlib.figure import Figure

    from resnet_repro.data import synthetic
    from resnet_repro.figures import labels

    vars(labels)["arrange"] = lambda figure: None  # the layout is made once more when a figure is saved
    synthetic.draw = cache(synthetic.draw)
    synthetic.load_synthetic(Path(), 64, 32)

    figure = Figure()
    figure.subplots().set_title("x")
    for kind in ("png", "svg"):
        figure.savefig(io.BytesIO(), format=kind)


def _import_all() -> None:
    """Import what the commands need, and build their parser, before the forks, so that each child starts at once."""
    import torch
    import torch._dynamo
    import typer

    import resnet_repro.cli
    import resnet_repro.figures.command
    import resnet_repro.launch.command
    import resnet_repro.report
    import resnet_repro.weights.evaluate
    import resnet_repro.weights.export

    gc.freeze()  # else the first collection in each child looks through all of torch, and copies its memory
    vars(resnet_repro.cli)["app"] = typer.main.get_command(resnet_repro.cli.app)
    torch.set_num_threads(1)


if __name__ == "__main__":
    main()
