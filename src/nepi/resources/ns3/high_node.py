"""ns3::Node: a simulated computer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.ns3.programs.commands import CONGESTION
from nepi.hosts.ns3.programs.host import SimulatedHost
from nepi.hosts.roles import HostNode
from nepi.model.states import ResourceState
from nepi.resources.ns3.attributes import members_of
from nepi.resources.ns3.catalogue import catalogue
from nepi.resources.ns3.high_resource import SimulatedResource
from nepi.resources.ns3.kinds import NodeObject


class Node(NodeObject, SimulatedResource, HostNode, rtype="ns3::Node"):
    """A simulated computer with an Internet stack; interfaces come with links and networks. It has a place, which Wi-Fi needs.

    Connected to an ns3::Simulation it is a plain node of ns-3, for devices, channels and applications that are types of ns-3.
    """

    typeid = "ns3::Node"
    needs: ClassVar = {}
    wants: ClassVar = {"ns3::Simulation": ResourceState.READY}

    forwarding = Attribute.boolean(True, help="Pass on packets for others, as a router does.", flags=Flags.Design)
    routing = Attribute.choice(
        ("static", "none"), help="Whether it gets static routes from the plan; as the experiment says when not set.", flags=Flags.Design
    )
    congestion = Attribute.choice(
        tuple(CONGESTION), "cubic", help="TCP congestion control of connections that do not choose one.", flags=Flags.Design
    )
    x = Attribute.number(0.0, help="Where it is, in metres.")
    y = Attribute.number(0.0, help="Where it is, in metres.")
    z = Attribute.number(0.0, help="Where it is, in metres.")
    speedX = Attribute.number(0.0, help="How it moves from there, in metres a second.")
    speedY = Attribute.number(0.0, help="How it moves from there, in metres a second.")

    async def deploy(self) -> None:
        """Make the node."""
        if self.in_simulation:
            await NodeObject.deploy(self)
            return
        run = await self.joined()
        (number,) = await run.session.child.call(("AddNode", self.get("forwarding"), CONGESTION[self.get("congestion")]))
        run.add_node(self, number)
        self.host = SimulatedHost(run.session, self.name, number, Path(self.ec.run_dir) / "scratch" / self.name.replace("/", "_"))
        await self._place(number)
        self.set_ready()

    async def _place(self, number: int) -> None:
        assert self.run is not None
        place = [float(self.get(name)) for name in ("x", "y", "z", "speedX", "speedY")]
        await self.run.session.child.call(("Place", number, *place))

    @property
    def in_simulation(self) -> bool:
        """Whether it is connected to an ns3::Simulation."""
        return any(one.is_rm_instance("ns3::Simulation") for one in self.get_connected())

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Move it."""
        if self.in_simulation:
            await NodeObject.apply(self, values)
        elif self.run is not None:
            await self._place(self.run.number_of(self.guid))

    def warnings_of_run(self) -> list[str]:
        """Return that the simulation was slower than the real time, if it was."""
        lag = self.run.check_lag() if self.run is not None else ""
        return [lag] if lag else []


_ATTRIBUTES, _TRACES = members_of(catalogue(), Node.typeid)
Node._attributes = {**_ATTRIBUTES, **Node._attributes}
Node._traces = {**_TRACES, **Node._traces}
