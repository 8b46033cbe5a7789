"""What a tunnel ends in: a device of a host, which a tunnel that the kernel knows makes itself, and for others exists already."""

from __future__ import annotations

from nepi.execution.resource import ResourceManager
from nepi.hosts.devices.ip_lines import Settings
from nepi.hosts.roles import HostNode

__all__ = ["Endpoint", "Tunnel"]


class Tunnel(ResourceManager):
    """A tunnel between two endpoints.

    Attributes:
        makes_devices: the kernel knows it: what is at its ends is made by it.
    """

    makes_devices: bool = False


class Endpoint(ResourceManager):
    """An end of a tunnel.

    Attributes:
        ifname: the name of its interface; there from READY on, the interface too unless its tunnel makes it.
        frames: whether Ethernet frames go through it, or IP packets.
    """

    ifname: str = ""
    frames: bool = True

    @property
    def node(self) -> HostNode:
        """Where it is."""
        raise NotImplementedError

    def settings(self, mtu: int) -> Settings:
        """Return what its interface is to be.

        Args:
            mtu: what goes through the tunnel at most; counts unless the endpoint has one of its own.
        """
        raise NotImplementedError

    async def plugged(self, mtu: int) -> None:
        """Its interface is there now, and behaves as `settings` says; do what comes after that."""

    async def fit(self, mtu: int) -> None:
        """Its interface exists, and a tunnel that carries so much is being made: let it be no longer than that."""

    def tunnels(self) -> list[Tunnel]:
        """Return the tunnels that end in it."""
        return self.peers(Tunnel)

    @property
    def waits_for_tunnel(self) -> bool:
        """Whether its tunnel makes its interface."""
        return any(tunnel.makes_devices for tunnel in self.tunnels())
