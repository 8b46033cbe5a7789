"""What `ec.build` returns: the handles of a topology's nodes and links, by the names that the topology has for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from nepi.execution.handle import Handle

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology


class Net:
    """A topology whose resources are part of an experiment.

    Attributes:
        topology: what it was built from.
    """

    def __init__(self, topology: Topology, handles: Mapping[str, Handle]) -> None:
        self.topology: Final = topology
        self._handles = handles

    def node(self, name: str) -> Handle:
        """Return a computer or switch by its name in the topology.

        Raises:
            UnknownResourceError: there is none.
        """
        return self._handles[self.topology.node(name).name]

    def link(self, name: str, other: str | None = None) -> Handle:
        """Return a link by its name ("bottleneck"), or by the names of its two ends; of several between them the first.

        Raises:
            UnknownResourceError: there is none.
        """
        return self._handles[self.topology.link(name, other).name]

    @property
    def nodes(self) -> list[Handle]:
        """All computers: hosts and routers."""
        return self._named(self.topology.of_kind("host", "router"))

    @property
    def hosts(self) -> list[Handle]:
        """Computers for applications."""
        return self._named(self.topology.of_kind("host"))

    @property
    def routers(self) -> list[Handle]:
        """Computers that are there to pass packets on."""
        return self._named(self.topology.of_kind("router"))

    @property
    def switches(self) -> list[Handle]:
        """Switches."""
        return self._named(self.topology.of_kind("switch"))

    @property
    def links(self) -> list[Handle]:
        """All links."""
        return self._named(tuple(one.name for one in self.topology.links))

    @property
    def sources(self) -> list[Handle]:
        """Nodes that traffic usually comes from."""
        return self._named(self.topology.sources)

    @property
    def targets(self) -> list[Handle]:
        """Nodes that traffic usually goes to."""
        return self._named(self.topology.targets)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be carried over from where the topology came from."""
        return self.topology.warnings

    def _named(self, names: tuple[str, ...]) -> list[Handle]:
        return [self._handles[name] for name in names]

    def __repr__(self) -> str:
        return f"<Net of {self.topology}: {len(self.topology.nodes)} nodes, {len(self.topology.links)} links>"
