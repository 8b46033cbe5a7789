"""What planning returns, as values: `Plan`, `InterfacePlan` and `RoutePlan`, and their JSON form (`plan.json`)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nepi.errors import BadValueError
from nepi.model.states import ResourceState

FORMAT = 1
"""Version of the JSON form, in its `format` key."""

Needs = tuple[tuple[int, ResourceState], ...]
"""What one resource waits for before it is deployed: (guid of the provider, state that it must have reached)."""


@dataclass(frozen=True, slots=True)
class InterfacePlan:
    """One end of a link: an interface of a node, or a port of a switch.

    Attributes:
        node: guid of the node or switch that it is in.
        owner: guid of the resource that makes it: the link, or an interface resource.
        ifname: its name there; unique in a node, and among the ports of all switches of the run.
        mac: its MAC address.
        addresses: the addresses that its owner gives it, "10.0.0.1/24".
        given: the addresses that address resources give it, in the same form.
        neighbours: (address, mac) of the others that it reaches directly, for permanent entries.
    """

    node: int
    owner: int
    ifname: str
    mac: str
    addresses: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    neighbours: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """Routes of a node over one neighbour.

    Attributes:
        via: the neighbour's address, "10.0.0.2".
        over: the node's own address in the same subnet, "10.0.0.1/30": the routes are there when that is.
        to: networks, "10.0.1.0/24"; "0.0.0.0/0" and "::/0" are the default ones.
    """

    via: str
    over: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided before anything runs. It covers the increments before it, too.

    Attributes:
        order: guids, providers before those that need them, otherwise as they were registered.
        added: the part of `order` that this increment added.
        needs: by guid, for every resource of `order`.
        interfaces: by guid of each link (both of its ends) and each interface resource (its own end, and the switch's port when
            it is connected to a switch without a link).
        node_addresses: by guid of each node, its addresses without prefix, in the order of its interfaces.
        routes: by guid of each node that gets some, its static routes; those of route resources are not here.
        values: by guid, the attributes whose value is another than the description's: references as addresses, texts converted.
        warnings: one sentence each; nothing that stops a run.
    """

    order: tuple[int, ...] = ()
    added: tuple[int, ...] = ()
    needs: Mapping[int, Needs] = field(default_factory=dict)
    interfaces: Mapping[int, tuple[InterfacePlan, ...]] = field(default_factory=dict)
    node_addresses: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    routes: Mapping[int, tuple[RoutePlan, ...]] = field(default_factory=dict)
    values: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """Return the plan as plain JSON data; resources with the same needs share one row."""
        rows: dict[Needs, list[int]] = {}
        for guid, needs in self.needs.items():
            if needs:
                rows.setdefault(needs, []).append(guid)
        return {
            "format": FORMAT,
            "order": list(self.order),
            "added": list(self.added),
            "needs": [[[[guid, state.name] for guid, state in needs], guids] for needs, guids in rows.items()],
            "interfaces": {str(guid): [_interface_record(one) for one in ends] for guid, ends in self.interfaces.items()},
            "node_addresses": {str(guid): list(addresses) for guid, addresses in self.node_addresses.items()},
            "routes": {str(guid): [[one.via, one.over, list(one.to)] for one in rows] for guid, rows in self.routes.items()},
            "values": {str(guid): dict(values) for guid, values in self.values.items()},
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Plan:
        """Return the plan that `to_record` wrote.

        Raises:
            BadValueError: another format, or a damaged record.
        """
        if record.get("format") != FORMAT:
            raise BadValueError(f"this plan has format {record.get('format')!r}; this version reads format {FORMAT}")
        try:
            return _from_record(record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadValueError(f"damaged plan: {error!r}") from None


def without(plan: Plan, guids: Container[int]) -> Plan:
    """Return a plan that has decided nothing of these resources, so that they are planned anew."""
    if not any(guid in guids for guid in plan.needs):
        return plan
    return replace(
        plan,
        order=tuple(guid for guid in plan.order if guid not in guids),
        needs={guid: needs for guid, needs in plan.needs.items() if guid not in guids},
        values={guid: values for guid, values in plan.values.items() if guid not in guids},
    )


def _from_record(record: dict[str, Any]) -> Plan:
    needs: dict[int, Needs] = dict.fromkeys(record["order"], ())
    for row, guids in record["needs"]:
        needs.update(dict.fromkeys(guids, tuple((guid, ResourceState[state]) for guid, state in row)))
    return Plan(
        order=tuple(record["order"]),
        added=tuple(record["added"]),
        needs=needs,
        interfaces={int(guid): tuple(_interface_from(one) for one in ends) for guid, ends in record["interfaces"].items()},
        node_addresses={int(guid): tuple(addresses) for guid, addresses in record["node_addresses"].items()},
        routes={
            int(guid): tuple(RoutePlan(via, over, tuple(to)) for via, over, to in rows) for guid, rows in record.get("routes", {}).items()
        },
        values={int(guid): dict(values) for guid, values in record["values"].items()},
        warnings=tuple(record["warnings"]),
    )


def _interface_record(one: InterfacePlan) -> dict[str, Any]:
    record: dict[str, Any] = {"node": one.node, "owner": one.owner, "ifname": one.ifname, "mac": one.mac}
    if one.addresses:
        record["addresses"] = list(one.addresses)
    if one.given:
        record["given"] = list(one.given)
    if one.neighbours:
        record["neighbours"] = [list(pair) for pair in one.neighbours]
    return record


def _interface_from(record: dict[str, Any]) -> InterfacePlan:
    return InterfacePlan(
        node=record["node"],
        owner=record["owner"],
        ifname=record["ifname"],
        mac=record["mac"],
        addresses=tuple(record.get("addresses", ())),
        given=tuple(record.get("given", ())),
        neighbours=tuple((address, mac) for address, mac in record.get("neighbours", ())),
    )
