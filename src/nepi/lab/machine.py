"""What a lab asks of this machine before it is made, and how all of it is given back from its record."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from nepi.errors import ResourceError, UsageError
from nepi.lab import network
from nepi.lab.processes import BACKEND, CLEAN, END_DEADLINE_S, end_host
from nepi.lab.record import HOLDER, Record, load

_TOOLS: Final = {
    "bridge": "iproute2",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "unshare": "util-linux",
}
"""Programs, and the Debian packages that have them."""


_OF_THE_ROOT: Final = ("/etc", "/usr", "/var")
"""Hosts see the machine's root file system without what is mounted on it, and cannot do without these."""


def check_possible(is_mount: Callable[[str], bool] = os.path.ismount) -> None:
    """Check that a lab can be made here.

    Args:
        is_mount: whether a file system is mounted on a folder.

    Raises:
        UsageError: it needs root, programs are missing, or the machine's files lie on several file systems.
    """
    if os.geteuid() != 0:
        raise UsageError("a lab needs root: each of its hosts has a file system and an SSH server of its own; try: sudo nepi lab up")
    missing = sorted({debian for tool, debian in _TOOLS.items() if shutil.which(tool, path=CLEAN["PATH"]) is None})
    if missing:
        raise UsageError(f"a lab needs Debian packages that are missing: sudo apt-get install --no-install-recommends {' '.join(missing)}")
    apart = [folder for folder in _OF_THE_ROOT if is_mount(folder)]
    if apart:
        raise UsageError(f"a lab needs /, {', '.join(_OF_THE_ROOT)} in one file system, and here {', '.join(apart)} is mounted")


def own_network() -> str:
    """Return the name of the network namespace that this process is in."""
    return str(Path("/proc/self/ns/net").readlink())


def take_down(record: Record) -> None:
    """Give back all that a record says, in whatever state it was left.

    Raises:
        ResourceError: something did not go away; the record is kept, and this may be tried again.
    """
    if record.is_of_this_boot():
        into = _way_to(record.netns)
        stuck = [name for name, one in record.processes.items() if not (one.kill(END_DEADLINE_S) if name == HOLDER else end_host(one))]
        if stuck:
            raise ResourceError(f"{', '.join(stuck)} did not end within {END_DEADLINE_S:g} s", action="down", backend=BACKEND)
        if into is not None:
            network.remove(record.plan, into)
    record.remove()


def take_down_in(folder: Path) -> bool:
    """Give back the lab that has its record in a folder, in whatever state it is; false when there is none.

    Raises:
        UsageError: it needs root.
        ResourceError: something did not go away; this may be tried again.
    """
    record = load(folder.absolute())
    if record is None:
        return False
    if os.geteuid() != 0:
        raise UsageError("taking a lab down needs root, as making it did; try: sudo nepi lab down")
    take_down(record)
    return True


def _way_to(netns: str) -> tuple[str, ...] | None:
    """Return a command that runs its arguments in a network namespace; None when there is no such namespace any more."""
    if own_network() == netns:
        return ()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if str((entry / "ns" / "net").readlink()) == netns:
                    return ("nsenter", f"--net={entry}/ns/net")
    return None


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let no other lab choose its addresses meanwhile."""
    folder = os.open("/run", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
