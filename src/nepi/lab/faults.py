"""What goes wrong on real hosts, done on purpose to a lab's: reboots, servers that end, cables that are pulled, full disks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from nepi.errors import ResourceError, UnknownResourceError, UsageError
from nepi.lab import network
from nepi.lab.plan import HostPlan
from nepi.lab.processes import BACKEND, END_DEADLINE_S, Started, command, end_host, init_of, inside
from nepi.lab.record import HOLDER, Record

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

    def boot(self, hosts: Iterable[HostPlan]) -> None:
        """Start hosts, side by side, and wait until their SSH servers listen."""
        started = list(hosts)
        record = self._here
        init = script("init.sh")
        holder = record.processes[HOLDER]
        for host in started:
            argv = ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", "--wd=/", "unshare", "--mount", "--propagation", "private"]
            argv += ["--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child"]
            self._start(host.name, [*argv, "sh", "-c", init, "nepi-lab-init", host.name, str(record.folder)])
        self._go([host.name for host in started])
        lines = [line for host in started for line in network.cables(host, record.processes[host.name].pid)]
        network.carry_out(lines, self._in_the_lab)
        for host in started:
            self._pipes[host.name].tell(self._how)
        for host in started:
            self._pipes[host.name].await_line("ready")
            self._settle(host.name)

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
        if not end_host(self._here.processes[name]):
            raise ResourceError(f"{name} did not end within {END_DEADLINE_S:g} s", resource=name, action="halt", backend=BACKEND)
        if name in self._pipes:
            self._pipes.pop(name).let_go()
        # Its ends of the cables go with it, but later; the names are wanted at once.
        network.cut_off(host, self._in_the_lab)

    def reboot(self, name: str) -> None:
        """End a host at once and start it again from its disk: other processes, another boot id, an empty /run and /tmp."""
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

    def cut(self, name: str) -> None:
        """Pull a host's cables: frames to and from it are lost, and nobody is told."""
        self._ports(name, "0")

    def heal(self, name: str) -> None:
        """Put a host's cables in again."""
        self._ports(name, "3")

    def _ports(self, name: str, state: str) -> None:
        """Set the state of the bridge's ports; 0 is disabled, 3 forwards. Source: bridge(8)."""
        for link in self._plan_of(name).links:
            command([*self._in_the_lab, "bridge", "link", "set", "dev", link.outside, "state", state])

    @property
    def _here(self) -> Record:
        if self._record is None:
            raise UsageError("the lab is not up")
        return self._record

    def _plan_of(self, name: str) -> HostPlan:
        for host in self._here.plan.hosts:
            if host.name == name:
                return host
        raise UnknownResourceError(f"the lab has no host {name!r}; it has {', '.join(one.name for one in self._here.plan.hosts)}")

    def _disk(self, name: str) -> Path:
        """Return the disk of a host, as this process sees it."""
        return Path(f"/proc/{self._here.processes[HOLDER].pid}/root/run/{name}")

    @property
    def _in_the_lab(self) -> tuple[str, ...]:
        """A command that runs its arguments where the bridges are."""
        return ("nsenter", f"--net=/proc/{self._here.processes[HOLDER].pid}/ns/net")

    @property
    def _how(self) -> str:
        return "tied" if self._tied else "stay"

    def _settle(self, name: str) -> None:
        """A process is as it should be: let it alone, unless it is tied to this one by its pipe."""
        if not self._tied:
            self._pipes.pop(name).let_go()

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
