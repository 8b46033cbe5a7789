"""The topology that an experiment has, whoever wrote its resources down: to be drawn, and to be saved for another experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from nepi.model.experiment import ExperimentDescription
from nepi.topologies.elements import Kind, Position, TopologyLink, TopologyNode

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

T = TypeVar("T", bound="Topology")


def of_experiment(
    kind: type[T],
    description: ExperimentDescription,
    roles: Mapping[str, str],
    positions: Mapping[str, Position] | None = None,
    **more: Any,
) -> T:
    """Return an experiment's nodes, switches and links; see `Topology.of_experiment`."""
    view = _View(description, roles)
    places = positions or {}
    nodes = []
    for guid, name in view.names.items():
        role = view.roles.get(guid)
        if role in ("node", "switch"):
            made: Kind = "switch" if role == "switch" else "host"
            nodes.append(TopologyNode(name, made, places.get(name), dict(view.attributes[guid])))
    more.setdefault("name", description.exp_id)
    return kind(tuple(nodes), tuple(view.links()), **more)


class _View:
    """Who is connected to whom, whichever side it was written down on."""

    def __init__(self, description: ExperimentDescription, roles: Mapping[str, str]) -> None:
        self.names = {one.guid: one.name for one in description.resources}
        self.roles = {one.guid: roles.get(one.rtype, "") for one in description.resources}
        self.attributes = {one.guid: _plain(one.attributes) for one in description.resources}
        self._peers: dict[int, dict[int, None]] = {one.guid: {} for one in description.resources}
        for one in description.resources:
            for peer in one.connections:
                if peer in self._peers:
                    self._peers[one.guid][peer] = self._peers[peer][one.guid] = None

    def links(self) -> list[TopologyLink]:
        """Return links, and interfaces that are on a switch without one."""
        found = []
        for guid, name in self.names.items():
            role = self.roles[guid]
            on_link = role == "interface" and self._of_role(guid, "link")
            ends = self._ends(guid) if role in ("link", "interface") and not on_link else []
            if len(ends) == 2:
                found.append(TopologyLink(name, (self.names[ends[0]], self.names[ends[1]]), "", dict(self.attributes[guid])))
        return found

    def _ends(self, guid: int) -> list[int]:
        """Return the nodes and switches at the ends of a link, or of an interface."""
        ends = []
        for peer in self._peers[guid]:
            ends += (
                self._of_role(peer, "node")[:1] if self.roles[peer] == "interface" else [peer] * (self.roles[peer] in ("node", "switch"))
            )
        return list(dict.fromkeys(ends))

    def _of_role(self, guid: int, role: str) -> list[int]:
        return [peer for peer in self._peers[guid] if self.roles[peer] == role]


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if isinstance(value, str | int | float | bool)}
