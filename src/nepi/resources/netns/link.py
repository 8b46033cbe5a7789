"""netns::Link: a link between nodes, switches and interfaces, made of a veth pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from nepi.errors import ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.namespace import Shape
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Role
from nepi.resources.netns.cabled import Cabled
from nepi.resources.netns.node import Node
from nepi.resources.netns.switch import Switch

IMPAIRMENTS = ("delay", "jitter", "loss", "duplicate", "reorder", "corrupt")
_READY = ResourceState.READY


def link_mistakes(values: Mapping[str, Any], features: Mapping[str, bool]) -> Iterable[str]:
    """Find what a link cannot be here.

    Args:
        values: the link's attributes.
        features: queueing disciplines to whether the kernel has them; one that is not named is taken to be there.
    """
    set_ = [name for name in IMPAIRMENTS if values.get(name)]
    if set_ and not features.get("netem", True):
        them = "it" if len(set_) == 1 else "them"
        yield f"{', '.join(set_)} cannot be had: this kernel has no netem; leave {them} out, or see `nepi doctor`"
    if values.get("rate") and not features.get("tbf", True):
        yield "rate cannot be had: this kernel has no TBF queue; see `nepi doctor`"
    yield from (
        f"{name} needs a delay, which it varies: set delay, too"
        for name in ("jitter", "reorder")
        if values.get(name) and not values.get("delay")
    )
    if values.get("queue") and not values.get("rate") and not set_:
        yield "queue needs a rate: without one, nothing ever waits"


def check_link(one: ResourceDescription, _peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what this link cannot be on this machine."""
    return link_mistakes(one.attributes, facts.get("features", {}))


class Link(Cabled, rtype="netns::Link"):
    """A veth pair between two nodes, switches or interfaces. The same in both directions, and settable while it is up.

    `rate` counts Ethernet frames without preamble and checksum; frames that do not fit wait in a queue, of 100 ms unless told.
    """

    service = True
    role: ClassVar[Role] = "link"
    wants: ClassVar = {Node: _READY, Switch: _READY}
    check: ClassVar[Check | None] = staticmethod(check_link)

    rate = Attribute.rate(help="Rate in each direction; not limited when not set.", range=(8, 10**13))
    queue = Attribute.integer(help="Frames that may wait in each direction; by default what 100 ms of the rate hold.", range=(1, 10**7))
    mtu = Attribute.integer(help="Bytes of an IP packet that fit into a frame; 1500 when not set.", range=(68, 65_535))
    up = Attribute.boolean(True, help="Whether the cable is plugged in.")
    delay = Attribute.duration(help="One-way delay (needs netem).", range=(0, 3600))
    jitter = Attribute.duration(help="The delay varies by plus or minus this (needs netem).", range=(0, 3600))
    loss = Attribute.fraction(help="Part of the packets that is lost, one way (needs netem).")
    duplicate = Attribute.fraction(help="Part of the packets that comes twice (needs netem).")
    reorder = Attribute.fraction(help="Part of the packets that overtakes those before (needs netem).")
    corrupt = Attribute.fraction(help="Part of the packets with one flipped bit (needs netem).")
    addressing = Attribute.boolean(True, help="Give addresses to its ends if they have none.", flags=Flags.Design)

    networks = Attribute.string(help="Where their addresses come from, '10.1.0.0/16 fd01::/48'; the experiment's.", flags=Flags.Design)
    weight = Attribute.number(
        help="What it costs to send over it, for static routes; 1 when not set.", range=(1e-9, 1e9), flags=Flags.Design
    )

    async def deploy(self) -> None:
        """Make the veth pair with its addresses, neighbours and shape."""
        await self.deploy_cable()
        self.set_ready()

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect, as one change.

        Raises:
            ResourceError: this machine cannot do that.
        """
        from nepi.resources.netns.facts import probe

        present = {name: self.get(name) for name in (*IMPAIRMENTS, "rate", "queue")}
        mistakes = list(link_mistakes(present, probe()["features"]))
        if mistakes:
            raise ResourceError(f"link {self.name}: {'; '.join(mistakes)}")
        await self.recable()

    @property
    def is_plugged(self) -> bool:
        """Whether the link is to be up."""
        return bool(self.get("up"))

    def shape(self) -> Shape:
        """Return what the attributes ask for."""
        values = {name: self.get(name) for name in ("loss", "duplicate", "reorder", "corrupt")}
        return Shape(
            rate_bps=self.get("rate"),
            queue_packets=self.get("queue"),
            delay_s=self.get("delay"),
            jitter_s=self.get("jitter"),
            **values,
        )
