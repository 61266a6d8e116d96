"""Makes Linux look like Windows to this package, in every process that finds this file; see test_windows.py."""

import builtins
import ctypes
import errno
import importlib
import multiprocessing.connection
import os
import signal
import stat
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import process, resource_tracker
from types import ModuleType, SimpleNamespace
from typing import Any

OPEN_FILES = "/proc/self/fd"
# What Python's documentation gives as available on Unix only; os.kill ends any process at once on Windows.
LACKING = {
    "os": """O_CLOEXEC O_DIRECTORY O_DSYNC O_NOCTTY O_NOFOLLOW O_NONBLOCK O_SYNC chown fchdir fchmod fork forkpty getgid
        geteuid getloadavg getpgid getpgrp getpriority getuid kill killpg lchown lockf mkfifo mknod nice openpty pipe2
        posix_fallocate posix_spawn pread pwrite readv register_at_fork sched_getaffinity sched_setaffinity sched_yield
        sendfile setpgid setsid statvfs sync sysconf uname wait waitid writev""",
    "signal": """SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGUSR1 SIGUSR2 SIG_BLOCK SIG_SETMASK
        SIG_UNBLOCK alarm pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigwait""",
    "time": "tzset",
}
LACKING_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}


def asked_by_us() -> bool:
    """Whether the caller of our caller belongs to the package; libraries go on as they do on Linux."""
    return str(sys._getframe(2).f_globals.get("__name__")).startswith("resnet_repro")


def instead(module: ModuleType, values: dict[str, Any]) -> None:
    """Give the package these values of a module; without a value, the name is unknown to it."""
    usual = {name: vars(module).pop(name) for name in values if name in vars(module)}

    def find(name: str) -> Any:
        if name in usual and not (ours := asked_by_us()):
            return usual[name]
        if name in usual and ours and values[name] is not None:
            return values[name]
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    vars(module)["__getattr__"] = find


def import_module(name: str, *arguments: Any, **options: Any) -> Any:
    if name in LACKING_MODULES and asked_by_us():
        raise ModuleNotFoundError(f"No module named {name!r}")
    return usual_import(name, *arguments, **options)


def while_unused(change: Callable[..., None]) -> Callable[..., None]:
    """Fails, as on Windows, if this process has one of the files open. Files of filelock, which knows, are left out."""

    def checked(*paths: Any, **options: Any) -> None:
        for path in paths:
            if not str(path).endswith(".lock") and is_open(path):
                raise PermissionError(errno.EACCES, "The file is being used by another process", str(path))
        change(*paths, **options)

    return checked


def is_open(path: Any) -> bool:
    for descriptor in os.listdir(OPEN_FILES) if os.path.exists(path) else ():
        with suppress(OSError):
            status = os.fstat(int(descriptor))
            if stat.S_ISREG(status.st_mode) and os.path.samestat(status, os.stat(path)):
                return True
    return False


caught: list[int] = []  # signals since the last waiting


def count(number: int, handler: Any) -> Any:
    def counted(*arguments: Any) -> None:
        caught.append(number)
        handler(*arguments)

    return usual_signal(number, counted if callable(handler) and not isinstance(handler, signal.Handlers) else handler)


def wait(*arguments: Any, **options: Any) -> Any:
    """A Ctrl-C ends the waiting for a pipe with an exception, once its handler has run."""
    ready = usual_wait(*arguments, **options)
    if caught:
        caught.clear()
        raise InterruptedError(errno.EINTR, "Interrupted function call")
    return ready


def ignore_ctrl_c(handler: None, ignore: bool) -> None:
    """SetConsoleCtrlHandler(NULL, ignore), which new processes inherit."""
    sigmask(signal_block if ignore else signal_unblock, {signal.SIGINT})


def unavailable() -> None:
    raise ModuleNotFoundError("No module named '_posixsubprocess'")


sigmask, signal_block, signal_unblock = signal.pthread_sigmask, signal.SIG_BLOCK, signal.SIG_UNBLOCK
usual_import, usual_signal, usual_wait = builtins.__import__, signal.signal, multiprocessing.connection.wait
vars(builtins)["__import__"] = import_module
vars(signal)["signal"] = count
vars(multiprocessing.connection)["wait"] = wait
vars(resource_tracker)["ensure_running"] = unavailable
process.BaseProcess.terminate = process.BaseProcess.kill  # type: ignore[method-assign]
vars(ctypes)["windll"] = SimpleNamespace(kernel32=SimpleNamespace(SetConsoleCtrlHandler=ignore_ctrl_c))
for name in ("remove", "rename", "replace", "unlink"):
    vars(os)[name] = while_unused(getattr(os, name))
for name, lacking in LACKING.items():
    instead(importlib.import_module(name), dict.fromkeys(lacking.split()))
instead(sys, {"platform": "win32"})
warnings.filterwarnings("ignore", category=EncodingWarning)
warnings.filterwarnings("error", category=EncodingWarning, module="resnet_repro")  # open() without encoding=
