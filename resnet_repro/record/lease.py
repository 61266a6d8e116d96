"""Lets one process at a time write into a run folder, on this machine and on all others that share the folder.

The holder writes a file with its process and host, and touches it every 40 seconds. If the holder was a process of
this host that has died, the next process takes over at once. A holder on another host counts as dead if it has not
touched its file for LEASE_SECONDS by the waiting process's own clock, so the clocks of the hosts may differ. This is
long enough for network file systems, which may show a change up to a minute late.

The holder also locks the file (flock), which every process of its machine sees at once, also in another container,
where it could not look for the process of that number. Windows has no such locks, some network file systems neither.
"""

import logging
import os
import re
import socket
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from resnet_repro.errors import RunError

if sys.platform != "win32":
    import fcntl

OPEN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
NAMESPACE = "?pidns-"  # in filelock's name of a host, before the number of a container's process namespace
INITIAL_NAMESPACE = 0xEFFFFFFC  # of Linux, outside of any container
LEASE_SECONDS = 120.0
SETTLING_SECONDS = 10.0  # extra time for the waiting process to notice the end of the lease and take over

log = logging.getLogger(__name__)


class Lease:
    """The right to write into the folder of `file`, until `release`. Raises RunError if another process has it."""

    def __init__(self, file: Path) -> None:
        self.folder, self.file = file.parent, file
        self._lock: int | None = None  # the descriptor of the locked file
        self._lease = SoftFileLease(file, lease_duration=LEASE_SECONDS)
        try:
            try:
                self._lease.acquire(timeout=0)
            except Timeout:
                self._outwait_a_dead_host()
        except (Timeout, LeaseSettingsMismatch):
            remedy = "wait for it or stop it" if self._lease.owner else f"if there is none, delete {file.name} there"
            raise RunError(f"{self.folder}: {self._holder()} is training this run; {remedy}") from None
        if sys.platform != "win32":
            with suppress(OSError):  # where there are no such locks, the rest has to do
                self._lock = os.open(file, os.O_RDWR | OPEN)
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def check(self) -> None:
        """Raises RunError if another process has taken the folder over."""
        owner = self._lease.owner
        if owner is None or owner.token != self._lease.token:
            raise RunError(
                f"{self.folder}: {self._holder()} has taken this run over, as this process did not touch "
                f"{self.file.name} for {LEASE_SECONDS:.0f} seconds; this process writes nothing more"
            )

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self._lease.release()

    def _outwait_a_dead_host(self) -> None:
        """Take over if the holder's host is dead. Raises Timeout as soon as the holder touches its file."""
        owner = self._lease.owner
        if is_locked(self.file) or (owner and _is_own(owner.hostname)):
            raise Timeout(str(self.file))
        log.warning(
            "%s: %s holds this run; waiting up to %.0f seconds to see whether it is still alive",
            self.folder,
            self._holder(),
            LEASE_SECONDS,
        )
        touched = self._touched()
        self._lease.acquire(
            timeout=LEASE_SECONDS + SETTLING_SECONDS,
            poll_interval=min(1.0, LEASE_SECONDS / 4),
            cancel_check=lambda: self._touched() not in (touched, None),
        )

    def _touched(self) -> int | None:
        try:
            return self.file.stat().st_mtime_ns
        except OSError:
            return None

    def _holder(self) -> str:
        if not (owner := self._lease.owner):
            return "another process"
        host, container, _ = owner.hostname.partition(NAMESPACE)
        where = " in another container" if container and not _is_own(owner.hostname) else ""
        return f"process {owner.pid} on {_unescaped(host)}{where}"


def forget_dead(file: Path, dead: Collection[str]) -> None:
    """Delete the file of a holder on one of these hosts, which are known to be dead, so that nobody waits for it."""
    owner = SoftFileLease(file, lease_duration=LEASE_SECONDS).owner
    if owner and _unescaped(owner.hostname).partition(NAMESPACE)[0] in dead and not is_locked(file):
        with suppress(OSError):
            file.unlink()


def is_locked(file: Path) -> bool:
    """Whether a live process of this machine has locked the file."""
    if sys.platform != "win32":
        with suppress(OSError):
            descriptor = os.open(file, os.O_RDONLY | OPEN)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(descriptor)
    return False


def _unescaped(hostname: str) -> str:
    """A host's name with the characters that filelock writes as their bytes, a space as ?20 for example."""
    name = re.sub(
        rb"\?([0-9a-f]{2})", lambda code: bytes([int(code[1], 16)]), hostname.encode(errors="surrogateescape")
    )
    return name.decode(errors="surrogateescape")


def _is_own(hostname: str) -> bool:
    """Whether filelock wrote this name for this host, or this container."""
    return _unescaped(hostname) == _own_name()


def _own_name() -> str:
    """What filelock calls this host, or this container, before it escapes the name."""
    with suppress(OSError):
        if (namespace := os.stat("/proc/self/ns/pid").st_ino) != INITIAL_NAMESPACE:
            return f"{socket.gethostname()}{NAMESPACE}{namespace:x}"
    return socket.gethostname()
