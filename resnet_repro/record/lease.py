"""Who may write into a run folder: one process at a time, on this machine or any other that shares the folder.

The holder leaves a file that names its process and host, and touches it every 40 seconds. That of a process that has
died on this host is taken over at once. Whether a process on another host still lives cannot be asked from here; it
is taken for dead after it has not touched its file for LEASE_SECONDS, by the clock of the one who waits, so clocks need
not agree. Network file systems may show a change up to a minute late, which leaves it time enough.
"""

import logging
import socket
from pathlib import Path

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from resnet_repro.errors import RunError

LEASE_SECONDS = 120.0
SETTLING_SECONDS = 10.0  # a little more, in which the waiting process sees the last touch and takes over

log = logging.getLogger(__name__)


class Lease:
    """A claim on the folder that the file lies in, from its creation to `release`. Raises RunError if it is taken."""

    def __init__(self, file: Path) -> None:
        self.folder, self.file = file.parent, file
        self._lease = SoftFileLease(file, lease_duration=LEASE_SECONDS)
        try:
            try:
                self._lease.acquire(timeout=0)
            except Timeout:
                self._outwait_a_dead_host()
        except (Timeout, LeaseSettingsMismatch):
            remedy = "wait for it or stop it" if self._lease.owner else f"if there is none, delete {file.name} there"
            raise RunError(f"{self.folder}: {self._holder()} is training this run; {remedy}") from None

    def check(self) -> None:
        """Before anything is written. Raises RunError if another process has taken this one for dead."""
        owner = self._lease.owner
        if owner is None or owner.token != self._lease.token:
            raise RunError(
                f"{self.folder}: {self._holder()} has taken this run over, as this process gave no sign of life for "
                f"{LEASE_SECONDS:.0f} seconds; this one writes nothing more"
            )

    def release(self) -> None:
        self._lease.release()

    def _outwait_a_dead_host(self) -> None:
        """Raises Timeout as soon as the holder shows that it lives."""
        owner = self._lease.owner
        if owner and owner.hostname == socket.gethostname():
            raise Timeout(str(self.file))
        log.warning(
            "%s: %s holds this run; waits up to %.0f seconds for a sign of life from there",
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
        owner = self._lease.owner
        return f"process {owner.pid} on {owner.hostname}" if owner else "another process"
