"""What the namespace resources of one run share: its agent, the names in /etc/hosts, and the end that they all have in common."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nepi.errors import ResourceError
from nepi.execution.rundir import RunDir
from nepi.hosts.namespace import NamespaceSession, live_agent
from nepi.model.states import ENDED, ResourceState
from nepi.resources.netns.machines import Underlay, crossing_cables, machine_named, underlay_of
from nepi.resources.netns.routing import Routing
from nepi.resources.netns.wired import Wired

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager
    from nepi.plan.result import InterfacePlan, Plan

KEY = "netns"
NOTE_AFTER_S = 0.2


class NamespaceRun:
    """A session on namespaces and what goes with it. Made by `NamespaceRun.of`, closed by the controller.

    Attributes:
        machine: name of the resource on which they are; "" for this machine.
        underlay: how other machines of the experiment reach that one; None for this machine.
        session: the agent's.
        is_taken_up: the agent is one that an earlier controller started.
        routing: the planned routes of nodes.
        wired: its links in user space.
    """

    def __init__(self, ec: ExperimentController, session: NamespaceSession, machine: str = "", underlay: Underlay | None = None) -> None:
        self.machine = machine
        self.underlay = underlay
        self.session = session
        self.is_taken_up = False
        self.routing = Routing(session)
        self.wired = Wired(session)
        self._ec = weakref.ref(ec)
        self._members: dict[int, weakref.ref[ResourceManager]] = {}
        self._staying: list[weakref.ref[ResourceManager]] = []
        self._end: asyncio.Task[None] | None = None
        self._told: Plan | None = None
        self._telling = asyncio.Lock()
        self._introduced: dict[tuple[str, str], dict[str, str]] = {}
        self._links: dict[str, str] = {}
        self._crossing: tuple[Plan, frozenset[int]] | None = None
        self._noting: asyncio.Handle | None = None
        session.lost.add_done_callback(self._lost)

    @classmethod
    async def of(cls, ec: ExperimentController, machine: str = "") -> Self:
        """Return what the run of a controller shares on a machine, opened by the first who asks.

        Args:
            ec: whose.
            machine: name of the resource; "" for this machine.
        """
        return await ec.session((KEY, machine) if machine else KEY, lambda: cls._open_on(ec, machine) if machine else cls._open_here(ec))

    @classmethod
    async def _open_here(cls, ec: ExperimentController) -> Self:
        folder = Path(ec.run_dir)
        living = await NamespaceSession.resume(folder, ec.ledger) if ec.is_attached else None
        run = cls(ec, living or await NamespaceSession.open(folder, ec.ledger))
        run.is_taken_up = living is not None
        return run

    @classmethod
    async def _open_on(cls, ec: ExperimentController, machine: str) -> Self:
        from nepi.hosts.remote_agent.session import RemoteNamespaceSession  # not where all is on this machine

        folder, node = await asyncio.to_thread(Path(ec.run_dir).absolute), machine_named(ec, machine)
        living = await RemoteNamespaceSession.resume_on(machine, folder, ec.ledger, node.transport) if ec.is_attached else None
        session = living or await RemoteNamespaceSession.open_on(machine, folder, ec.ledger, node.transport, node.way, owner=node.guid)
        run = cls(ec, session, machine, await underlay_of(node, session.machine))
        run.is_taken_up = living is not None
        return run

    @classmethod
    async def found(cls, ec: ExperimentController, machine: str = "") -> Self | None:
        """Return what an earlier controller's resources shared, or None when its agent is gone."""
        run = await cls.of(ec, machine) if machine or live_agent(ec.ledger) is not None else None
        return run if run is not None and run.is_taken_up else None  # it may have ended just now

    @property
    def trouble(self) -> list[str]:
        """What the ledger could not take, for the summary."""
        return self.session.ledger_trouble

    async def join(self, member: ResourceManager) -> None:
        """Let a resource fail when the agent ends, and see to it that names and neighbours are those of the present plan.

        Raises:
            ResourceError: the agent has ended.
        """
        if self.session.lost.done():
            raise ResourceError(self._epitaph())
        self._members[member.guid] = reference = weakref.ref(member)
        self._staying.append(reference)
        plan = member.ec.plan
        if self._told is plan:
            return
        async with self._telling:
            if self._told is not plan:
                self._told = plan  # others need not wait: the agent does what it is asked in this order
                try:
                    await self.session.hosts(list(_hosts(member.ec)))
                    await self._reintroduce(member.ec)
                    await self.routing.follow(member.ec)
                except BaseException:
                    self._told = None
                    raise

    async def settled(self) -> None:
        """Wait until everything is as the present plan says, which `join` may be seeing to for somebody else."""
        async with self._telling:
            pass

    def crossing(self, ec: ExperimentController) -> frozenset[int]:
        """Return the owners of cables whose frames may go to another machine; see `crossing_cables`."""
        if self._crossing is None or self._crossing[0] is not ec.plan:
            self._crossing = (ec.plan, crossing_cables(ec, ec.plan))
        return self._crossing[1]

    def leave(self, member: ResourceManager) -> None:
        """Forget a resource that is over."""
        self._members.pop(member.guid, None)

    # Who moves the frames of which link: kept with the run's environment.

    def note_link(self, name: str, implementation: str) -> None:
        """Note which implementation a link has; written soon, for many links together."""
        self._links[name] = implementation
        if self._noting is None:
            self._noting = asyncio.get_running_loop().call_later(NOTE_AFTER_S, self._write_links)

    def _write_links(self) -> None:
        ec, noting, self._noting = self._ec(), self._noting, None
        if noting is None or ec is None:
            return
        noting.cancel()
        rundir = RunDir(Path(ec.run_dir))
        try:
            environment = json.loads(rundir.environment.read_text(encoding="utf-8"))
            rundir.write_json(rundir.environment, {**environment, "links": {**environment.get("links", {}), **self._links}}, indent=1)
        except (OSError, ValueError) as error:
            ec.logger.warning(f"environment.json does not say which links are in user space: {error}")

    # Neighbours: who an interface reaches without asking.

    def neighbours(self, ec: ExperimentController, end: InterfacePlan, *, ipv6: bool = True) -> list[tuple[str, str]]:
        """Return the planned neighbours of an interface, which now gets them; without IPv6 ones where its MTU is too small for that."""
        wanted = {address: mac for address, mac in end.neighbours if ipv6 or ":" not in address}
        self._introduced[ec.resource(end.node).name, end.ifname] = wanted
        return list(wanted.items())

    def forget(self, ec: ExperimentController, end: InterfacePlan) -> None:
        """An interface is gone."""
        self._introduced.pop((ec.resource(end.node).name, end.ifname), None)

    async def _reintroduce(self, ec: ExperimentController) -> None:
        """A later increment brought others: an address may belong to somebody else now."""
        for ends in ec.plan.interfaces.values():
            for end in ends:
                key = ec.resource(end.node).name, end.ifname
                known, wanted = self._introduced.get(key), dict(end.neighbours)
                if known is None or known == wanted:
                    continue
                gone = [(address, mac) for address, mac in known.items() if address not in wanted]
                new = [(address, mac) for address, mac in wanted.items() if known.get(address) != mac]
                if gone:
                    await self.session.neighbours(*key, gone, delete=True)
                if new:
                    await self.session.neighbours(*key, new)
                self._introduced[key] = wanted

    # The end.

    def is_over(self) -> bool:
        """Whether everything here is being given back and nothing is left that must end in its own way.

        Whoever was found to go stays so: all questions of a release together look at each member once.
        """
        while self._staying:
            member = self._staying[-1]()
            if member is not None and member.state != ResourceState.RELEASED and not getattr(member, "just_goes", False):
                return False
            self._staying.pop()
        return True

    async def end(self) -> None:
        """End the agent and everything in it, which is much faster than one by one. What is deployed later gets a new one.

        Raises:
            DeadlineError: it cannot be ended.
        """
        ec = self._ec()
        if self._end is None and ec is not None:
            self._end = ec.end_session((KEY, self.machine) if self.machine else KEY)
        if self._end is not None:
            await asyncio.shield(self._end)

    def _epitaph(self) -> str:
        reason = self.session.lost.result()
        where = f" there; see hosts/{self.machine}/agent.log" if self.machine else " with it; see agent.log"
        return f"{reason}, and every namespace, link and command of the run{where} in the run's folder"

    def _lost(self, lost: asyncio.Future[str]) -> None:
        if lost.cancelled():
            return
        for reference in list(self._members.values()):
            member = reference()
            if member is not None and member.state not in ENDED:
                member.explain_failure(self._epitaph())
                member.fail()

    async def close(self) -> None:
        """End the agent and everything in it."""
        await self.wired.settle()
        self._write_links()
        await self.session.close()

    def detach(self) -> asyncio.Task[None] | None:
        """Leave everything up."""
        self._write_links()
        return self.session.detach()


def _hosts(ec: ExperimentController) -> Iterator[tuple[str, list[str]]]:
    """Yield (address, names). A name means the address that a reference to the node means: the IPv4 one if there is one.

    With both under one name, programs would take IPv6 for `ping b` and IPv4 for `target=b`.
    """
    for guid, addresses in ec.plan.node_addresses.items():
        manager = ec.get_resource(guid)
        if manager is None:
            continue
        has_ipv4 = any(":" not in address for address in addresses)
        for address in addresses:
            names = [manager.name] if ":" not in address or not has_ipv4 else []
            yield address, [*names, f"{manager.name}.ip6"] if ":" in address else names
