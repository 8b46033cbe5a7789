"""Which process is meant, for good: a pid alone is given to another process some day.

Source: pidfd_open(2), proc_pid_stat(5) field 22.
"""

from __future__ import annotations

import os
import select
import signal
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any


@cache
def boot_id() -> str:
    """Return the kernel's name of the present boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def start_ticks(pid: int) -> int | None:
    """Return the start time of a live process in clock ticks since boot; None when it has ended (or is a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of this machine, told apart from every other one that had or will have its pid.

    Attributes:
        start_ticks: start time in clock ticks since boot.
        boot_id: the boot in which it runs; in another boot it is gone.
    """

    pid: int
    start_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """Return the identity of a live process.

        Raises:
            ProcessLookupError: there is none with this pid.
        """
        ticks = start_ticks(pid)
        if ticks is None:
            raise ProcessLookupError(f"no process {pid}")
        return cls(pid, ticks, boot_id())

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ProcessIdentity | None:
        """Return the identity in a ledger row, or None when the process was never started."""
        if not value.get("pid"):
            return None
        return cls(int(value["pid"]), int(value["start_ticks"]), str(value.get("boot_id") or boot_id()))

    def to_json(self) -> dict[str, Any]:
        """Return the fields, for a ledger row."""
        return asdict(self)

    def is_alive(self) -> bool:
        """Whether it runs still."""
        return self.boot_id == boot_id() and start_ticks(self.pid) == self.start_ticks

    def open(self) -> int | None:
        """Return a pidfd that surely stands for this process, or None when it has ended. The caller closes it."""
        if self.boot_id != boot_id():
            return None
        try:
            fd = os.pidfd_open(self.pid)
        except OSError:
            return None
        # Checked after opening: from here on the descriptor cannot come to mean another process.
        if start_ticks(self.pid) != self.start_ticks:
            os.close(fd)
            return None
        return fd

    def signal(self, number: int) -> bool:
        """Send a signal; false when the process has ended.

        Raises:
            PermissionError: it is another user's.
        """
        fd = self.open()
        if fd is None:
            return False
        try:
            signal.pidfd_send_signal(fd, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(fd)
        return True

    def kill(self, deadline_s: float = 5.0) -> bool:
        """Kill it and wait until it has ended; false when it has not within `deadline_s`.

        Raises:
            PermissionError: it is another user's.
        """
        fd = self.open()
        if fd is None:
            return True
        try:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            return bool(poll.poll(deadline_s * 1000))
        except ProcessLookupError:
            return True
        finally:
            os.close(fd)
