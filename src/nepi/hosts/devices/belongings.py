"""What was made or changed on hosts: in the ledger before it is, and given back by its owner, or by anybody from the ledger alone.

An interface that was made bears whose it is as its alias, so that one of the same name that somebody else has made since stays.
What was changed is put back by the lines that the row has. How the host is reached, a row says by its `place`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from nepi.errors import NepiError, ResourceError
from nepi.execution.ledger import Row, Thing
from nepi.execution.ledger_kinds import LedgerKind, holder_is_alive
from nepi.hosts.devices import ip_json, ip_lines
from nepi.hosts.devices.ip_json import InterfaceFacts
from nepi.hosts.devices.words import BATCHES, Line, batch, complaint
from nepi.hosts.port import Completed
from nepi.hosts.remote.quoting import call
from nepi.hosts.remote.transport import Transport
from nepi.hosts.roles import HostNode

INTERFACE: Final = "host-interface"
CHANGE: Final = "host-change"
DEADLINE_S: Final = 20.0
HOSTS_AT_ONCE: Final = 16
AS_ROOT: Final = 'if [ "$(id -u)" = 0 ]; then exec "$@"; else exec sudo -n -- "$@"; fi'


def place_of(node: HostNode) -> dict[str, Any]:
    """Return what finds a node's host again from a ledger's row: the way to it, or who holds it. Without secrets."""
    way = getattr(node, "way", None)
    return {"way": way} if way is not None else dict(getattr(node.host, "place", {}))


def outlives_this_machine(thing: Thing) -> bool:
    """Whether it is on another host, so that its row must survive a loss of power here."""
    way = thing.identity["place"].get("way")
    return way is not None and not way.get("local")


def interface_thing(node: HostNode, ifname: str, alias: str, owner: int) -> Thing:
    """Return the row of an interface that is about to be made."""
    return Thing(INTERFACE, {"place": place_of(node), "host": node.name, "ifname": ifname, "alias": alias}, owner)


def change_thing(node: HostNode, program: str, undo: Sequence[Line], owner: int) -> Thing:
    """Return the row of a change that is about to be made; `undo` are lines for `program` that put back what was, each by itself."""
    lines = [list(line) for line in undo]
    return Thing(CHANGE, {"place": place_of(node), "host": node.name, "program": program, "undo": lines}, owner)


def _is_alive(row: Row) -> bool:
    """Whether it may be there still. Namespaces end with their agent; of other hosts nobody knows without asking them."""
    place = row.identity["place"]
    if "agent" in place:
        return holder_is_alive(Row(row.id, row.kind, row.owner, place, row.state, row.boot_id, row.created_at, row.note))
    return True


class There:
    """The host of some rows, for a program that has no controller and no session."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def run(self, argv: Sequence[str], stdin: bytes = b"") -> Completed:
        """Run a command as root, to its end."""
        line = call("sh", "-c", AS_ROOT, "sh", *argv)
        return await self._transport.run(line, stdin=stdin, deadline_s=DEADLINE_S, once=False)

    async def interfaces(self) -> dict[str, InterfaceFacts]:
        """Return all interfaces, by name.

        Raises:
            ResourceError: they cannot be seen.
        """
        done = await self.run(["ip", "-details", "-json", "address", "show"])
        if done.exit.status:
            raise ResourceError(done.stderr.decode(errors="replace").strip() or "`ip address show` failed")
        return {one.name: one for one in ip_json.interfaces(done.stdout)}


def is_ours(found: str, alias: str, *, intended: bool) -> bool:
    """Whether an interface is the one that was made: by its alias, which one that was only just added has not got yet."""
    return found == alias or (intended and not found)


async def _delete_interfaces(there: There, rows: Sequence[Row]) -> Mapping[int, str]:
    """Delete the interfaces of rows; return why some are still there."""

    async def ours() -> list[Row]:
        found = await there.interfaces()
        return [row for row in rows if (one := found.get(row.identity["ifname"])) is not None and _is_of(row, one)]

    wanted = await ours()
    if not wanted:
        return {}
    # One that is half of something else may go with that, so what is refused is looked at once more.
    lines = [ip_lines.delete(row.identity["ifname"]) for row in wanted]
    done = await there.run(["ip", "-force", "-batch", "-"], batch(lines))
    said = complaint(done.stderr.decode(errors="replace")) or "it did not go away"
    return {row.id: f"{row.identity['host']}: interface {row.identity['ifname']}: {said}" for row in await ours()}


def _is_of(row: Row, found: InterfaceFacts) -> bool:
    return is_ours(found.alias, row.identity["alias"], intended=row.state == "intended")


async def _put_back(there: There, rows: Sequence[Row]) -> Mapping[int, str]:
    """Put back what was changed, the latest first; return why that could not be tried.

    What cannot be undone any more is gone already, with its interface.
    """
    reasons: dict[int, str] = {}
    for row in sorted(rows, key=lambda row: -row.id):
        program, lines = row.identity["program"], row.identity["undo"]
        once = [([program, "-force", "-batch", "-"], batch(lines))]
        for argv, stdin in once if program in BATCHES else [([program, *line], b"") for line in lines]:
            done = await there.run(argv, stdin)
            said = done.stderr.decode(errors="replace").strip()
            if done.exit.status == 127 or "sudo:" in said:
                reasons[row.id] = f"{row.identity['host']}: {' '.join(argv)}: {said}"
    return reasons


Giving = Callable[[There, Sequence[Row]], Awaitable[Mapping[int, str]]]


async def _by_host(rows: Sequence[Row], give: Giving) -> dict[int, str]:
    """Give back what rows stand for, over one connection to each host, all hosts at once."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(json.dumps(row.identity["place"], sort_keys=True), []).append(row)
    limit = asyncio.Semaphore(HOSTS_AT_ONCE)
    answers = await asyncio.gather(*(_on_host(group, give, limit) for group in groups.values()))
    return {row: reason for answer in answers for row, reason in answer.items()}


async def _on_host(rows: Sequence[Row], give: Giving, limit: asyncio.Semaphore) -> Mapping[int, str]:
    from nepi.hosts.remote.reopening import transport_of  # what reaches other hosts takes a while to import

    host, place = rows[0].identity["host"], rows[0].identity["place"]
    if "way" not in place:
        why = f"nothing is known of how to reach {host}; what is left there has to be taken away by hand"
        return dict.fromkeys((row.id for row in rows), why)
    way = {name: value for name, value in place["way"].items() if name != "kind"}  # a node's says whose it is, too
    transport = transport_of(way, host)
    try:
        async with limit:
            return await give(There(transport), rows)
    except NepiError as error:
        return dict.fromkeys((row.id for row in rows), str(error))
    finally:
        await transport.close()


def _kind(give: Giving, rank: int) -> LedgerKind:
    def release_together(rows: Sequence[Row]) -> Mapping[int, str]:
        living = [row for row in rows if _is_alive(row)]
        # In a thread of its own: whoever gives back may be in a loop already.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _by_host(living, give)).result()

    return LedgerKind(_is_alive, lambda row: not release_together([row]), rank, survives_reboot=True, release_together=release_together)


CHANGE_KIND: Final = _kind(_put_back, 44)
INTERFACE_KIND: Final = _kind(_delete_interfaces, 45)
