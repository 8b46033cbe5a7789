"""What was made or changed on hosts: in the ledger before it is, and given back by its owner, or by anybody from the ledger alone.

An interface that was made bears whose it is as its alias, so that one of the same name that somebody else has made since stays.
What was changed is put back by the lines that the row has. How the host is reached, a row says by its `place`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from nepi.errors import ResourceError
from nepi.execution.ledger import Row, Thing
from nepi.execution.ledger_kinds import LedgerKind, holder_is_alive
from nepi.hosts.devices import ip_json, ip_lines
from nepi.hosts.devices.words import BATCHES, Line, batch
from nepi.hosts.port import Completed
from nepi.hosts.remote.quoting import call
from nepi.hosts.roles import HostNode

INTERFACE: Final = "host-interface"
CHANGE: Final = "host-change"
DEADLINE_S: Final = 20.0
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


class _There:
    """The place of a row, for a program that has no controller and no session, and may be in a loop that must not be used."""

    def __init__(self, row: Row) -> None:
        self._place, self._name = row.identity["place"], row.identity["host"]

    def run(self, argv: Sequence[str], stdin: bytes = b"") -> Completed:
        """Run a command as root, to its end."""
        if "way" not in self._place:
            raise ResourceError(f"nothing is known of how to reach {self._name}; what is left there has to be taken away by hand")
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, self._run(argv, stdin)).result()

    async def _run(self, argv: Sequence[str], stdin: bytes) -> Completed:
        from nepi.hosts.remote.reopening import transport_of  # what reaches other hosts takes a while to import

        way = {name: value for name, value in self._place["way"].items() if name != "kind"}  # a node's says whose it is, too
        transport = transport_of(way, self._name)
        try:
            return await transport.run(call("sh", "-c", AS_ROOT, "sh", *argv), stdin=stdin, deadline_s=DEADLINE_S, once=False)
        finally:
            await transport.close()


def _release_interface(row: Row) -> bool:
    there, ifname, alias = _There(row), row.identity["ifname"], row.identity["alias"]
    shown = there.run(ip_lines.shown(ifname))
    found = ip_json.interfaces(shown.stdout) if shown.exit.status == 0 else []
    if not found or not is_ours(found[0].alias, alias, intended=row.state == "intended"):
        return True
    done = there.run(["ip", *ip_lines.delete(ifname)])
    if done.exit.status:
        raise ResourceError(f"{row.identity['host']}: `ip link delete dev {ifname}`: {done.stderr.decode(errors='replace').strip()}")
    return True


def is_ours(found: str, alias: str, *, intended: bool) -> bool:
    """Whether an interface is the one that was made: by its alias, which one that was only just added has not got yet."""
    return found == alias or (intended and not found)


def _release_change(row: Row) -> bool:
    # What cannot be undone any more is gone already, with its interface.
    program, lines = row.identity["program"], row.identity["undo"]
    if program in BATCHES:
        _There(row).run([program, "-force", "-batch", "-"], batch(lines))
    else:
        for line in lines:
            _There(row).run([program, *line])
    return True


INTERFACE_KIND = LedgerKind(_is_alive, _release_interface, rank=45, survives_reboot=True)
CHANGE_KIND = LedgerKind(_is_alive, _release_change, rank=44, survives_reboot=True)
