"""A run's session on the namespaces of this machine: nodes, switches, links and commands, through the run's agent.

What is asked for within one turn of the event loop is done together: one ledger transaction, one message.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from nepi.errors import ConnectError, DeadlineError, ResourceError
from nepi.execution.ledger import Ledger, Row, Thing
from nepi.execution.process_identity import ProcessIdentity, boot_id
from nepi.hosts.agent.queues import Shape
from nepi.hosts.agent_client import AgentConnection, Message, Requests
from nepi.hosts.agent_start import START_DEADLINE_S, start_agent
from nepi.hosts.batching import Batcher
from nepi.hosts.namespace_errors import command_error, step_error
from nepi.hosts.namespace_host import CommandRequest, NamespaceHost, NamespaceProcess, missing_tools
from nepi.hosts.row_book import RowBook
from nepi.hosts.userspace import LinkCounters, Overload, WireProcess
from nepi.hosts.veth_end import Tunnel, VethEnd

__all__ = ["LinkCounters", "NamespaceSession", "Overload", "Shape", "Tunnel", "VethEnd"]

# Few, so that the agent makes the next nodes while the controller takes in the last ones and has their links ready.
PLACES_AT_ONCE = 64
# All that come together: the ends of links are best taken up when all are there, because each greets all that are up on its switch.
STEPS_AT_ONCE = 5000
# From the last node's answer to the call for its links it is a dozen turns of the loop.
PATIENCE_TURNS = 20
# Each command that waits at its gate is a Python process for a moment.
COMMANDS_AT_ONCE = 64
END_DEADLINE_S = 10.0
LAST_WORDS_S = 1.0
LOOK_EVERY_S = 0.02
HELD = ("agent", "process", "netns", "link")
"""Kinds of things that end with the agent."""


def _absolute(path: Path) -> Path:
    return path.absolute()


def live_agent(ledger: Ledger) -> Row | None:
    """Return the row of a run's agent if it runs."""
    for row in ledger.rows():
        identity = ProcessIdentity.from_json(row.identity) if row.kind == "agent" else None
        if identity is not None and identity.is_alive():
            return row
    return None


@dataclass(slots=True)
class _Asked:
    """A step on its way: what is recorded before, and what is taken out of the ledger after."""

    step: Message
    what: str
    place: str
    thing: Thing | None = None
    forget: list[int] = field(default_factory=list)
    row: int = 0


class NamespaceSession:
    """The namespaces, links and commands of one run. Methods are called on one event loop; any order, any number at once.

    Attributes:
        run_dir: the run's folder; the agent's socket, log and `exits.jsonl` lie there.
        identity: the agent's process.
        features: what the agent said of itself ("rootless", "own_proc", "hosts", "nofile").
        lost: done, with the reason, when the agent has ended without being asked to.
        wire: the process that moves the frames of user-space links, started when the first of them is made.
    """

    def __init__(
        self,
        run_dir: Path,
        ledger: Ledger,
        row: int,
        identity: ProcessIdentity,
        features: Message,
        connection: Requests,
        *,
        rows: RowBook | None = None,
    ) -> None:
        self.run_dir = run_dir
        self.identity = identity
        self.features = features
        self.connection: Requests = connection
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ledger = ledger
        self._rows = RowBook(ledger) if rows is None else rows
        self._rows.know(row, ("agent",))
        self._held = {"agent": identity.to_json()}
        self._fds: dict[str, int] = {}
        self._inventory: Message = {}
        self._processes: dict[str, NamespaceProcess] = {}
        self._exits: list[Message] = []
        self._tags = (f"{secrets.token_hex(3)}.{number}" for number in itertools.count(1))
        self._places: Batcher[_Asked, Message] = Batcher(self._do_steps, size=PLACES_AT_ONCE)
        self._steps: Batcher[_Asked, Message] = Batcher(self._do_steps, size=STEPS_AT_ONCE, patience=PATIENCE_TURNS, after=self._places)
        self._spawns: Batcher[CommandRequest, NamespaceProcess] = Batcher(self._do_spawns, size=COMMANDS_AT_ONCE)
        self.wire = WireProcess(self)
        self._gone = asyncio.Event()
        self._closing = False
        self._pidfd: int | None = None
        self._watch_agent()

    def _watch_agent(self) -> None:
        self._pidfd = self.identity.open()
        if self._pidfd is None:
            self._agent_gone()
        else:
            asyncio.get_running_loop().add_reader(self._pidfd, self._agent_gone)

    # -- life

    @classmethod
    async def open(cls, run_dir: Path, ledger: Ledger, rootless: bool | None = None) -> Self:
        """Start the run's agent and connect to it.

        Args:
            run_dir: an existing folder; one agent for each.
            rootless: None chooses by the rights that this process has.

        Raises:
            ConnectError: namespaces cannot be made here; the message says what to do.
        """
        run_dir = _absolute(run_dir)
        row, identity, features = await start_agent(run_dir, ledger, rootless=rootless)
        try:
            return await cls._connect(run_dir, ledger, row, identity, features)
        except BaseException:
            identity.kill()
            ledger.forget([row])
            raise

    @classmethod
    async def resume(cls, run_dir: Path, ledger: Ledger) -> Self | None:
        """Connect to the agent of a run that lives on without its controller, or return None when it is gone.

        An agent whose controller died while it started either ends at once or listens soon; there is no event to wait for.
        """
        from nepi.execution.ledger_kinds import is_alive

        while (row := live_agent(ledger)) is not None:
            try:
                return await cls.attach(run_dir, ledger)
            except ConnectError:
                if time.time() > row.created_at + START_DEADLINE_S:
                    raise
                await asyncio.sleep(LOOK_EVERY_S)
        ledger.forget([row.id for row in ledger.rows() if row.kind in HELD and not is_alive(row)])
        return None

    @classmethod
    async def attach(cls, run_dir: Path, ledger: Ledger) -> Self:
        """Connect to the agent of a run that lives on without its controller.

        Raises:
            ConnectError: the agent is gone.
        """
        run_dir = _absolute(run_dir)
        agent = live_agent(ledger)
        identity = ProcessIdentity.from_json(agent.identity) if agent is not None else None
        if agent is None or identity is None:
            raise ConnectError(f"the namespace agent of {run_dir} is gone: its namespaces and commands have ended with it", backend="netns")
        rows = ledger.rows()
        session = await cls._connect(run_dir, ledger, agent.id, identity, {})
        await session._take_up()
        session._take_rows(rows)
        session._forget_ended()
        return session

    def _take_rows(self, rows: Sequence[Row]) -> None:
        """Take over the rows of what is there; what its controller died over before it was made leaves the ledger."""
        never_made: list[int] = []
        for row in rows:
            match row.kind:
                case "netns" if row.identity["name"] in self._inventory:
                    self._rows.know(row.id, ("place", row.identity["name"]))
                case "link" if any(ifname is None for _, ifname in row.identity["ends"]):
                    self._rows.know(row.id)  # the agent has named it, so nobody can tell
                case "link" if all(self.interface(place, ifname) is not None for place, ifname in row.identity["ends"]):
                    self._rows.know(row.id, *(("link", place, ifname) for place, ifname in row.identity["ends"]))
                case "process" if row.identity["tag"] in self._processes:
                    self._rows.know(row.id, ("process", row.identity["tag"]))
                case "netns" | "link" | "process":
                    never_made.append(row.id)
        self._rows.forget(never_made)

    @classmethod
    async def _connect(cls, run_dir: Path, ledger: Ledger, row: int, identity: ProcessIdentity, features: Message) -> Self:
        events: list[Message] = []
        connection = await AgentConnection.open(run_dir, events.append)
        try:
            features = features or await connection.request("hello")
        except BaseException:
            connection.close()
            raise
        # If this fails the connection is lost, and `lost` says so.
        connection.request("watch").add_done_callback(lambda done: done.cancelled() or done.exception())
        session = cls(run_dir, ledger, row, identity, features, connection)
        connection.on_event(session._take_event)
        connection.lost.add_done_callback(lambda lost: session._connection_lost(lost.result()))
        for event in events:
            session._take_event(event)
        return session

    async def _take_up(self) -> None:
        await self.connection.request("batch", steps=[])  # comes after all that the earlier controller had asked for
        answer = await self.connection.request("inventory")
        self._inventory = answer["places"]
        self._fds = {name: place["fd"] for name, place in answer["places"].items() if not place["switch"]}
        commands = await self.connection.request("exits")
        for known in commands["commands"]:
            identity = ProcessIdentity(known["pid"], known["start_ticks"], boot_id())
            argv, owner = tuple(known["argv"]), known["owner"]
            process = NamespaceProcess(self, known["tag"], known["node"], argv, identity, self.local(known["stderr"]), owner)
            process.started_at = known["started_at"]
            self._processes[process.tag] = process
            if known["exit"] is not None:
                process.ended(known["exit"])
            elif not process.node:
                await self.wire.take_up(process)

    async def close(self) -> None:
        """End the agent and everything in it, wait until it is gone, and take it out of the ledger. Harmless when done.

        Raises:
            DeadlineError: it is still there; its rows stay in the ledger.
        """
        self._closing = True
        if not self._gone.is_set():
            self.connection.request("end").add_done_callback(lambda done: done.cancelled() or done.exception())
            try:
                async with asyncio.timeout(END_DEADLINE_S):
                    await self._gone.wait()
            except TimeoutError:
                self.identity.kill(0.0)
                try:
                    async with asyncio.timeout(END_DEADLINE_S):
                        await self._gone.wait()
                except TimeoutError:
                    raise DeadlineError(f"the namespace agent (pid {self.identity.pid}) cannot be killed", backend="netns") from None
        self.wire.let_go()
        self.connection.close()
        self._rows.forget_all()

    def hurry(self) -> None:
        """Everything here is being given back."""

    def detach(self) -> asyncio.Task[None] | None:
        """Let go of the agent without ending anything: the run lives on, for `attach` or `collect`."""
        self._closing = True
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        self.wire.let_go()
        self.connection.close("detached")
        return None

    # -- network

    async def node(self, name: str, *, forward: bool = False, sysctls: Mapping[str, str] | None = None, owner: int = 0) -> NamespaceHost:
        """Make a node: a network namespace with its loopback up.

        Args:
            name: unique among nodes and switches of the run.
            forward: whether it passes packets on (a router), IPv4 and IPv6.
            sysctls: like {"net.ipv4.tcp_congestion_control": "cubic"}.
            owner: guid of the resource, for the ledger.
        """
        step: Message = {"do": "node", "name": name}
        if forward:
            step["forward"] = True
        if sysctls:
            step["sysctls"] = dict(sysctls)
        thing = Thing("netns", {"name": name, **self._held}, owner)
        asked = _Asked(step, f"make node {name!r}", name, thing)
        answer = await self._places.add(asked)
        self._fds[name] = answer["fd"]
        self._rows.know(asked.row, ("place", name))
        return self._host_of(name, owner)

    async def switch(self, name: str, *, owner: int = 0) -> None:
        """Make a switch: a bridge without spanning tree."""
        asked = _Asked({"do": "switch", "name": name}, f"make switch {name!r}", name, Thing("netns", {"name": name, **self._held}, owner))
        await self._places.add(asked)
        self._rows.know(asked.row, ("place", name))

    async def veth(self, first: VethEnd, second: VethEnd, *, owner: int = 0, userspace: bool = False) -> tuple[str, str]:
        """Make a link between two nodes, or a node and a switch, or two switches; return the interfaces' names.

        Args:
            userspace: whether frames pass through the run's wire process, which does to them what `shape` says, whatever the kernel can do.
        """
        ends = [[end.place, end.ifname] for end in (first, second)]
        what = f"link {first.place!r} and {second.place!r}"
        step: Message = {"do": "veth", "ends": [first.to_json(), second.to_json()]}
        if userspace:
            await self.wire.started()
            step["userspace"] = True
            for end, sent in zip((first, second), step["ends"], strict=True):
                sent["seed"] = self.wire.seed_of(end.place, end.ifname or f"to {second.place if end is first else first.place}")
        asked = _Asked(step, what, first.place, Thing("link", {"ends": ends, **self._held}, owner))
        answer = await self._steps.add(asked)
        one, two = answer["ifnames"]
        self._rows.know(asked.row, ("link", first.place, one), ("link", second.place, two))
        return one, two

    async def tunnel(self, end: VethEnd, tunnel: Tunnel, *, owner: int = 0, userspace: bool = False) -> str:
        """Make one end of a link whose other end is on another machine; return the interface's name.

        Args:
            userspace: as in `veth`; each machine's wire process does it to the frames that leave there.
        """
        step: Message = {"do": "tunnel", "end": end.to_json(), **tunnel.to_json()}
        if userspace:
            await self.wire.started()
            step |= {"userspace": True, "seed": self.wire.seed_of(end.place, end.ifname or "")}
        thing = Thing("link", {"ends": [[end.place, end.ifname]], **self._held}, owner)
        asked = _Asked(step, f"link {end.place!r} to {tunnel.remote}", end.place, thing)
        name = str((await self._steps.add(asked))["ifname"])
        self._rows.know(asked.row, ("link", end.place, name))
        return name

    async def shape(self, place: str, ifname: str, shape: Shape | None) -> None:
        """Make the frames that leave by an interface behave as `shape` says, and in no other way; None removes it."""
        await self._step("shape", f"shape {place}:{ifname}", place, ifname=ifname, shape=None if shape is None else shape._asdict())

    async def reshape(self, place: str, ifname: str, **changes: float | int | None) -> Shape | None:
        """Change some properties of an interface's shape and leave the others; return the whole."""
        answer = await self._step("shape", f"shape {place}:{ifname}", place, ifname=ifname, shape=changes, replace=False)
        return Shape(**answer["shape"]) if answer.get("shape") else None

    async def delivery_trace(self, place: str, ifname: str, times_s: Sequence[float] | None, packet_bytes: int = 1504) -> None:
        """Let the frames that leave by an end of a user-space link leave at given instants instead of at a rate, as Mahimahi does.

        Args:
            times_s: seconds from now, never going back, the last one later than 0; they repeat after the last one. None ends that.
            packet_bytes: how much may leave at each instant. As in Mahimahi a frame counts as its IP packet and 4 bytes.
        """
        times = None if times_s is None else list(times_s)
        await self._step("trace", f"trace of {place}:{ifname}", place, ifname=ifname, times_s=times, packet_bytes=packet_bytes)

    async def link_counters(self) -> dict[tuple[str, str], LinkCounters]:
        """Return what became of the frames of the user-space links, by the end (place, ifname) that they left by."""
        if not self.wire.runs:
            return {}
        answer = await self.connection.request("link_counters")
        return {(end["place"], end["ifname"]): LinkCounters.of(end["counters"]) for end in answer["ends"]}

    async def set_link(self, place: str, ifname: str, *, up: bool | None = None, mtu: int | None = None, mac: str | None = None) -> None:
        """Change an interface; None leaves a property as it is."""
        await self._step("set", f"set {place}:{ifname}", place, ifname=ifname, up=up, mtu=mtu, mac=mac)

    async def address(self, place: str, ifname: str, address: str, *, delete: bool = False) -> None:
        """Add or delete an address with prefix."""
        what = f"{'delete' if delete else 'add'} address {address} on {place}:{ifname}"
        await self._step("address", what, place, ifname=ifname, address=address, delete=delete)

    async def route(
        self,
        node: str,
        to: str,
        *,
        via: str | None = None,
        ifname: str | None = None,
        metric: int | None = None,
        onlink: bool = False,
        delete: bool = False,
    ) -> None:
        """Add or delete a route; "0.0.0.0/0" and "::/0" are the default ones."""
        what = f"{'delete' if delete else 'add'} route to {to} on {node!r}"
        await self._step("route", what, node, to=to, via=via, ifname=ifname, metric=metric, onlink=onlink, delete=delete)

    async def routes(self, node: str, to: Sequence[str], via: str, *, delete: bool = False) -> None:
        """Add (or replace) or delete routes to many networks over one gateway."""
        what = f"{'delete' if delete else 'add'} {len(to)} routes over {via} on {node!r}"
        await self._step("routes", what, node, to=list(to), via=via, delete=delete)

    async def neighbours(self, node: str, ifname: str, entries: Iterable[tuple[str, str]], *, delete: bool = False) -> None:
        """Add or delete permanent neighbours: pairs of IP and MAC address."""
        await self._step("neighbours", f"neighbours of {node}:{ifname}", node, ifname=ifname, entries=list(entries), delete=delete)

    async def delete_link(self, place: str, ifname: str) -> None:
        """Delete a link by one of its ends; at once no packet passes any more."""
        row = self._rows.row("link", place, ifname)
        await self._step("delete_link", f"delete link {place}:{ifname}", place, forget=row, ifname=ifname)

    async def close_node(self, name: str) -> None:
        """Delete a node with its links, and kill the commands in it."""
        await self._close_place("close_node", name)
        self._fds.pop(name, None)

    async def close_switch(self, name: str) -> None:
        """Delete a switch with its links."""
        await self._close_place("close_switch", name)

    async def _close_place(self, do: str, name: str) -> None:
        asked = _Asked({"do": do, "name": name}, f"delete {name!r}", name, forget=self._rows.of_place(name))
        await self._steps.add(asked)

    async def hosts(self, entries: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Say which names every command resolves: pairs of address and names, beside localhost."""
        await self.connection.request("hosts", entries=[[address, list(names)] for address, names in entries])

    def has_place(self, name: str) -> bool:
        """Whether a node or switch was there when this session attached."""
        return name in self._inventory

    def interface(self, place: str, ifname: str) -> Message | None:
        """Return what an interface was (`mtu`, `up`, `shape`) when this session attached, or None when it was not there."""
        found: Message | None = self._inventory.get(place, {}).get("interfaces", {}).get(ifname)
        return found

    def host(self, node: str, *, owner: int = 0) -> NamespaceHost:
        """Return a node of this session as a host."""
        if node not in self._fds:
            raise ResourceError(f"no node {node!r} in this run", resource=node, backend="netns")
        return self._host_of(node, owner)

    def port_host(self, place: str) -> NamespaceHost:
        """Return what sees the interfaces of a node, or the ports of all switches, as a host: for what measures them."""
        return self._host_of(place, 0)

    def _host_of(self, name: str, owner: int) -> NamespaceHost:
        return NamespaceHost(self, name, owner=owner)

    def local(self, path: str) -> Path:
        """Return where this machine has, or will have, a file that commands write."""
        return Path(path)

    def missing_tools(self, tools: Sequence[str]) -> list[str]:
        """Return those of `tools` (program names) that commands do not find."""
        return missing_tools(tools)

    async def interface_index(self, place: str, ifname: str) -> int:
        """Return the number of an interface, which is the same whatever its name: ports of switches have other names than in the plan.

        Raises:
            ResourceError: there is none.
        """
        places = (await self.connection.request("inventory"))["places"]
        try:
            return int(places[place]["interfaces"][ifname]["index"])
        except KeyError:
            raise ResourceError(f"no interface {place}:{ifname} in this run", resource=place, backend="netns") from None

    @property
    def ledger_trouble(self) -> list[str]:
        """What the ledger could not take after the event, a full disk for one; its rows may then tell of too much."""
        return list(self._rows.trouble)

    @property
    def is_closing(self) -> bool:
        """Whether everything is being ended, or this session lets go of it."""
        return self._closing

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes."""
        return list(self._fds)

    @property
    def processes(self) -> dict[str, NamespaceProcess]:
        """The commands that are known, by tag; those of an earlier controller too, after `attach`."""
        return dict(self._processes)

    async def _step(self, do: str, what: str, place: str, *, forget: int | None = None, **fields: Any) -> Message:
        await self.wire.settled()
        asked = _Asked({"do": do, "place": place, **fields}, what, place, forget=[forget] if forget else [])
        return await self._steps.add(asked)

    def _refuse_when_closing(self) -> None:
        """Record nothing any more that nobody would take out of the ledger."""
        if self._closing:
            raise ConnectError("the namespace agent of the run is being ended, and everything with it", backend="netns")

    async def _do_steps(self, batch: list[_Asked]) -> list[Message | Exception]:
        self._refuse_when_closing()
        recorded = [asked for asked in batch if asked.thing is not None]
        for asked, row in zip(recorded, self._rows.intend([asked.thing for asked in recorded if asked.thing]), strict=True):
            asked.row = row
        reply = await self.connection.request("batch", steps=[asked.step for asked in batch])
        results: list[Message | Exception] = []
        made: list[int] = []
        over: list[int] = []
        for asked, result in zip(batch, reply["results"], strict=True):
            if "error" in result:
                results.append(step_error(asked.what, asked.place, result, shaping=asked.step["do"] == "shape"))
                over += [asked.row] if asked.row else []
            else:
                results.append(result)
                made += [asked.row] if asked.row else []
                over += asked.forget
        self._rows.made(made)
        self._rows.forget(over)
        return results

    # -- commands

    def new_tag(self, prefix: str) -> str:
        """Return a name for a command that no other of this run has."""
        return f"{prefix}.{next(self._tags)}"

    async def spawn(self, request: CommandRequest) -> NamespaceProcess:
        """Start a command; it is in the ledger before it executes."""
        return await self._spawns.add(request)

    async def _do_spawns(self, batch: list[CommandRequest]) -> list[NamespaceProcess | Exception]:
        self._refuse_when_closing()
        things = [Thing("process", {"tag": asked.tag, "program": asked.argv[0]}, asked.owner) for asked in batch]
        rows = self._rows.intend(things)
        reply = await self.connection.request("spawn", commands=[asked.to_json() for asked in batch])
        results: list[NamespaceProcess | Exception] = []
        started: list[tuple[int, NamespaceProcess]] = []
        for number, (asked, result) in enumerate(zip(batch, reply["results"], strict=True)):
            if "what" in result:
                results.append(command_error(asked, result))
                continue
            identity = ProcessIdentity(result["pid"], result["start_ticks"], self.identity.boot_id)
            path = self.local(asked.stderr or asked.stdout)
            process = NamespaceProcess(self, asked.tag, asked.node, asked.argv, identity, path, asked.owner)
            self._processes[asked.tag] = process
            self._rows.know(rows[number], ("process", asked.tag))
            results.append(process)
            started.append((number, process))
        self._rows.made([rows[number] for number, _ in started], [process.identity.to_json() for _, process in started])
        reply = await self.connection.request("go", tags=[process.tag for _, process in started])
        for (number, process), result in zip(started, reply["results"], strict=True):
            if "what" in result:
                results[number] = command_error(batch[number], result)
                self._processes.pop(process.tag, None)
            else:
                process.started_at = result["started_at"]
        self._rows.forget([rows[number] for number, result in enumerate(results) if isinstance(result, Exception)])
        return results

    def _take_event(self, event: Message) -> None:
        if event["event"] == "overloaded":
            self.wire.overloaded([(end["place"], end["ifname"], LinkCounters.of(end["counters"])) for end in event["ends"]])
        else:
            self.take_exits(event["exits"])

    def take_exits(self, exits: list[Message]) -> None:
        """Commands have ended; in the next turn of the loop their rows leave the ledger, and then those who wait for them go on."""
        if exits and not self._exits:
            asyncio.get_running_loop().call_soon(self._note_exits)
        self._exits += exits

    def _note_exits(self) -> None:
        exits, self._exits = self._exits, []
        rows = {self._rows.row("process", exit_["tag"]) for exit_ in exits}
        self._rows.forget(sorted(row for row in rows if row is not None))
        for exit_ in exits:
            process = self._processes.get(exit_["tag"])
            if process is not None:
                process.ended(exit_)

    def _forget_ended(self) -> None:
        rows = [self._rows.row("process", tag) for tag, process in self._processes.items() if process.exit is not None]
        self._rows.forget([row for row in rows if row is not None])

    # -- losing the agent

    def _agent_gone(self) -> None:
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        self._gone.set()
        self.connection.close("it has ended")
        self._lose("the namespace agent has ended")

    def _connection_lost(self, reason: str) -> None:
        # When the agent dies its connection ends first, and a moment later, with everything in it, the process.
        if not self._closing:
            asyncio.get_running_loop().call_later(
                LAST_WORDS_S, lambda: self._lose(f"the connection to the namespace agent was lost: {reason}")
            )

    def _lose(self, reason: str) -> None:
        self._note_exits()
        for process in self._processes.values():
            process.ended(None)
        if not self._closing and not self.lost.done():
            self.lost.set_result(reason)
