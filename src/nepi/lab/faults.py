"""What goes wrong on real hosts, done on purpose to a lab's: reboots, servers that end, cables that are pulled, full disks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from nepi.errors import ResourceError, UnknownResourceError, UsageError
from nepi.execution.process_identity import ProcessIdentity
from nepi.lab import files, network
from nepi.lab.delays import Delays
from nepi.lab.plan import HostPlan
from nepi.lab.processes import BACKEND, END_DEADLINE_S, Started, command, end_host, init_of, inside
from nepi.lab.record import HOLDER, Record
from nepi.units import duration_s

INIT: Final = "/run/init.sh"
"""Where the holder of the disks has the script of the hosts' first process."""
CLOCK: Final = "/usr/local/lib/nepi-lab-clock.so"
PRELOAD: Final = "/etc/ld.so.preload"
_HERE: Final = Path(__file__).parent


def script(name: str) -> str:
    """Return a shell script of this package."""
    return (_HERE / name).read_text()


class Faults:
    """The part of `Lab` that acts on hosts which are there."""

    def __init__(self, tied: bool) -> None:
        self._tied = tied
        self._record: Record | None = None
        self._pipes: dict[str, Started] = {}
        self._delays: Delays | None = None

    def boot(self, hosts: Iterable[HostPlan]) -> None:
        """Start hosts, side by side, and wait until their SSH servers listen."""
        started = list(hosts)
        record = self._here
        holder = self._holder
        for host in started:
            argv = ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", "unshare", "--mount", "--propagation", "private"]
            argv += ["--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child"]
            self._start(host.name, [*argv, "sh", INIT, host.name, str(record.folder)])
        self._go([host.name for host in started])
        lines = [line for host in started for line in network.cables(host, record.processes[host.name].pid)]
        network.carry_out(lines, self._in_the_lab)
        for host in started:
            self._pipes[host.name].tell("go")
        for host in started:
            self._pipes[host.name].await_line("ready")
            self._pipes.pop(host.name).let_go()

    def run(self, name: str, argv: Sequence[str], *, text: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command as root on a host, past its SSH server and its network.

        Raises:
            CommandError: it failed and `check` is set.
            ResourceError: the host is down.
        """
        self._plan_of(name)
        return inside(self._here.processes[name], argv, text=text, check=check)

    def is_running(self, name: str) -> bool:
        """Whether a host is there; says nothing of its network."""
        self._plan_of(name)
        return init_of(self._here.processes[name]) is not None

    def halt(self, name: str) -> None:
        """End a host at once, as when its power fails; its disk stays."""
        host = self._plan_of(name)
        self._forget_delay(host)
        if not end_host(self._here.processes[name]):
            raise ResourceError(f"{name} did not end within {END_DEADLINE_S:g} s", resource=name, action="halt", backend=BACKEND)
        # Its ends of the cables go with it, but later; the names are wanted at once.
        network.cut_off(host, self._in_the_lab)

    def reboot(self, name: str) -> None:
        """End a host at once and start it again from its disk: other processes, another boot id, an empty /run and /tmp.

        Its cables are whole again: a cut or a delay from before is gone.
        """
        self.halt(name)
        self.boot([self._plan_of(name)])

    def stop_sshd(self, name: str, *, sessions: bool = True) -> None:
        """Kill a host's SSH server.

        Args:
            sessions: also those of its processes that serve connections which are open; what they started is not killed.
        """
        only = "" if sessions else '[ "$pid" = "$(cat /run/sshd.pid)" ] || continue\n'
        self.run(name, ["sh", "-c", f"""
            for entry in /proc/[0-9]*; do
                pid=${{entry#/proc/}}
                [ "$(cat "$entry/comm" 2>/dev/null)" = sshd ] || continue
                {only}kill -KILL "$pid" 2>/dev/null || true
            done
            rm -f /run/sshd.pid
        """])  # fmt: skip

    def start_sshd(self, name: str) -> None:
        """Start a host's SSH server and wait until it listens."""
        self.run(name, ["sh", "-c", """
            /usr/sbin/sshd -E /var/log/sshd.log </dev/null >/dev/null || exit
            until [ -s /run/sshd.pid ]; do sleep 0.01; done
        """])  # fmt: skip

    def set_sshd(self, name: str, options: Mapping[str, str | int]) -> None:
        """Give a host's SSH server options of sshd_config(5), and start it again; connections that are open stay."""
        self.run(name, ["sh", "-c", "cat >/etc/ssh/sshd_config"], text=files.sshd_config({**self._here.sshd, **options}))
        self.stop_sshd(name, sessions=False)
        self.start_sshd(name)

    def cut(self, name: str) -> None:
        """Pull a host's cables: frames to and from it are lost, and nobody is told."""
        self._ports(name, "0")

    def heal(self, name: str) -> None:
        """Put a host's cables in again."""
        self._ports(name, "3")

    def _ports(self, name: str, state: str) -> None:
        """Set the state of the bridge's ports; 0 is disabled, 3 forwards. Source: bridge(8)."""
        for link in self._plan_of(name).links:
            port = self._delays.port(link) if self._delays is not None else link.outside
            command([*self._in_the_lab, "bridge", "link", "set", "dev", port, "state", state])

    def delay(self, name: str, delay: str | float) -> None:
        """Let every frame to a host and every frame from it come later; 0 ends that. Lasts no longer than this process.

        Args:
            delay: one way, such as "1s" or seconds; an answer takes twice as long.
        """
        host = self._plan_of(name)
        delay_s = duration_s(delay)
        if not delay_s:
            self._forget_delay(host)
            return
        if self._delays is None:
            self._delays = Delays(self._holder.pid)
        for place, lines in network.acquaintances(self._here.plan, host).items():
            if not place:
                network.carry_out(lines)
            elif self.is_running(place):
                self.run(place, ["ip", "-batch", "-"], text="".join(f"{line}\n" for line in lines))
        for link in host.links:
            self._delays.set(link, self._here.processes[name].pid, delay_s)

    def _forget_delay(self, host: HostPlan) -> None:
        """Let a host's frames come at once; the process that delays frames ends with the last delay."""
        if self._delays is None:
            return
        for link in host.links:
            self._delays.forget(link)
        if self._delays.is_idle:
            self._delays.close()
            self._delays = None

    def fill_disk(self, name: str, *, left_bytes: int = 0) -> None:
        """Let a host's disk have no more room than `left_bytes`; what is on it stays."""
        self._plan_of(name)
        disk = os.statvfs(self._disk(name))
        self._resize(name, (disk.f_blocks - disk.f_bfree) * disk.f_frsize + left_bytes)

    def free_disk(self, name: str) -> None:
        """Let a host's disk be as large as it was."""
        self._plan_of(name)
        self._resize(name, self._here.plan.disk_bytes)

    def _resize(self, name: str, size_bytes: int) -> None:
        into = ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt"]
        command([*into, "mount", "-o", f"remount,size={size_bytes}", f"/run/{name}"])

    def skew_clock(self, name: str, offset: str | float) -> None:
        """Let a host's wall clock be ahead (or behind, when negative) for what starts there from now on; 0 sets it right.

        It is the C library's clock that is wrong, for all programs that are linked dynamically: the kernel has one wall clock only.
        Times of files are the machine's. Needs gcc.

        Raises:
            CommandError: gcc is missing or failed.
        """
        text = str(offset)
        offset_s = -duration_s(text[1:]) if text.startswith("-") else duration_s(offset)
        if not offset_s:
            self.run(name, ["rm", "-f", PRELOAD])
            return
        self.run(name, ["gcc", "-O2", "-fPIC", "-shared", "-x", "c", "-", "-o", CLOCK], text=script("clock.c"))
        self.run(name, ["sh", "-c", "cat >/etc/nepi-lab-clock"], text=f"{round(offset_s * 1e9)}\n")
        self.run(name, ["sh", "-c", f"echo {CLOCK} >{PRELOAD}"])

    @property
    def _here(self) -> Record:
        if self._record is None:
            raise UsageError("the lab is not up")
        return self._record

    @property
    def _holder(self) -> ProcessIdentity:
        """Who has the disks and the bridges; another process may have its pid when it has ended."""
        holder = self._here.processes.get(HOLDER)
        if holder is None or not holder.is_alive():
            raise ResourceError("the lab has ended: the process that holds its disks and bridges is gone", backend=BACKEND)
        return holder

    def _plan_of(self, name: str) -> HostPlan:
        for host in self._here.plan.hosts:
            if host.name == name:
                return host
        raise UnknownResourceError(f"the lab has no host {name!r}; it has {', '.join(one.name for one in self._here.plan.hosts)}")

    def _disk(self, name: str) -> Path:
        """Return the disk of a host, as this process sees it."""
        return self._of_the_holder(f"/run/{name}")

    def _of_the_holder(self, path: str) -> Path:
        """Return a path in the file system of the process that holds the disks, as this process sees it."""
        return Path(f"/proc/{self._holder.pid}/root{path}")

    @property
    def _in_the_lab(self) -> tuple[str, ...]:
        """A command that runs its arguments where the bridges are."""
        return ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net")

    def _start(self, name: str, argv: Sequence[str]) -> None:
        """Start a process that waits at its gate, and note it; `_go` records it and opens the gate."""
        started = Started(name, argv)
        self._pipes[name] = started
        self._here.processes[name] = started.identity

    def _go(self, names: Sequence[str]) -> None:
        self._here.save()
        for name in names:
            self._pipes[name].tell("go")
        for name in names:
            self._pipes[name].await_line("here")
