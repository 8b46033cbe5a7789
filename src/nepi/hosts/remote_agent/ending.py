"""Ending an agent on another machine from its row alone, and what the ledger knows of that."""

from __future__ import annotations

import asyncio
import json
import shlex
import threading
from pathlib import PurePosixPath
from typing import Any

from nepi.errors import ConnectError
from nepi.execution.ledger import Row
from nepi.execution.ledger_kinds import LedgerKind
from nepi.hosts.remote.reopening import transport_of
from nepi.hosts.remote.transport import Transport

DEADLINE_S = 30.0
END = """
import json, os, select, shutil, signal, sys
asked = json.loads(sys.stdin.readline())
def ticks(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])
gone = True
with open("/proc/sys/kernel/random/boot_id") as file:
    same_boot = file.read().strip() == asked["boot_id"]
pid = asked.get("pid")
if same_boot and pid:
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        fd = None
    if fd is not None and ticks(pid) == asked["start_ticks"]:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        gone = bool(poll.poll(10000))
if gone:
    shutil.rmtree(asked["run_dir"], ignore_errors=True)
print("gone" if gone else "there")
"""


async def end_there(transport: Transport, identity: dict[str, Any]) -> bool:
    """Kill exactly this agent if it runs still, and remove its folder; return whether it is gone. One round trip.

    Raises:
        ConnectError: the machine cannot be reached.
        DeadlineError: it does not answer.
    """
    folder = PurePosixPath(identity["run_dir"])
    if not folder.is_absolute() or folder.parent.name != "runs":
        raise ConnectError(f"{folder} is no folder of an agent: nothing is removed", backend="netns")
    wanted = {name: identity.get(name) for name in ("pid", "start_ticks", "boot_id", "run_dir")}
    command = " ".join(shlex.quote(word) for word in (identity["python"], "-I", "-S", "-c", END))
    done = await transport.run(command, stdin=json.dumps(wanted).encode() + b"\n", deadline_s=DEADLINE_S, once=False)
    if done.exit.status != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise ConnectError(f"the agent on {transport.name} could not be ended: {words[-1] if words else done.exit}", backend="netns")
    return done.stdout.strip() == b"gone"


def _release(row: Row) -> bool:
    """End the agent of a row, whose controller is dead."""

    async def ended() -> bool:
        transport = transport_of({name: value for name, value in row.identity["way"].items() if name != "kind"}, row.identity["host"])
        try:
            return await end_there(transport, row.identity)
        finally:
            await transport.close()

    outcome: list[bool | BaseException] = []

    def work() -> None:
        try:
            outcome.append(asyncio.run(ended()))
        except BaseException as error:
            outcome.append(error)

    # In a thread of its own: the caller may be in an event loop.
    thread = threading.Thread(target=work, name="nepi-remote-agent")
    thread.start()
    thread.join()
    (result,) = outcome
    if isinstance(result, BaseException):
        raise result
    return result


def _may_be_there(_row: Row) -> bool:
    """Nobody here can tell; asking would take as long as ending it."""
    return True


LEDGER_KIND = LedgerKind(_may_be_there, _release, rank=10, survives_reboot=True)
