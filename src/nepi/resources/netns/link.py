"""netns::Link: a link between nodes, switches and interfaces, in the kernel or in user space."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from nepi.errors import BadValueError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.impairments import BACK, value_mistakes
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Remark, Role
from nepi.resources.netns.facts_of_runs import facts_of
from nepi.resources.netns.impairments import Impaired
from nepi.resources.netns.implementation import AUTO, IMPLEMENTATIONS, KERNEL, REMEDY, USERSPACE, choose, kernel_lacks
from nepi.resources.netns.link_changes import LinkChanges
from nepi.resources.netns.link_checks import impossible, link_mistakes
from nepi.resources.netns.node import Node
from nepi.resources.netns.run import NamespaceRun
from nepi.resources.netns.switch import Switch
from nepi.resources.netns.timeline import Changes, Deliveries, load
from nepi.resources.netns.verified import VerifiedLink

_READY = ResourceState.READY
_TIMELINES = ("timeline", f"timeline{BACK}")


def check_link(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what this link cannot be on this machine. The files of its timelines are read."""
    try:
        timelines = read_timelines(one.attributes)
    except BadValueError as error:
        return [str(error)]
    later, mistakes = [], []
    for timeline in timelines.values():
        if isinstance(timeline, Changes):
            later += list(timeline.states(one.attributes))
    for state in later:
        mistakes += [f"by its timeline, {mistake}" for mistake in value_mistakes(state)]
    traced = any(isinstance(timeline, Deliveries) for timeline in timelines.values())
    if any(peer.attributes.get("host") for peer in peers):  # what another machine can do is known when it is there
        return dict.fromkeys([*value_mistakes(one.attributes), *crossing_mistakes(one, peers), *mistakes])
    return dict.fromkeys([*link_mistakes(one.attributes, facts, later, traced=traced), *mistakes])


def crossing_mistakes(one: ResourceDescription, peers: Sequence[ResourceDescription]) -> Iterator[str]:
    """Find why a link cannot go from one machine to another, and remark what it will be."""
    machines = [peer.attributes.get("host") or "" for peer in peers if peer.rtype in ("netns::Node", "netns::Switch")]
    if len(machines) != 2 or machines[0] == machines[1]:
        return
    if "" in machines:
        near = next(peer.name for peer, machine in zip(peers, machines, strict=False) if not machine)
        yield f"has one end on {' and '.join(filter(None, machines))} and {near!r} on this machine: give {near!r} a host, too"
    if not one.attributes.get("mtu"):
        yield Remark(
            "links between machines are carried by VXLAN: packets of 50 bytes less than the machines' network takes (1450 of 1500), "
            "on everything that frames reach from there without a router"
        )
    elif one.attributes["mtu"] > 1450:
        yield Remark(
            f"an mtu of {one.attributes['mtu']} between machines makes fragments, unless their network takes packets 50 bytes longer"
        )


def read_timelines(values: Mapping[str, Any]) -> dict[str, Changes | Deliveries]:
    """Return what the files of a link's timelines say, by attribute.

    Raises:
        BadValueError: a file has a mistake, or is of a kind that its attribute does not take.
    """
    found = {name: load(values[name], changeable()) for name in _TIMELINES if values.get(name)}
    if isinstance(found.get(_TIMELINES[1]), Changes):
        raise BadValueError(
            f"{_TIMELINES[1]} takes a packet-delivery trace: changes of both directions are columns of one file, like delay and delayBack"
        )
    for name, timeline in found.items():
        rate = "rate" + name.removeprefix("timeline")
        given = next((one for one in (rate, "rate") if values.get(one)), None)
        if isinstance(timeline, Deliveries) and given is not None:
            raise BadValueError(f"{name} says when packets leave, and {given} does as well: leave one of them out")
    return found


def changeable() -> dict[str, Attribute]:
    """Return the attributes of a link that can be set while it is up."""
    fixed = Flags.Design | Flags.ExecReadOnly | Flags.ReadOnly
    return {name: one for name, one in Link._attributes.items() if not one.flags & fixed}


class Link(VerifiedLink, Impaired, rtype="netns::Link"):
    """A cable between two nodes, switches or interfaces, with a rate, a delay, loss and more, settable while it is up.

    The first end is the one that was connected first. `rate` counts Ethernet frames without preamble and checksum; frames that do not fit
    wait in a queue, of 100 ms unless told.
    """

    service = True
    role: ClassVar[Role] = "link"
    across: ClassVar = {"ns3": "hybrid::Link"}
    wants: ClassVar = {Node: _READY, Switch: _READY}
    check: ClassVar[Check | None] = staticmethod(check_link)

    mtu = Attribute.integer(help="Bytes of an IP packet that fit into a frame; 1500 when not set.", range=(68, 65_535))
    up = Attribute.boolean(True, help="Whether the cable is plugged in.")
    implementation = Attribute.choice(
        IMPLEMENTATIONS,
        AUTO,
        help="Who moves the frames; auto is the kernel where it can do what is asked.",
        flags=Flags.Design,
    )
    timeline = Attribute.string(help="File with changes (CSV) or packet deliveries; time 0 is the start.", flags=Flags.Design)
    timelineBack = Attribute.string(help="Packet-delivery trace from the second end to the first.", flags=Flags.Design)
    timelineRepeat = Attribute.boolean(False, help="Begin the changes anew at the time of the last one.", flags=Flags.Design)
    addressing = Attribute.boolean(True, help="Give addresses to its ends if they have none.", flags=Flags.Design)

    networks = Attribute.string(
        help="Networks for their addresses, '10.1.0.0/16 fd01::/48'; the experiment's when not set.", flags=Flags.Design
    )
    weight = Attribute.number(
        help="What it costs to send over it, for static routes; 1 when not set.", range=(1e-9, 1e9), flags=Flags.Design
    )
    changes = Trace("changes", "What was changed when after the start, as CSV.")
    timeline_copy = Trace("timeline", "The file of the attribute of this name, as it was read.")
    timeline_back_copy = Trace("timelineBack", "Likewise.")

    in_force: str = KERNEL
    _foreseen: tuple[Mapping[str, Any], ...] = ()
    _ends: tuple[int, ...] = ()
    _changes: LinkChanges | None = None
    _timelines: Mapping[str, Changes | Deliveries] = {}

    # The order of its ends.

    def connect(self, guid: int) -> None:
        """Remember which end came first."""
        self._ends = (*self._ends, guid)

    def disconnect(self, guid: int) -> None:
        """Forget an end."""
        self._ends = tuple(end for end in self._ends if end != guid)

    def connections_in_order(self) -> tuple[int, ...]:
        """Return the ends in the order in which they were connected."""
        return self._ends

    # Which implementation.

    def foresee(self, values: Mapping[str, Any]) -> None:
        """Take note that these values are to be set later, so that the link is made as one that can have them."""
        self._foreseen = (*self._foreseen, dict(values))

    def _choose(self) -> str:
        present = self._values()
        later = [{**present, **values} for values in self._foreseen]
        for timeline in self._timelines.values():
            later += timeline.states(present) if isinstance(timeline, Changes) else []
        traced = any(isinstance(timeline, Deliveries) for timeline in self._timelines.values())
        chosen, lacking = choose(present, later, facts_of(self.runs), traced=traced)
        if lacking:
            raise ResourceError(f"link {self.name}: {impossible(chosen, lacking)}")
        return chosen

    def _values(self) -> dict[str, Any]:
        return {name: self.get(name) for name in self._attributes}

    # Its life.

    async def deploy(self) -> None:
        """Make the cable with its addresses, neighbours and shape.

        Raises:
            ResourceError: this machine cannot do what is asked.
        """
        self._timelines = read_timelines(self._values())
        run = await self.joined()
        self.in_force = self._choose()
        self._changes = LinkChanges(self, self._timelines)
        self._changes.keep_files({name: self.get(name) for name in self._timelines})
        run.note_link(self.name, self.in_force)
        if self.is_in_userspace:
            for one in self.runs:
                one.wired.join(self)
        await self.deploy_cable()
        self.set_ready()

    async def start(self) -> None:
        """Let its timelines begin."""
        if self._changes is not None:
            await self._changes.begin()
        self.set_started()

    async def is_there(self, run: NamespaceRun) -> bool:
        """Whether the agent has it. Its timelines go on, from the copies in the run's folder, at the time that it is now."""
        found = run.session.interface(*self._first_end())
        if found is not None:
            self.in_force = USERSPACE if found["userspace"] else KERNEL
            run.note_link(self.name, self.in_force)
        there = await super().is_there(run)
        if there:
            copies = {name: str(self.trace_path(name)) for name in _TIMELINES if self.get(name)}
            self._timelines = read_timelines({**self._values(), **copies})
            self._changes = LinkChanges(self, self._timelines)
            if self.state == ResourceState.STARTED and self.ec.action_in_flight(self.guid) is None:
                self._changes.take_up(self.ec.seconds_since(self.guid, ResourceState.STARTED))
        return there

    def _first_end(self) -> tuple[str, str]:
        end = self.ec.plan.interfaces[self.guid][0]
        return self.ec.resource(end.node).name, end.ifname

    async def stop(self) -> None:
        """End its timelines; it stays as it is."""
        await self._end_changes()
        self.set_stopped()

    async def release(self) -> None:
        """Take it away."""
        await self._end_changes()
        await super().release()

    async def _end_changes(self) -> None:
        if self._changes is not None:
            await self._changes.end()

    # What it is.

    @property
    def varies(self) -> bool:
        """Whether a packet-delivery trace says when frames leave, so that no one rate was asked."""
        return any(isinstance(timeline, Deliveries) for timeline in self._timelines.values())

    @property
    def is_changing(self) -> bool:
        """Whether it follows a timeline at present."""
        return bool(self._timelines) and self.state == ResourceState.STARTED

    @property
    def is_in_userspace(self) -> bool:
        """Whether its frames are moved in user space."""
        return self.in_force == USERSPACE

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect, as one change.

        Raises:
            ResourceError: this machine, or the implementation that is in force, cannot do that.
        """
        present = self._values()
        mistakes = list(value_mistakes(present))
        lacking = {} if self.is_in_userspace else kernel_lacks(present, facts_of(self.runs)["features"])
        if lacking:
            mistakes.append(f"{impossible(self.in_force, lacking)}. {REMEDY} has to be there from the beginning")
        if mistakes:
            raise ResourceError(f"link {self.name}: {'; '.join(mistakes)}")
        await self.recable()
        if self._changes is not None:
            self._changes.note(values)

    @property
    def is_plugged(self) -> bool:
        """Whether the link is to be up."""
        return bool(self.get("up"))
