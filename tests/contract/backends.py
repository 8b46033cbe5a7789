"""What the contract suite needs to know of a backend: how its nodes, links and applications are written down.

A backend joins the suite by a class here and a line in `BACKENDS`. One that runs real commands inherits from `CommandBackend`.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nepi import ExperimentController, Handle

OVER_SSH = "linux-ssh"


class Backend:
    """A backend whose applications end by themselves after some time, with some status.

    Attributes:
        name: of the backend.
        kind: of its applications, as in their names.
        failing: the exit status of those that fail.
    """

    name: ClassVar[str] = ""
    kind: ClassVar[str] = "application"
    failing: ClassVar[int] = 3

    def node(self, ec: ExperimentController, name: str) -> Handle:
        return ec.add("Node", name=name)

    def link(self, ec: ExperimentController, a: Handle, b: Handle, **values: Any) -> Handle:
        return ec.add("Link", a, b, **values)

    def application(
        self, ec: ExperimentController, node: Handle, *, lasts_s: float = 0.0, status: int = 0, name: str | None = None, **values: Any
    ) -> Handle:
        raise NotImplementedError


class Dummy(Backend):
    name = "dummy"

    def application(
        self, ec: ExperimentController, node: Handle, *, lasts_s: float = 0.0, status: int = 0, name: str | None = None, **values: Any
    ) -> Handle:
        return ec.add("Application", node, duration=lasts_s, exitStatus=status, name=name, **values)


class Ns3(Backend):
    """Simulated nodes: no commands run on them, but programs that the simulation knows, in its time."""

    name = "ns3"
    kind = "ping"
    failing = 2

    def application(
        self, ec: ExperimentController, node: Handle, *, lasts_s: float = 0.0, status: int = 0, name: str | None = None, **values: Any
    ) -> Handle:
        """A ping of the node itself, the second of two after as long as it is to last; one that is to fail has no route to its target."""
        if status:
            return ec.add("Ping", node, target="192.0.2.1", count=1, timeout="10ms", name=name, **values)
        times = {"count": 2, "interval": lasts_s} if lasts_s else {"count": 1}
        return ec.add("Ping", node, target="127.0.0.1", **times, name=name, **values)


class CommandBackend(Backend):
    """A backend on whose nodes commands run."""

    def application(
        self, ec: ExperimentController, node: Handle, *, lasts_s: float = 0.0, status: int = 0, name: str | None = None, **values: Any
    ) -> Handle:
        return self.command(ec, node, f"sleep {lasts_s:.3f}; exit {status}", name=name, **values)

    def kill(self, ec: ExperimentController, app: Handle) -> None:
        """Kill the process of an application, as a stranger would."""
        os.kill(app.process.pid, signal.SIGKILL)

    def is_alive(self, pid: int) -> bool:
        """Whether a process of an application runs, by its id as its host has it."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    def command(self, ec: ExperimentController, node: Handle, command: str, *, name: str | None = None, **values: Any) -> Handle:
        return ec.add("Application", node, command=command, name=name, **values)


class Netns(CommandBackend):
    name = "netns"


class Linux(CommandBackend):
    """This machine as a host, without sshd. Hosts are not joined by links of ours: a server on one of them stands for one."""

    name = "linux"

    def node(self, ec: ExperimentController, name: str) -> Handle:
        return ec.add("Node", name=name, hostname="localhost", home=str(Path(ec.run_dir).parents[1]))

    def link(self, ec: ExperimentController, a: Handle, b: Handle, **values: Any) -> Handle:
        return ec.add("Server", a, command="exec sleep 600", **values)


class LinuxOverSsh(Linux):
    """Two hosts of a lab, each with a real sshd and processes of its own. The module's fixture says which lab."""

    lab: ClassVar[Any] = None

    def node(self, ec: ExperimentController, name: str) -> Handle:
        host = self.lab.hosts[len(ec.resources) % 2]
        return ec.add("Node", name=name, hostname=host.name, sshConfig=str(self.lab.ssh_config))

    def kill(self, ec: ExperimentController, app: Handle) -> None:
        ec.exec(next(iter(app.manager.get_connected("linux::Node"))).guid, ["kill", "-KILL", str(app.process.pid)])

    def is_alive(self, pid: int) -> bool:
        """Whether some host has such a process: they have process ids of their own, and the contract has one application then."""
        return any(self.lab.run(host.name, ["kill", "-0", str(pid)], check=False).returncode == 0 for host in self.lab.hosts)


COMMAND_BACKENDS = [
    pytest.param(Netns(), id="netns", marks=pytest.mark.netns),
    pytest.param(Linux(), id="linux", marks=pytest.mark.netns),
    pytest.param(LinuxOverSsh(), id=OVER_SSH, marks=pytest.mark.root),
]
SIMULATED = "ns3"
BACKENDS = [pytest.param(Dummy(), id="dummy"), pytest.param(Ns3(), id=SIMULATED, marks=pytest.mark.ns3), *COMMAND_BACKENDS]
