"""What a host's disk has from the beginning: users, keys, the SSH server's configuration, where apt installs from."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nepi.lab.package import REPOSITORY, SOURCES, Repository
from nepi.lab.plan import SSH_PORT, HostPlan, LabPlan

HOST_KEY: Final = "/etc/ssh/nepi_lab_host_key"
AUTHORIZED: Final = "/etc/ssh/nepi_lab_authorized_keys"
SUDO_USER, PLAIN_USER = "nepi", "plain"
USERS: Final = (SUDO_USER, PLAIN_USER)
"""Users of each host beside root: the first may become root by sudo without a password."""
FIRST_UID: Final = 2000
_OPAQUE: Final = "trusted.overlay.opaque"


@dataclass(frozen=True, slots=True)
class Keys:
    """Public keys, as lines. `host` is that of one host."""

    client: str
    host: str


def sshd_config(options: Mapping[str, str | int]) -> str:
    """Return the SSH server's configuration; `options` come first, because the first value counts.

    Source: sshd_config(5).
    """
    lines = [f"{name} {value}" for name, value in options.items()]
    lines += [
        f"Port {SSH_PORT}",
        f"HostKey {HOST_KEY}",
        "PidFile /run/sshd.pid",
        f"AuthorizedKeysFile {AUTHORIZED} .ssh/authorized_keys",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "UsePAM no",
        "StrictModes no",
        "UseDNS no",
        "PrintMotd no",
        "PrintLastLog no",
        "X11Forwarding yes",
        "AcceptEnv LANG LC_*",
        "Subsystem sftp internal-sftp",
    ]
    return "".join(f"{line}\n" for line in lines)


class Disk:
    """Writes what a host finds on its disk when it starts for the first time.

    Args:
        folder: the disk, as this process sees it; its `upper` is laid over the machine's files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._upper = folder / "upper"

    def write(self, path: str, data: str | bytes, mode: int = 0o644) -> None:
        """Write a file."""
        target = self._upper / path.lstrip("/")
        self._parents(target)
        target.write_bytes(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)
        target.chmod(mode)

    def empty(self, path: str, mode: int = 0o755) -> None:
        """Make a folder that shows nothing of what the machine has there."""
        target = self._upper / path.lstrip("/")
        self._parents(target)
        target.mkdir(exist_ok=True)
        target.chmod(mode)
        os.setxattr(target, _OPAQUE, b"y")

    def home(self, user: str, uid: int) -> None:
        """Make the home of a user."""
        target = self._folder / "home" / user
        target.mkdir(mode=0o755)
        os.chown(target, uid, uid)

    def _parents(self, target: Path) -> None:
        """Make the folders above a file, with the owner and mode that they have on the machine."""
        for folder in reversed(target.relative_to(self._upper).parents[:-1]):
            made = self._upper / folder
            if made.is_dir():
                continue
            made.mkdir()
            like = Path("/", folder)
            if like.is_dir():
                status = like.stat()
                made.chmod(status.st_mode & 0o7777)
                os.chown(made, status.st_uid, status.st_gid)


def furnish(disk: Disk, host: HostPlan, plan: LabPlan, keys: Keys, known_hosts: str, repository: Repository | None, sshd: str) -> None:
    """Write all files of a host but its private key."""
    first = _free_uid()
    names = "".join(f"{link.address} {one.name}\n" for one in plan.hosts for link in one.links[:1])
    disk.write("/etc/hostname", f"{host.name}\n")
    disk.write("/etc/hosts", f"127.0.0.1 localhost {host.name}\n::1 localhost\n{names}")
    disk.write("/etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)
    disk.write("/etc/resolv.conf", "")
    disk.write("/etc/ssh/sshd_config", sshd)
    disk.write("/etc/ssh/ssh_known_hosts", known_hosts)
    disk.write(AUTHORIZED, keys.client)
    _users(disk, first)
    if Path("/etc/sudoers.d").is_dir():
        disk.write("/etc/sudoers.d/nepi-lab", f"{SUDO_USER} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
    if repository is not None:
        for name, data in repository.files.items():
            disk.write(f"{REPOSITORY}/{name}", data)
        disk.empty("/etc/apt/sources.list.d")
        disk.write("/etc/apt/sources.list", SOURCES)
        disk.empty("/var/lib/apt/lists")


def _users(disk: Disk, first_uid: int) -> None:
    """Write the users' tables: the machine's users without their passwords, and the lab's."""
    new = list(enumerate(USERS, start=first_uid))
    passwd = _others("/etc/passwd") + [f"{name}:x:{uid}:{uid}::/home/{name}:/bin/bash" for uid, name in new]
    group = _others("/etc/group") + [f"{name}:x:{uid}:" for uid, name in new]
    # "*" is no password; "!" would lock the account, and sshd without PAM lets nobody in then.
    shadow = [f"{line.split(':')[0]}:*:19000:0:99999:7:::" for line in passwd]
    disk.write("/etc/passwd", "".join(f"{line}\n" for line in passwd))
    disk.write("/etc/group", "".join(f"{line}\n" for line in group))
    disk.write("/etc/shadow", "".join(f"{line}\n" for line in shadow), 0o640)
    for uid, name in new:
        disk.home(name, uid)


def _others(path: str) -> list[str]:
    """Return the lines of a table that are not of the lab's users."""
    lines = Path(path).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return [line for line in lines if line.split(":")[0] not in USERS]


def _free_uid() -> int:
    """Return the first of as many neighbouring user and group ids as the lab has users."""
    taken = {int(line.split(":")[2]) for path in ("/etc/passwd", "/etc/group") for line in _others(path) if line.count(":") >= 2}
    return next(uid for uid in range(FIRST_UID, 60000) if not taken & set(range(uid, uid + len(USERS))))
