"""What the links between two nodes were asked to be: what measurements are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import prod
from typing import TYPE_CHECKING, Any

from nepi.execution.factory import ResourceFactory
from nepi.execution.resource import ResourceManager
from nepi.hosts.roles import HostNode
from nepi.model.attributes import Reference
from nepi.model.loss_bursts import GilbertElliott, mean_loss
from nepi.plan.following import steps_to
from nepi.plan.path import shortest_path

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController

DEFAULT_MTU = 1500
_WITHIN_A_NETWORK = ("switch", "link", "interface")
_ON_THE_WAY = ("node", *_WITHIN_A_NETWORK)


@dataclass(frozen=True, slots=True)
class Way:
    """What the links of a way were asked to do to packets in one direction.

    Attributes:
        rate_bps: the lowest rate, None when no link has one.
        delay_s: of all links together.
        loss: likewise, in the long run; a fraction.
    """

    rate_bps: float | None = None
    delay_s: float = 0.0
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked(Way):
    """What the links on the way of packets were asked to do to them: `Way` from the application to its target, and more.

    Attributes:
        back: from the target to the application.
        mtu_bytes: the smallest MTU.
        changed: some link was changed while it was measured, so there is no one figure.
    """

    back: Way = Way()
    mtu_bytes: int = DEFAULT_MTU
    changed: bool = False

    @property
    def round_trip_s(self) -> float:
        """The delay there and back."""
        return self.delay_s + self.back.delay_s

    @property
    def round_trip_loss(self) -> float:
        """The part of the packets that does not come back."""
        return 1.0 - (1.0 - self.loss) * (1.0 - self.back.loss)


def asked_of_links(one: ResourceManager, target: Any, since: datetime | None) -> Asked | None:
    """Return what the links from an application's node to its target were asked; None when there is no way over links.

    The way is that of the plan's routes, or else a shortest one.

    Args:
        one: the application.
        target: the value of an attribute: a reference to a resource, or an address.
        since: when the measurement began.
    """
    here, there = _node_of(one), _target_node(one.ec, target)
    if here is None or there is None:
        return None
    path = _routed(one.ec, here, there, target) or shortest_path(here.guid, there.guid, lambda guid: _next(one.ec, guid, _ON_THE_WAY))
    links = [link for guid in path if (link := one.ec.get_resource(guid)) is not None and _role(link) == "link"]
    if not links:
        return None
    forward = {link.guid: _runs_forward(link, path) for link in links}
    out = _way(links, forward)
    back = _way(links, {guid: not side for guid, side in forward.items()})
    return Asked(
        out.rate_bps,
        out.delay_s,
        out.loss,
        back=back,
        mtu_bytes=min(_value(link, "mtu") or DEFAULT_MTU for link in links),
        changed=since is not None and any(_changed(link, since) for link in links),
    )


def _runs_forward(link: ResourceManager, path: tuple[int, ...]) -> bool:
    """Whether the way enters a link at its first end."""
    ends = link.connections_in_order()
    before = path[path.index(link.guid) - 1]
    after = path[path.index(link.guid) + 1]
    return ends.index(before) < ends.index(after)


def _way(links: list[ResourceManager], forward: Mapping[int, bool]) -> Way:
    def asked(link: ResourceManager, name: str) -> Any:
        return _directed(link, name, back=not forward[link.guid])

    rates = [rate for link in links if (rate := asked(link, "rate")) is not None]
    delay_s = sum(asked(link, "delay") or 0.0 for link in links)
    return Way(min(rates, default=None), delay_s, 1.0 - prod(1.0 - _loss(link, back=not forward[link.guid]) for link in links))


def _directed(link: ResourceManager, name: str, *, back: bool) -> Any:
    """Return an attribute for one direction; that of the way back has `Back` at its end, and is as in the other one when not set."""
    value = _value(link, f"{name}Back") if back else None
    return _value(link, name) if value is None else value


def _loss(link: ResourceManager, *, back: bool) -> float:
    own = _value(link, "lossBack") if back else None
    model = _value(link, "gemodelBack") if back else None
    if own is None and model is None:
        own, model = _value(link, "loss"), _value(link, "gemodel")
    return mean_loss(GilbertElliott.parse(model)) if model is not None else own or 0.0


def _changed(link: ResourceManager, since: datetime) -> bool:
    at = getattr(link, "changed_at", None)
    return bool(getattr(link, "varies", False)) or (at is not None and at > since)


def _role(manager: ResourceManager) -> str:
    return ResourceFactory.spec(type(manager)).role


def _value(manager: ResourceManager, name: str) -> Any:
    return manager.get(name) if manager.has_attribute(name) else None


def _routed(ec: ExperimentController, here: ResourceManager, there: ResourceManager, target: Any) -> tuple[int, ...]:
    """Return what packets pass by the plan's routes; () when these do not lead there, as with routes of the user's or of daemons."""
    addresses = ec.plan.node_addresses.get(there.guid, ())
    wanted = (target,) if isinstance(target, str) and target in addresses else addresses
    steps = next((steps for address in wanted if (steps := steps_to(ec.plan, here.guid, address))), ())
    passed: list[int] = []
    for sender, taker in steps:
        passed += (sender.node, *shortest_path(sender.owner, taker.owner, lambda guid: _next(ec, guid, _WITHIN_A_NETWORK)), taker.node)
    return tuple(passed)


def _next(ec: ExperimentController, guid: int, roles: tuple[str, ...]) -> Iterator[int]:
    manager = ec.get_resource(guid)
    for other in sorted(manager.connections) if manager is not None else ():
        peer = ec.get_resource(other)
        if peer is not None and _role(peer) in roles:
            yield other


def _node_of(manager: ResourceManager) -> ResourceManager | None:
    """Return the node that a resource is, or is on."""
    if isinstance(manager, HostNode):
        return manager
    for peer in manager.get_connected():
        if isinstance(peer, HostNode):
            return peer
    interfaces = [peer for peer in manager.get_connected() if _role(peer) == "interface"]
    return _node_of(interfaces[0]) if interfaces else None


def _target_node(ec: ExperimentController, target: Any) -> ResourceManager | None:
    if isinstance(target, Reference):
        manager = ec.get_resource(target.guid)
        return _node_of(manager) if manager is not None else None
    for guid, addresses in ec.plan.node_addresses.items():
        manager = ec.get_resource(guid)
        if manager is not None and (target in addresses or target == manager.name):
            return manager
    return None
