"""A veth pair between two places: made as planned, then changed by saying what it is to be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.namespace import NamespaceSession, Shape, Tunnel, VethEnd
from nepi.resources.netns.machines import vni_of
from nepi.resources.netns.run import NamespaceRun

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.plan.result import InterfacePlan

SMALLEST_IPV6_MTU = 1280  # RFC 8200, section 5


@dataclass(frozen=True, slots=True)
class CableState:
    """What a cable is to be.

    Attributes:
        shapes: what each end does to what leaves by it.
        up: of each end.
        mtu_bytes: of each end.
    """

    shapes: tuple[Shape, Shape] = (Shape(), Shape())
    up: tuple[bool, bool] = (True, True)
    mtu_bytes: tuple[int, int] = (1500, 1500)


class Cable:
    """The veth pair of one link, or of one interface on a switch; between two machines, an interface on each and a VXLAN between them.

    Args:
        runs: where its ends are made, one for each, or one for both.
        ec: for the names of places.
        ends: as planned.
        owner: guid of the resource, for the ledger.
        userspace: whether frames are moved in user space, instead of by the kernel.
    """

    def __init__(
        self,
        runs: Sequence[NamespaceRun],
        ec: ExperimentController,
        ends: tuple[InterfacePlan, ...],
        owner: int,
        *,
        userspace: bool = False,
    ) -> None:
        self.ends = ends
        self.state = CableState()
        self._runs = (runs[0], runs[-1])
        self._ec = ec
        self._owner = owner
        self._userspace = userspace
        self._changing = asyncio.Lock()

    def place(self, side: int) -> str:
        """Return the name of the node or switch at one end."""
        return self._ec.resource(self.ends[side].node).name

    @property
    def crosses(self) -> bool:
        """Whether its ends are on two machines."""
        return self._runs[0] is not self._runs[1]

    def run(self, side: int) -> NamespaceRun:
        """Return what the run's resources share where one end is."""
        return self._runs[side]

    def session(self, side: int) -> NamespaceSession:
        """Return the session of the machine where one end is."""
        return self._runs[side].session

    async def make(self, wanted: CableState) -> None:
        """Make it: interfaces, addresses, neighbours, shape."""
        first, second = (self._veth_end(side, wanted) for side in (0, 1))
        kind: dict[str, Any] = {"userspace": True} if self._userspace else {}
        making: list[Awaitable[Any]]
        if self.crosses:
            tunnels = self._tunnels()
            both = ((0, first), (1, second))
            making = [self.session(side).tunnel(end, tunnels[side], owner=self._owner, **kind) for side, end in both]
        else:
            making = [self.session(0).veth(first, second, owner=self._owner, **kind)]
        making += self._shaping(CableState(), wanted)  # asked for after that, in the same turn of the loop
        await (_all(making) if len(making) > 1 else making[0])
        self.state = wanted

    def _tunnels(self) -> tuple[Tunnel, Tunnel]:
        """Return the way between the two machines, as each of them sees it."""
        first, second = (run.underlay for run in self._runs)
        if first is None or second is None:
            local = self.place(0 if first is None else 1)
            raise ResourceError(
                f"{local} is on this machine, and the other end is not: let it be on a host, too (hostname localhost will do)"
            )
        if first.address == second.address:
            raise ResourceError(f"{self._runs[0].machine} and {self._runs[1].machine} are the same machine ({first.address})")
        vni = vni_of(f"{self._ec.exp_id}/{self._ec.run_id}", self._owner)
        return Tunnel(vni, first.address, second.address), Tunnel(vni, second.address, first.address)

    async def lay_routes(self) -> None:
        """Give both ends the planned routes over their addresses; an end that is down gets them when it comes up."""
        state = self.state
        up = [(side, (end.node, self._addresses(side, state.mtu_bytes[side]))) for side, end in enumerate(self.ends) if state.up[side]]
        if not self.crosses:
            await self._runs[0].routing.lay(self._ec, *(given for _, given in up))
        else:
            await _all([self._runs[side].routing.lay(self._ec, given) for side, given in up])

    def find(self) -> bool:
        """Take hold of it if an earlier controller has made it, as it is; return whether it is there."""
        found = [self.session(side).interface(self.place(side), end.ifname) for side, end in enumerate(self.ends)]
        first, second = found[0], found[1]
        if first is None or second is None:
            return False
        shapes = (_shape_of(first["shape"]), _shape_of(second["shape"]))
        self.state = CableState(shapes, (first["up"], second["up"]), (first["mtu"], second["mtu"]))
        for side in (0, 1):
            self._neighbours(side, self.state.mtu_bytes[side])
        return True

    def _veth_end(self, side: int, wanted: CableState) -> VethEnd:
        end, mtu = self.ends[side], wanted.mtu_bytes[side]
        return VethEnd(
            self.place(side), end.ifname, end.mac, mtu, wanted.up[side], self._addresses(side, mtu), neighbours=self._neighbours(side, mtu)
        )

    def _addresses(self, side: int, mtu_bytes: int) -> tuple[str, ...]:
        return tuple(one for one in self.ends[side].addresses if mtu_bytes >= SMALLEST_IPV6_MTU or ":" not in one)

    def _neighbours(self, side: int, mtu_bytes: int) -> tuple[tuple[str, str], ...]:
        return tuple(self._runs[side].neighbours(self._ec, self.ends[side], ipv6=mtu_bytes >= SMALLEST_IPV6_MTU))

    async def become(self, wanted: CableState) -> None:
        """Change it into what it is to be; what does not differ is not touched. A change that fails leaves it as it was.

        Raises:
            ResourceError: the kernel refused.
        """
        async with self._changing:
            before = self.state
            try:
                await self._change(before, wanted)
            except ResourceError:
                with contextlib.suppress(ResourceError):
                    await self._change(wanted, before)
                raise
            self.state = wanted

    def unchanged(self) -> AbstractAsyncContextManager[None]:
        """Return a context in which it stays as it is: who wants to change it waits."""
        return self._changing

    async def _change(self, before: CableState, wanted: CableState) -> None:
        work: list[Awaitable[Any]] = []
        again: list[int] = []
        for side, end in enumerate(self.ends):
            mtu = wanted.mtu_bytes[side] if wanted.mtu_bytes[side] != before.mtu_bytes[side] else None
            up = wanted.up[side] if wanted.up[side] != before.up[side] else None
            if mtu is not None or up is not None:
                work.append(self.session(side).set_link(self.place(side), end.ifname, up=up, mtu=mtu))
                if wanted.up[side] and (up or before.mtu_bytes[side] < SMALLEST_IPV6_MTU):
                    again.append(side)
        work += self._shaping(before, wanted)
        await _all(work)
        await _all([self._restore(side, wanted.mtu_bytes[side]) for side in again])

    def _shaping(self, before: CableState, wanted: CableState) -> list[Awaitable[None]]:
        """Shape the ends whose shape differs, or whose frames have another length, in which queues and buckets are counted."""
        return [
            self.session(side).shape(self.place(side), end.ifname, shape)
            for side, (end, shape) in enumerate(zip(self.ends, wanted.shapes, strict=True))
            if shape != before.shapes[side] or (shape != Shape() and wanted.mtu_bytes[side] != before.mtu_bytes[side])
        ]

    async def _restore(self, side: int, mtu_bytes: int) -> None:
        """Give an interface again what the kernel forgets while it is down: IPv6 addresses, neighbours, routes."""
        end, place = self.ends[side], self.place(side)
        for address in (*self._addresses(side, mtu_bytes), *end.given):
            with contextlib.suppress(ResourceError):  # those that it has not forgotten
                await self.session(side).address(place, end.ifname, address)
        await self.session(side).neighbours(place, end.ifname, self._neighbours(side, mtu_bytes))
        node = self._ec.resource(end.node)
        for peer in (*node.get_connected(), *(self._ec.resource(end.owner).get_connected() if end.owner != self._owner else ())):
            again = getattr(peer, "route_again", None)
            if again is not None:
                await again()
        await self._runs[side].routing.lay(self._ec, (end.node, (*self._addresses(side, mtu_bytes), *end.given)))

    async def delete(self, *sides: int) -> None:
        """Take it away.

        Args:
            sides: of one between two machines, the ends that do not go with their nodes.
        """
        for side, end in enumerate(self.ends):
            self._runs[side].forget(self._ec, end)
            self._runs[side].routing.forget(end.node, (*end.addresses, *end.given))
        if not self.crosses:
            await self.session(0).delete_link(self.place(0), self.ends[0].ifname)
            return
        for side in sides:
            with contextlib.suppress(ConnectError):  # the machine is gone, and the end with it
                await self.session(side).delete_link(self.place(side), self.ends[side].ifname)


def _shape_of(record: dict[str, Any] | None) -> Shape:
    """Return a shape from the agent's words, in which tuples are lists."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in (record or {}).items()}
    return Shape(**values)


async def _all(many: list[Awaitable[Any]]) -> None:
    """Do everything together; raise the first error when all of it has ended."""
    for result in await asyncio.gather(*many, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
