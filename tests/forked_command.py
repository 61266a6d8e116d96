"""A command in a process that is forked from `fork_server`, which starts without importing torch."""

import multiprocessing
import os
import resource
import signal
import sys
from pathlib import Path

from resnet_repro.launch.child import _without_main


class ForkedCommand:
    """A command of this package that runs beside the test; what it prints goes to the file `said`."""

    def __init__(
        self, said: Path, *arguments: object, largest_file: int = 0, variables: dict[str, str] | None = None
    ) -> None:
        """`largest_file`: no file may get more bytes, if that is positive. `variables`: of its environment."""
        self.said = said
        context = multiprocessing.get_context("forkserver")
        given = ([*map(str, arguments)], str(said), largest_file, variables or {})
        self.process = context.Process(target=_become, args=given)
        with _without_main():
            self.process.start()

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid or 0, number)

    def code(self, patience: float) -> int | None:
        """The exit code; None if the command has not ended after so many seconds."""
        self.process.join(patience)
        return self.process.exitcode


def has_imported(module: str) -> bool:
    """Whether the server had imported a module before it forked."""
    process = multiprocessing.get_context("forkserver").Process(target=_exit_unless_imported, args=(module,))
    with _without_main():
        process.start()
    process.join()
    return process.exitcode == 0


def _exit_unless_imported(module: str) -> None:
    sys.exit(module not in sys.modules)


def _become(arguments: list[str], said: str, largest_file: int, variables: dict[str, str]) -> None:
    from resnet_repro.cli import main
    from resnet_repro.runner.signals import signals_that_stop

    os.setsid()
    os.environ.update(variables)
    place = os.open(said, os.O_RDWR | os.O_CREAT, 0o600)
    for descriptor in (0, 1, 2):
        os.dup2(place, descriptor)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals_that_stop())  # the server blocks them
    if largest_file:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    sys.argv = ["resnet-repro", *arguments]
    main()
