"""Settings under /proc/sys/net of many namespaces, written without the kernel becoming slower with each of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from . import namespaces

RENEWED_AFTER = 64


class Sysctls:
    """Writes settings of the network namespace that this process is in, through a private mount of /proc.

    A mount of /proc remembers every name that was looked up in it. The names under /proc/sys/net are alike in all namespaces and
    share one hash chain, so that the first look-up in the thousandth namespace takes ten times as long as in the first. A new
    mount has forgotten them; it takes 30 us and is attached nowhere. Where the kernel refuses one, /proc itself is used.

    Args:
        mount: returns a descriptor of a new one.
    """

    def __init__(self, mount: Callable[[], int] = namespaces.private_proc) -> None:
        self._mount = mount
        self._proc: int | None = None
        self._namespaces = 0
        self._refused = False

    def next_namespace(self) -> None:
        """Say that what follows is for another namespace."""
        self._namespaces += 1
        if self._refused or self._namespaces % RENEWED_AFTER != 1:
            return
        self.close()
        try:
            self._proc = self._mount()
        except OSError:
            self._refused = True

    def write(self, name: str, value: str) -> bool:
        """Set one, given as below /proc/sys ("net/ipv4/ip_forward"); say whether that worked: it may be absent or read-only."""
        path = f"/proc/sys/{name}" if self._proc is None else f"sys/{name}"
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except OSError:
            return False
        try:
            os.write(fd, value.encode())
        except OSError:
            return False
        finally:
            os.close(fd)
        return True

    def close(self) -> None:
        """Let go of the mount; harmless when there is none."""
        if self._proc is not None:
            with contextlib.suppress(OSError):
                os.close(self._proc)
            self._proc = None
