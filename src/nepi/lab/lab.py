"""`Lab`: hosts on this machine, each with a network, files, processes and an SSH server of its own."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nepi.errors import ResourceError, UnknownResourceError, UsageError, did_you_mean
from nepi.lab import client, files, network, package
from nepi.lab.faults import INIT, Faults, script
from nepi.lab.machine import check_possible, one_at_a_time, own_network, take_down
from nepi.lab.plan import SSH_PORT, check_size, free_subnets, plan_lab
from nepi.lab.record import FILES, HOLDER, NAME, Record, load

DISK_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class LabHost:
    """What is needed to reach one host.

    Attributes:
        name: in `ssh_config`, "h1", "h2", ...
        hostname: what it calls itself.
        behind: name of its jump host, or "".
        user: who may log in with the key: root, and also "nepi" (sudo without a password) and "plain" (no sudo).
        host_key: public key of its SSH server, as "type key".
    """

    name: str
    hostname: str
    address: str
    port: int
    behind: str
    user: str
    host_key: str
    identity: Path
    known_hosts: Path
    ssh_config: Path


class Lab(Faults):
    """A lab; as a context manager it is up inside the block.

    Args:
        count: number of hosts, h1 to hN.
        jump: how many of them, the last ones, are hidden, each behind another; True is one, behind h1.
        folder: where its files are; a new temporary folder without it.
        disk_bytes: how much each host can write (to its root, /home, /root and /tmp), in memory and only when written.
        sshd: options of sshd_config(5) for all SSH servers, such as {"MaxSessions": 2}.
        tied: the hosts end with this process, however it ends; false lets them live until `down`.
    """

    def __init__(
        self,
        count: int = 1,
        *,
        jump: int | bool = False,
        folder: Path | str | None = None,
        disk_bytes: int = DISK_BYTES,
        sshd: Mapping[str, str | int] | None = None,
        tied: bool = True,
    ) -> None:
        check_size(count, int(jump))
        super().__init__(tied)
        self._count = count
        self._hidden = int(jump)
        self._asked_folder = Path(folder).absolute() if folder is not None else None
        self._disk_bytes = disk_bytes
        self._sshd = dict(sshd or {})
        self.hosts: tuple[LabHost, ...] = ()

    @classmethod
    def open(cls, folder: Path | str) -> Lab:
        """Return the lab that somebody has made in a folder.

        Raises:
            UsageError: there is none, or it is not whole.
        """
        record = load(Path(folder).absolute())
        if record is None:
            raise UsageError(f"there is no lab in {folder}; `nepi lab up 2` makes one")
        if record.state != "up" or not record.is_of_this_boot():
            raise UsageError(f"the lab in {folder} is not up; `nepi lab down --dir {folder}` removes what is left of it")
        lab = cls(len(record.plan.hosts), folder=folder, tied=False)
        lab._record = record
        lab._describe()
        return lab

    @property
    def folder(self) -> Path:
        """Where the lab's files are."""
        return self._here.folder

    @property
    def identity(self) -> Path:
        """The private key that opens all hosts."""
        return self.folder / "identity"

    @property
    def known_hosts(self) -> Path:
        """The hosts' public keys."""
        return self.folder / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """A file for `ssh -F`."""
        return self.folder / "ssh_config"

    def host(self, name: str) -> LabHost:
        """Return a host by its name.

        Raises:
            UnknownResourceError: there is none.
        """
        for one in self.hosts:
            if one.name == name:
                return one
        names = [one.name for one in self.hosts]
        raise UnknownResourceError(f"the lab has no host {name!r}{did_you_mean(name, names)}; it has {', '.join(names)}")

    def ssh(self, name: str, *argv: str) -> list[str]:
        """Return the command line that runs a command (or a shell) on a host."""
        return ["ssh", "-F", str(self.ssh_config), self.host(name).name, *argv]

    def up(self) -> Self:
        """Make the lab.

        Raises:
            UsageError: it needs root; there is one already.
            ResourceError: something could not be made; what had been made is gone again.
        """
        if self._record is not None:
            raise UsageError("this lab is up already")
        check_possible()
        try:
            self._make()
        except BaseException:
            with contextlib.suppress(ResourceError):
                self.down()
            raise
        return self

    def down(self) -> None:
        """Give everything back. Harmless when done twice."""
        if self._delays is not None:
            self._delays.close()
            self._delays = None
        if self._record is not None:
            take_down(self._record)
        self._record, self.hosts = None, ()
        pipes, self._pipes = self._pipes, {}
        for one in pipes.values():
            one.let_go()

    def __enter__(self) -> Self:
        return self.up()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.down()

    def _make(self) -> None:
        with tempfile.TemporaryDirectory(prefix="nepi-lab-package-") as workspace:
            repository = package.build(Path(workspace)) if shutil.which("dpkg-deb") else None
        self._claim()
        record = self._here
        client.make_keys([(self.identity, "nepi lab")])
        self._furnish(repository)
        self.boot(record.plan.hosts)
        record.state = "up"
        record.save()
        self._describe()

    def _claim(self) -> None:
        """Decide on names and addresses, write them down, and make what all hosts share: their disks and bridges."""
        folder, made = self._make_folder()
        with one_at_a_time():
            subnets = free_subnets(self._hidden + 1, network.taken_networks(), str(folder))
            plan = plan_lab(self._count, self._hidden, secrets.token_hex(3), subnets, self._disk_bytes)
            record = Record(folder / NAME, plan, own_network(), made, sshd=self._sshd)
            record.claim()
            self._record = record
            self._hold()

    def _hold(self) -> None:
        """Start the process that holds the disks and the bridges."""
        plan = self._here.plan
        argv = ["unshare", "--mount", "--propagation", "private", "--net", "sh", "-c", script("holder.sh"), "nepi-lab-holder"]
        self._start(HOLDER, [*argv, str(plan.disk_bytes), *(host.name for host in plan.hosts)])
        self._go([HOLDER])
        self._of_the_holder(INIT).write_text(script("init.sh"))
        network.carry_out(network.machine_cable(plan, self._here.processes[HOLDER].pid))
        network.carry_out(network.bridges(plan), self._in_the_lab)
        self._pipes[HOLDER].tell("tied" if self._tied else "stay")
        if not self._tied:
            self._pipes.pop(HOLDER).let_go()

    def _make_folder(self) -> tuple[Path, bool]:
        if self._asked_folder is None:
            return Path(tempfile.mkdtemp(prefix="nepi-lab-")), True
        folder = self._asked_folder
        there = folder.is_dir()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = [name for name in FILES if (folder / name).exists()]
        if taken and not (folder / NAME).exists():
            raise UsageError(f"{folder} has files that are not of a lab ({', '.join(taken)}); choose another folder")
        return folder, not there

    def _furnish(self, repository: package.Repository | None) -> None:
        plan = self._here.plan
        disks = [self._disk(host.name) for host in plan.hosts]
        places = [disk / "upper" / files.HOST_KEY.lstrip("/") for disk in disks]
        etc_ssh = Path("/etc/ssh").stat()
        for place in places:
            place.parent.mkdir(parents=True, mode=etc_ssh.st_mode & 0o777)
        client.make_keys([(place, host.name) for place, host in zip(places, plan.hosts, strict=True)])
        keys = [client.public_key(place) for place in places]
        known = client.known_hosts(plan, keys)
        self.known_hosts.write_text(known)
        self.ssh_config.write_text(client.configuration(plan, self.folder))
        mine = client.public_key(self.identity) + " nepi-lab\n"
        config = files.sshd_config(self._here.sshd)
        for host, disk, key in zip(plan.hosts, disks, keys, strict=True):
            files.furnish(files.Disk(disk), host, plan, files.Keys(mine, key), known, repository, config)
            (disk / "net").write_text(network.addresses(host))

    def _describe(self) -> None:
        keys = dict(line.split(" ", 1) for line in self.known_hosts.read_text().splitlines())
        by_name = {names.split(",")[0]: key for names, key in keys.items()}
        self.hosts = tuple(
            LabHost(
                host.name, host.name, host.address, SSH_PORT, host.behind, "root", by_name[host.name],
                self.identity, self.known_hosts, self.ssh_config,
            )
            for host in self._here.plan.hosts
        )  # fmt: skip
