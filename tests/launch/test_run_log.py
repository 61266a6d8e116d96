"""The log of a run holds all that its process prints, across a restart that discards the folder's files."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """\
import os, sys, warnings
from pathlib import Path
from resnet_repro.launch.run_log import RunLog
log = RunLog(Path(sys.argv[1]))
print("printed", flush=True)
warnings.warn("warned")
os.system("echo from a child")
if "discard" in sys.argv:
    log.path.unlink()
log.survive_restart()
print("later", flush=True)
raise RuntimeError("the end")
"""


def logged(path: Path, *arguments: str) -> list[str]:
    call = [sys.executable, "-c", PROGRAM, str(path), *arguments]
    stopped = subprocess.run(call, check=False, capture_output=True)
    assert (stopped.stdout, stopped.stderr) == (b"", b"")
    return path.read_text().splitlines()


def test_everything_goes_to_the_end_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "new/train.log"
    lines = logged(path)
    assert lines[0] == "printed"
    assert any("UserWarning: warned" in line for line in lines)
    assert "from a child" in lines
    assert lines[-1] == "RuntimeError: the end"
    assert len(logged(path)) == 2 * len(lines)


def test_a_discarded_log_begins_anew_with_what_this_process_said(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("of an earlier run\n")
    lines = logged(path, "discard")
    assert lines[0] == "printed"
    assert lines.index("from a child") < lines.index("later")
    assert "of an earlier run" not in lines
