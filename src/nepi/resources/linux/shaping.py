"""Shaping of an interface of a host: the attributes of links, for what leaves by it; with `Back` at the end, for what arrives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nepi.errors import BadValueError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.agent.queues import Shape, Stages
from nepi.hosts.devices import ip_lines, tc_lines
from nepi.hosts.devices.commands import Commands
from nepi.hosts.devices.words import Line
from nepi.hosts.impairments import BACK, BACKWARD, DIRECTIONAL, Impairments, shape_of, value_mistakes
from nepi.hosts.roles import HostNode
from nepi.resources.linux.addresses import networks
from nepi.resources.linux.device import HostDevice


def arriving(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is asked of arriving packets, by the names without `Back`. What leaves says nothing of it, as it would on a link."""
    return {name: values.get(name + BACK) for name in DIRECTIONAL}


def shaping_mistakes(values: Mapping[str, Any]) -> Iterator[str]:
    """Find values of a device that do not go together."""
    yield from value_mistakes({name: values.get(name) for name in DIRECTIONAL})
    for mistake in value_mistakes(arriving(values)):
        yield f"of arriving packets ({BACK}): {mistake}"
    try:
        if networks(values.get("shapedNetworks")) and not any(values.get(name) is not None for name in (*DIRECTIONAL, *BACKWARD)):
            yield "shapedNetworks is set, and nothing says how these are shaped: set rate, delay or the like, too"
    except BadValueError as error:
        yield f"shapedNetworks: {error}"


class Shaped(Impairments, HostDevice):
    """A device whose interface can be shaped. The attributes of links count for what leaves by it, those with `Back` for what arrives."""

    shapedNetworks = Attribute.string(
        help="Only packets to (and, arriving, from) these networks are shaped, '10.1.0.0/16 fd01::/48'; all when not set.",
        flags=Flags.Design,
    )

    _before: dict[str, Stages[tuple[str, ...]]] | None = None

    def shapes(self) -> tuple[Shape, Shape]:
        """Return what is asked of packets that leave, and of those that arrive."""
        values = {name: self.get(name) for name in (*DIRECTIONAL, *BACKWARD)}
        return shape_of(values, back=False), shape_of(arriving(values), back=False)

    async def shape(self, node: HostNode, ifname: str, mtu: int) -> None:
        """Let an interface behave as the attributes say now.

        Raises:
            ResourceError: the host refused it; then it is not shaped at all.
        """
        before = self._before if self._before is not None else {}
        leaving, coming = self.shapes()
        self._before = before
        await self._become(node, ifname, tc_lines.shaped(leaving, mtu), arriving=False)
        through = self.name_on("ifb", self.guid)
        stages = tc_lines.shaped(coming, mtu)
        if stages and through not in before:
            await self._lead_through(node, ifname, through, mtu)
        if stages or through in before:
            await self._become(node, through, stages, arriving=True)

    async def _lead_through(self, node: HostNode, ifname: str, through: str, mtu: int) -> None:
        wanted = ip_lines.Settings(up=True, mtu=mtu)
        await self.make_interface(node, through, [ip_lines.add_plain(through, "ifb"), *ip_lines.settings(through, wanted)])
        await self.change(node, "tc", tc_lines.divert(ifname, through), [tc_lines.remove(ifname, ingress=True)])

    async def _become(self, node: HostNode, ifname: str, after: Stages[tuple[str, ...]], *, arriving: bool) -> None:
        assert self._before is not None
        known, chosen = ifname in self._before, networks(self.get("shapedNetworks"))
        before = self._before.get(ifname, ())
        if after == before:
            return
        lines: Sequence[Line]
        if tc_lines.can_be_changed(before, after):
            lines = tc_lines.chain(ifname, after, chosen)
        else:
            lines = [*([tc_lines.remove(ifname)] if before else []), *tc_lines.root(ifname, after, chosen, arriving=arriving)]
        try:
            if known:
                await Commands(node.host).tc(lines)
            else:
                await self.change(node, "tc", lines, [tc_lines.remove(ifname)])
        except ResourceError:
            self._before[ifname] = ()
            await Commands(node.host).each("tc", [tc_lines.remove(ifname)])
            raise
        self._before[ifname] = after
