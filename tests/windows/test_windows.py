"""Windows, as far as Linux can stand in for it. The `smoke` job of CI runs a few commands on a real one.

`stand_in/sitecustomize.py` hides from the package, in all its processes, what Python lacks on Windows. There, too,
processes do not fork, `terminate` kills, Ctrl-C reaches every process of the console and breaks the waiting for pipes,
an open file is neither replaced nor deleted, and files and streams are not UTF-8 by default. What this cannot show:
the libraries take their own ways on Windows, and paths have drives, backslashes, reserved names and a greatest length.
`mypy --platform win32`, which `make lint` calls, knows all names that Windows lacks.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """\
import json, os, signal, sys
from pathlib import Path
from resnet_repro.cli import main
from resnet_repro.launch import command
from resnet_repro.launch.board import Board
from resnet_repro.launch.tracking import LogLine

class CtrlC(Board):
    has_sent = False

    def received(self, run, event):
        if isinstance(event, LogLine) and not self.has_sent:
            self.has_sent = True
            os.killpg(0, signal.SIGINT)  # to the children too, one of which may still be importing torch

def call(*arguments):
    sys.argv = ["resnet-repro", *arguments]
    try:
        main()
    except SystemExit as stop:
        return stop.code or 0

def summary(run):
    return json.loads(Path("results", run, "summary.json").read_text(encoding="utf-8"))

command.new_board = lambda runs: CtrlC()
steps = [word for name in ("steps", "record_every", "evaluate_every") for word in ("--set", f"training.{name}=40")]
train = ("train", "tiny.yaml", "--device", "cpu", *steps)
found = {"ctrl_c": [call(*train, "--seeds", "0-1", "--jobs", "2", "--restart")]}
found["ctrl_c"] += [summary(f"tiny/seed-{seed}")["status"] for seed in (0, 1)]
found["checkpoints"] = [Path("results/tiny", f"seed-{seed}", "checkpoint.pt").exists() for seed in (0, 1)]
found["resumed"] = [call(*train), summary("tiny/seed-0")["status"]]
limited = ("--set", "name=limited", "--set", "training.steps=100000", "--time-limit", "1s")
found["limited"] = call("train", "tiny.yaml", "--device", "cpu", *limited)
found["read"] = [call(*words.split()) for words in ("plot results --format svg", "table results", "report results")]
print(json.dumps(found), file=sys.__stderr__)
"""


def test_runs_are_stopped_resumed_side_by_side_and_shown_without_what_windows_lacks(tiny: Path) -> None:
    stand_in = {
        "PYTHONPATH": str(Path(__file__).parent / "stand_in"),
        "PYTHONIOENCODING": "cp1252",
        "PYTHONUTF8": "0",
        "PYTHONWARNDEFAULTENCODING": "1",
    }
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tiny.parent,
        env=os.environ | stand_in,
        capture_output=True,
        encoding="cp1252",
        start_new_session=True,  # its Ctrl-C goes to all of its own processes, and not to this one
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert json.loads(ended.stderr.splitlines()[-1]) == {
        "ctrl_c": [130, "interrupted", "interrupted"],
        "checkpoints": [True, True],
        "resumed": [0, "finished"],
        "limited": 130,
        "read": [0, 0, 0],
    }, ended.stderr
    assert "±" in ended.stdout
    command = json.loads((tiny.parent / "results/tiny/seed-0/environment.json").read_text())["command"]
    assert command[:3] == ["resnet-repro", "train", "tiny.yaml"]
