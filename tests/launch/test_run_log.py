"""The log of a run holds all that its thread prints, also when a restart deletes the file."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """\
import os, sys, warnings
from pathlib import Path
from resnet_repro.launch.run_log import RunLog, separate_threads
separate_threads()
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

SIDE_BY_SIDE = """\
import logging, sys, threading, traceback, warnings
from pathlib import Path
from resnet_repro.launch.run_log import RunLog, separate_threads
separate_threads()
logging.getLogger("any").addHandler(logging.StreamHandler())
together = threading.Barrier(3)

def run(name):
    log = RunLog(Path(sys.argv[1]) / name)
    for turn in range(50):
        together.wait(60)
        print(name, turn)
    warnings.warn(f"warned by {name}")
    logging.getLogger("any").warning("noticed by %s", name)
    log.path.unlink()
    log.survive_restart()
    try:
        raise RuntimeError(name)
    except RuntimeError:
        traceback.print_exc()

threads = [threading.Thread(target=run, args=(name,)) for name in "abc"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("the process itself")
"""


def call(program: str, *arguments: str) -> None:
    stopped = subprocess.run([sys.executable, "-c", program, *arguments], check=False, capture_output=True)
    assert (stopped.stdout, stopped.stderr) == (b"", b"")


def logged(path: Path, *arguments: str) -> list[str]:
    call(PROGRAM, str(path), *arguments)
    return path.read_text().splitlines()


def test_everything_goes_to_the_end_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "new/train.log"
    lines = logged(path)
    assert lines[0] == "printed"
    assert any("UserWarning: warned" in line for line in lines)
    assert "from a child" in lines
    assert lines[-1] == "RuntimeError: the end"
    assert len(logged(path)) == 2 * len(lines)


def test_a_deleted_log_is_rewritten_with_what_this_process_printed(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("of an earlier run\n")
    lines = logged(path, "discard")
    assert lines[0] == "printed"
    assert lines.index("from a child") < lines.index("later")
    assert "of an earlier run" not in lines


def test_runs_side_by_side_have_a_log_each(tmp_path: Path) -> None:
    call(SIDE_BY_SIDE, str(tmp_path))
    logs = {name: (tmp_path / name).read_text() for name in "abc"}
    for name, text in logs.items():
        assert [line for line in text.splitlines() if line.startswith(f"{name} ")] == [f"{name} {n}" for n in range(50)]
        assert f"UserWarning: warned by {name}" in text
        assert f"noticed by {name}" in text
        assert f"RuntimeError: {name}\n" in text
        assert not any(f"RuntimeError: {other}" in text for other in "abc" if other != name)
    assert sum("the process itself" in text for text in logs.values()) == 1  # in that of the log opened last


def test_a_full_disk_costs_lines_of_the_log_not_the_run(tmp_path: Path) -> None:
    setup, _, _ = PROGRAM.partition("print(")
    call(f"{setup}log.file = open('/dev/full', 'wb', 0)\nprint('lost')\nos.system('echo after')", str(tmp_path / "log"))
    assert (tmp_path / "log").read_text() == "after\n"
