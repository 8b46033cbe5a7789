"""ns3::Recording: what is written down of the simulation as a whole."""

from __future__ import annotations

from nepi.errors import ConnectError
from nepi.execution.trace import Trace
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.flows import FlowRow, parse_flows
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.model.states import ResourceState
from nepi.resources.ns3.high.node import Node
from nepi.resources.ns3.high.resource import SimulatedResource
from nepi.resources.ns3.high.switch import Switch


class Recording(SimulatedResource, rtype="ns3::Recording"):
    """Records all flows (ns-3's FlowMonitor) and, when that trace is enabled, how nodes move and packets fly (for NetAnim).

    Several share one FlowMonitor; one of them can have the animation.
    """

    service = True

    flows = Trace("flows", "Every flow, as FlowMonitor's XML.", enabled=True)
    animation = Trace("animation", "Where nodes are and what they send, as XML for NetAnim.")

    async def deploy(self) -> None:
        """Join the simulation."""
        await self.joined()
        self.set_ready()

    async def start(self) -> None:
        """Begin to record: all nodes are there."""
        assert self.run is not None
        operations: list[Operation] = []
        if self.trace_enabled("flows"):
            operations.append(protocol.static("nepi::MonitorFlows"))
        if self.trace_enabled("animation"):
            path = self.trace_path("animation")
            path.parent.mkdir(parents=True, exist_ok=True)
            operations.append(protocol.check("nepi::Animate", str(path.absolute())))
            nodes = [one for one in self.run.members if isinstance(one, Node | Switch)]
            operations += [protocol.static("nepi::NameInAnimation", ref(one.guid), one.name) for one in nodes]
        await self.run.ask(*operations)
        self.set_started()

    async def stop(self) -> None:
        """Write down what was recorded."""
        await self._write()
        if self.state == ResourceState.STARTED:
            self.set_stopped()

    async def release(self) -> None:
        """Write down what was recorded, if that was not done."""
        if self.state == ResourceState.STARTED:
            await self._write()
        await super().release()

    async def _write(self) -> None:
        if self.run is None:
            return
        path = self.trace_path("flows")
        path.parent.mkdir(parents=True, exist_ok=True)
        flows = [protocol.static("nepi::WriteFlows", str(path.absolute()))] if self.trace_enabled("flows") else []
        animation = [protocol.static("nepi::EndAnimation")] if self.trace_enabled("animation") else []
        try:
            await self.run.ask(*flows, *animation, protocol.flush())
        except ConnectError as error:
            self.warning(f"what was recorded is lost: {error}")

    @property
    def result(self) -> tuple[FlowRow, ...] | None:
        """The flows; None until it was stopped."""
        path = self.trace_path("flows")
        return parse_flows(path.read_bytes()) if path.exists() else None
