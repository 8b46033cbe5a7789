"""A namespace as an end of what is simulated: a tap in it."""

from __future__ import annotations

from nepi.errors import CommandError, ResourceError
from nepi.execution.resource import ResourceManager
from nepi.hosts.ns3.taps import passed, tap_on
from nepi.plan.result import InterfacePlan
from nepi.resources.netns.node import Node
from nepi.resources.netns.run import NamespaceRun
from nepi.resources.ns3.place import machine_of
from nepi.resources.ns3.simulation_run import SimulationRun

DEADLINE_S = 20.0
DEFAULT_MTU = 1500


class NamespaceEnd:
    """A tap in a namespace.

    Args:
        owner: the link or station.
        node: whose namespace it is.
        end: what the plan has for it.
    """

    is_tunnel = False

    def __init__(self, owner: ResourceManager, node: Node, end: InterfacePlan) -> None:
        self._owner, self._node, self._end = owner, node, end
        self._run: NamespaceRun | None = None

    async def reach(self, simulation: SimulationRun, mtu_bytes: int | None) -> int:
        """Return how long its packets are.

        Raises:
            ResourceError: the simulation runs on another machine.
        """
        machine = machine_of(simulation.resource) if simulation.resource is not None else None
        if machine is not None:
            raise ResourceError(
                f"{simulation.name} runs on {machine.name}, where the tap of a namespace of this machine cannot be read: "
                f"run it here, or join it with hosts (linux::Node), to which there are tunnels",
                resource=self._owner.name,
            )
        return mtu_bytes or DEFAULT_MTU

    async def open(self, simulation: SimulationRun, mtu_bytes: int) -> int:
        """Open the tap; return its descriptor in the simulation.

        Raises:
            ResourceError: there is no TUN device.
        """
        run = self._run = await NamespaceRun.of(self._owner.ec)
        await run.join(self._owner)
        async with tap_on(self._node.host, self._end.ifname, mac=self._end.mac, mtu_bytes=mtu_bytes) as descriptor:
            return await passed(descriptor, simulation.simulator)

    async def furnish(self) -> None:
        """Give the tap what the plan has for it: addresses, neighbours, and the node's routes over them.

        Raises:
            CommandError: the kernel refused.
        """
        run, end = self._run, self._end
        assert run is not None
        lines = [f"link set dev {end.ifname} up", *(f"address add {one} dev {end.ifname}{nodad(one)}" for one in end.addresses)]
        lines += [f"neigh replace {ip} lladdr {mac} dev {end.ifname} nud permanent" for ip, mac in end.neighbours]
        host = run.session.host(self._node.name, owner=self._owner.guid)
        done = await host.run(["ip", "-batch", "-"], stdin="".join(f"{line}\n" for line in lines).encode(), deadline_s=DEADLINE_S)
        if done.exit.status:
            raise CommandError(done.argv, done.exit.status, done.stderr.decode(errors="replace"), resource=self._owner.name)
        await run.routing.lay(self._owner.ec, (end.node, (*end.addresses, *end.given)))

    async def close(self) -> None:
        """Take leave: the tap went with the simulation's descriptor, and the rest goes with the namespace."""
        if self._run is not None:
            self._run.routing.forget(self._end.node, (*self._end.addresses, *self._end.given))
            self._run.leave(self._owner)
            self._run = None


def nodad(address: str) -> str:
    """Return the word that makes an IPv6 address usable at once."""
    return " nodad" if ":" in address else ""
