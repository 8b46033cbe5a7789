"""Applications of simulated nodes, and what watches their flows."""

from __future__ import annotations

from typing import ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.model.states import ResourceState
from nepi.resources.ns3.blueprint import Phase, check, ref_or_none
from nepi.resources.ns3.entering import Entering
from nepi.resources.ns3.kinds.device import Device
from nepi.resources.ns3.kinds.node import NodeObject
from nepi.resources.ns3.kinds.thing import Thing


class Program(Entering, Thing):
    """An application of a simulated node."""

    service = False
    lasts_in_simulation = True
    uses_stack = True
    needs: ClassVar = {"ns3::Node": ResourceState.READY}

    async def start(self) -> None:
        """Join its node: `StartTime` counts from now."""
        simulation = await self.simulation()
        await simulation.enter(self, self.get_connected(NodeObject)[0].guid)
        self.set_started()

    def stops_after_ns(self) -> int:
        """Return its StopTime in nanoseconds; 0 for none."""
        return round((super().get("StopTime") or 0.0) * 10**9)

    async def stop(self) -> None:
        """End it now."""
        simulation = await self.simulation()
        if simulation.is_running:
            await simulation.ask(protocol.stop_application(self.guid))
        if self.state == ResourceState.STARTED:
            self.set_stopped()

    def own_device(self) -> Device | None:
        """Return the device of its node that it is connected to."""
        nodes = {one.guid for one in self.get_connected(NodeObject)}
        return next((one for one in self.get_connected(Device) if one.node() in nodes), None)


class PacketProgram(Program):
    """Packets without IP, on the device that it is connected to: to another device when it is connected to that, or to all."""

    header = "sockets.h"
    uses_stack = False
    protocolNumber = Attribute.integer(1, help="What tells its packets from others'.", range=(0, 0xFFFF), flags=Flags.Design)

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Have a socket on its device, once that is in its node."""
        wanted, device = super().blueprint(phase), self.own_device()
        if phase is Phase.ADDRESS and device is not None:
            other = next((one.guid for one in self.get_connected(Device) if one is not device), None)
            wanted.append(check("UsePacketSocket", ref(self.guid), ref(device.guid), ref_or_none(other), self.get("protocolNumber")))
        return wanted


class DhcpClient(Program):
    """Asks for the address of the device that it is connected to."""

    header = "sockets.h"

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Have an interface without an address."""
        wanted, device = super().blueprint(phase), self.own_device()
        return [*wanted, check("UseDhcp", ref(self.guid), ref(device.guid))] if phase is Phase.ADDRESS and device is not None else wanted


class Radvd(Program):
    """Tells IPv6 hosts which network they are on, on the device that it is connected to."""

    header = "sockets.h"
    network = Attribute.string("2001:db8::/64", help="The network that it tells.", flags=Flags.Design)

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Tell it on its device, once that has an address."""
        wanted, device = super().blueprint(phase), self.own_device()
        if phase is Phase.ROUTE and device is not None:
            network, _, prefix = str(self.get("network")).partition("/")
            wanted.append(check("UseRadvd", ref(self.guid), ref(device.guid), network, int(prefix or 64)))
        return wanted


class FlowMonitor(Thing):
    """Watches all flows of the nodes that it is connected to, of all nodes when it is connected to none."""

    header = "sockets.h"
    flows = Trace("flows", "What became of each flow, as ns-3 writes it in XML.")

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Watch nodes that have their stack, and write at the end."""
        if phase is Phase.ROUTE:
            nodes = [one.guid for one in self.get_connected(NodeObject)]
            return [check("WatchFlows", ref(self.guid), ref(node)) for node in nodes] or [check("WatchAllFlows", ref(self.guid))]
        return super().blueprint(phase)

    def recordings(self) -> list[Operation]:
        """Return how what it has seen is written when the simulation has ended."""
        trace = (self._own_trcs or {}).get("flows")
        if trace is None or not trace.enabled:
            return []
        path = self.trace_path("flows")
        path.parent.mkdir(parents=True, exist_ok=True)
        return [check("WriteFlowsAtEnd", ref(self.guid), str(path))]
