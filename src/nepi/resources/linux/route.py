"""linux::Route: a route of a host, taken away at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from nepi.errors import BadValueError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.devices import ip_lines
from nepi.hosts.roles import HostNode
from nepi.model.conditions import Reached
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check
from nepi.resources.linux.addresses import networks
from nepi.resources.linux.device import HostDevice
from nepi.resources.linux.endpoint import Endpoint, Tunnel
from nepi.resources.linux.interface import Interface


def destination(network: str | None, prefix: object) -> str:
    """Return where a route leads, "default" or a network.

    Raises:
        BadValueError: it is none.
    """
    if not network:
        raise BadValueError("network is not set: where does the route lead? Write a network's address, or 'default'")
    if network == "default":
        return network
    if prefix is None and network in ("0.0.0.0", "::"):
        prefix = 0
    if prefix is None or "/" in network:
        found = networks(network)
    else:
        found = networks(f"{network}/{prefix}")
    return found[0]


def check_route(one: ResourceDescription, peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with a route."""
    try:
        destination(one.attributes.get("network"), one.attributes.get("prefix"))
    except BadValueError as error:
        yield str(error)
    if not peers:
        yield "it must be connected to the interface that it leads over (Tap, Tun or Interface), or to a node"
    elif one.attributes.get("nexthop") is None and not any(_is_device(peer.rtype) for peer in peers):
        yield "without nexthop it must be connected to the interface that it leads over, a Tap, Tun or Interface"


def _is_device(rtype: str) -> bool:
    return rtype.rpartition("::")[2] in ("Tap", "Tun", "Interface", "OVSPort")


class Route(HostDevice, rtype="linux::Route", aliases=("LinuxRoute",)):
    """A route of a host, over the interface that it is connected to. When that is a tunnel's, it is added when the tunnel is there."""

    wants: ClassVar = {HostNode: ResourceState.READY, Endpoint: ResourceState.READY, Interface: ResourceState.READY}
    check: ClassVar[Check | None] = staticmethod(check_route)

    network = Attribute.string(help="The destination: a network's address, or 'default'.", flags=Flags.Design)
    prefix = Attribute.string(help="Length of the network's prefix, or a netmask.", flags=Flags.Design)
    nexthop = Attribute.string(help="Address of the router, or the router itself; not needed over a Tun.", flags=Flags.Design)

    def hosts_of(self) -> list[HostNode]:
        """Return the node whose route it is."""
        ends = self.peers(Endpoint)
        if ends:
            return [ends[0].node]
        interfaces = self.peers(Interface)
        return [interfaces[0].peer(HostNode)] if interfaces else self.peers(HostNode)

    async def deploy(self) -> None:
        """Add it."""
        await self._way_there()
        devices: list[Endpoint | Interface] = [*self.peers(Endpoint), *self.peers(Interface)]
        where, ifname = destination(self.get("network"), self.get("prefix")), devices[0].ifname if devices else None
        add, back = (ip_lines.route(where, via=self.resolved("nexthop"), ifname=ifname, delete=delete) for delete in (False, True))
        await self.make(self.change(self.hosts_of()[0], "ip", [add], [back]))
        self.set_ready()

    async def _way_there(self) -> None:
        """Wait for the tunnels that make the interface."""
        tunnels = [tunnel.guid for end in self.peers(Endpoint) if end.waits_for_tunnel for tunnel in end.peers(Tunnel)]
        if tunnels:
            result = await self.ec.until(Reached(tuple(tunnels), ResourceState.READY))
            if not result:
                raise ResourceError(f"{self.name}: the tunnel that its interface belongs to is not there: {result.reason}")
