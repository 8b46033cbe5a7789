"""A machine as the linux backend has it, for tests of what is on machines: a host of a lab, reached by OpenSSH's client."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from nepi.execution.attribute import Attribute
from nepi.hosts.remote.transport import Transport
from nepi.hosts.roles import MachineNode
from nepi.lab import Lab
from tests.hosts.remote_agent.openssh import OpenSsh

labs: dict[str, Lab] = {}


class Machine(MachineNode, rtype="labtest::Machine"):
    """A host of a lab."""

    lab = Attribute.string(help="Which lab, in `labs`.")
    hostname = Attribute.string(help="Which host of it.")
    deploy_count: ClassVar[int] = 0
    ssh: OpenSsh

    async def deploy(self) -> None:
        self.ssh = OpenSsh(labs[str(self.get("lab"))], str(self.get("hostname")))
        self.transport = cast(Transport, self.ssh)
        self.way: dict[str, Any] = {"lab": self.get("lab"), "host": self.get("hostname")}
        self.set_ready()

    async def release(self) -> None:
        if hasattr(self, "ssh"):
            await self.ssh.close()
        self.set_released()
