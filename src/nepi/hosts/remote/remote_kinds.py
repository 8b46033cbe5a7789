"""What a run has on other machines, as kinds of its ledger: found and given back by the rows alone, after the controller's death.

All rows of one host go over one connection; several hosts are seen to at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any, Final

from nepi.errors import NepiError, ResourceError
from nepi.execution.ledger import Row
from nepi.execution.ledger_kinds import LedgerKind
from nepi.hosts.remote.reopening import transport_of
from nepi.hosts.remote.session import give_back

HOSTS_AT_ONCE: Final = 16
Work = Callable[[Sequence[Row]], Coroutine[Any, Any, Mapping[int, str]]]


def may_be_there(_row: Row) -> bool:
    """Nobody can tell without going there."""
    return True


def _by_host(rows: Sequence[Row], work: Work) -> Mapping[int, str]:
    """Do some work for the rows of each host; return what it answers."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(json.dumps(row.identity["way"], sort_keys=True), []).append(row)

    async def all_hosts() -> dict[int, str]:
        limit = asyncio.Semaphore(HOSTS_AT_ONCE)

        async def one_host(some: Sequence[Row]) -> Mapping[int, str]:
            async with limit:
                try:
                    return await work(some)
                except NepiError as error:
                    return dict.fromkeys((row.id for row in some), str(error))

        answers = await asyncio.gather(*(one_host(some) for some in groups.values()))
        return {row: reason for answer in answers for row, reason in answer.items()}

    # A loop of its own, whether or not the caller is on one.
    with ThreadPoolExecutor(1, "nepi-remote-kinds") as pool:
        return pool.submit(asyncio.run, all_hosts()).result()


async def _end_commands(rows: Sequence[Row]) -> Mapping[int, str]:
    """Kill exactly these commands, and what they have started."""
    transport = transport_of(rows[0].identity["way"], rows[0].identity["host"])
    reasons: dict[int, str] = {}
    roots: dict[str, list[Row]] = {}
    for row in rows:
        roots.setdefault(str(PurePosixPath(row.identity["control"]).parent), []).append(row)
    try:
        for root, some in roots.items():
            tags = [row.identity["tag"] for row in some]
            try:
                await give_back(transport, PurePosixPath(root), tags, remove=False, sudo=any(row.identity["sudo"] for row in some))
            except ResourceError as error:
                reasons |= dict.fromkeys((row.id for row in some), str(error))
    finally:
        await transport.close()
    return reasons


async def _remove_folders(rows: Sequence[Row]) -> Mapping[int, str]:
    """Remove runs' folders, and kill what is still running of these runs."""
    transport = transport_of(rows[0].identity["way"], rows[0].identity["host"])
    reasons: dict[int, str] = {}
    try:
        for row in rows:
            try:
                await _remove(transport, row)
            except ResourceError as error:
                reasons[row.id] = str(error)
    finally:
        await transport.close()
    return reasons


async def _remove(transport: Any, row: Row) -> None:
    root, tags = PurePosixPath(row.identity["path"]), [f"{row.identity['token']}."]
    try:
        await give_back(transport, root, tags, remove=True, sudo=False)
    except ResourceError as first:
        try:  # commands that ran by sudo may have left something of root's
            await give_back(transport, root, tags, remove=True, sudo=True)
        except ResourceError:
            raise first from None


def release_commands(rows: Sequence[Row]) -> Mapping[int, str]:
    """Kill the commands of rows; return why some could not be killed."""
    return _by_host(rows, _end_commands)


def release_folders(rows: Sequence[Row]) -> Mapping[int, str]:
    """Remove the folders of rows; return why some could not be removed."""
    return _by_host(rows, _remove_folders)


def _kind(release: Callable[[Sequence[Row]], Mapping[int, str]], rank: int) -> LedgerKind:
    return LedgerKind(may_be_there, lambda row: not release([row]), rank, survives_reboot=True, release_together=release)


PROCESS: Final = _kind(release_commands, 20)
FOLDER: Final = _kind(release_folders, 70)
