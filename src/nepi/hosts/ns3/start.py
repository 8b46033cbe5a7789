"""Starting the process of a simulation on this machine: recorded in the ledger before it is told what it is for.

Importing ns-3 takes seconds, so it is done once for each controller process, by its nursery (`nursery.py`), which forks the processes of
simulations. It may be started ahead (`warm_up`), while it is not yet certain that there will be a run, and ends with its controller.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

from nepi.errors import ConnectError, DeadlineError
from nepi.execution.ledger import Ledger, Thing
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.epitaph import reason_of_death
from nepi.hosts.ns3.nursery import END_DEADLINE_S, INSIDE, Forked, Keeper, Nursery, NurseryGoneError, tail
from nepi.hosts.ns3.protocol import Operation
from nepi.hosts.ns3.simulator import LONGEST_LINE, Event, Simulator

__all__ = ["INSIDE", "LocalSimulator", "cool_down", "end_nursery", "expect", "held", "missing_wheel", "warm_up"]

IMPORT_DEADLINE_S = 400.0
START_DEADLINE_S = 60.0
"""From its fork until it answers."""

_keeper = Keeper()
atexit.register(_keeper.end)
os.register_at_fork(after_in_child=_keeper.forget)


def missing_wheel() -> str:
    """Return what to do when there is no ns-3 here; "" when there is. Looks for it without importing it."""
    if importlib.util.find_spec("ns") is not None:
        return ""
    return "ns-3 is not installed here: pip install 'nepi[ns3]' (a wheel for CPython 3.11 to 3.13)"


def warm_up() -> Callable[[], None]:
    """Let ns-3 be imported ahead, for the next run; return what ends that if no simulation came of it."""
    with contextlib.suppress(OSError):  # the run says so when it needs one
        _keeper.keep()
    return cool_down


def cool_down() -> None:
    """End the nursery, if it was started ahead and no simulation came of it."""
    _keeper.cool_down()


def expect(name: str, operations: list[Operation]) -> None:
    """Let operations be compiled ahead for the simulations that follow; with the same name once."""
    _keeper.expect(name, operations)


def end_nursery() -> None:
    """End the nursery. Simulations go on; the next one waits for an import again."""
    _keeper.end()


def held() -> list[tuple[int, set[int]]]:
    """Return what is kept between simulations: the number of a process, and the descriptors that are open for it."""
    return _keeper.held()


async def _forked(keeper: Keeper) -> Forked:
    """Return the process of a simulation, with ns-3 in it; a nursery that does not do is replaced, once.

    Raises:
        ConnectError: there is none to be had.
        DeadlineError: the import takes too long.
    """
    try:
        with contextlib.suppress(NurseryGoneError):
            return await _forked_by(keeper, keeper.keep())
        return await _forked_by(keeper, keeper.keep())
    except NurseryGoneError as gone:
        raise ConnectError(f"ns-3 could not be started: {gone}", backend="ns3") from None
    except OSError as error:
        raise ConnectError(f"the ns-3 process could not be started: {error}", backend="ns3") from error


async def _forked_by(keeper: Keeper, nursery: Nursery) -> Forked:
    process = Forked()
    try:
        async with asyncio.timeout(IMPORT_DEADLINE_S):
            await process.born(nursery, keeper.rehearsals)
    except BaseException as error:
        process.close()
        why = str(error) or await nursery.death() if isinstance(error, NurseryGoneError) else ""
        if isinstance(error, NurseryGoneError | ConnectError | TimeoutError):
            keeper.drop(nursery)  # what ns-3 lacked may be installed until the next
        if why:
            raise NurseryGoneError(why) from None
        if isinstance(error, TimeoutError):
            raise DeadlineError(f"ns-3 was not imported within {IMPORT_DEADLINE_S:g} s", backend="ns3") from None
        raise
    return process


class LocalSimulator:
    """A simulation in a process on this machine.

    Attributes:
        simulator: to be asked.
    """

    def __init__(self, process: Forked, ledger: Ledger, row: int) -> None:
        self._process = process
        self._ledger = ledger
        self._row = row
        self._stderr: Path | None = None
        self._writing: asyncio.WriteTransport | None = None
        self.simulator: Simulator

    @classmethod
    async def start(cls, ledger: Ledger, *, owner: int, stdout: Path, stderr: Path, started: Keeper | None = None) -> LocalSimulator:
        """Start one, and wait until ns-3 is there.

        Args:
            ledger: of the run.
            owner: guid of the resource that it belongs to.
            stdout: file for what ns-3 writes to standard output.
            stderr: file for what it writes to standard error, logs included.
            started: whose nursery is to fork it, when that is not to be the usual one.

        Raises:
            ConnectError: it cannot be started, or ns-3 cannot be imported.
            DeadlineError: the import takes too long.
        """
        (row,) = ledger.intend([Thing("process", {"what": "ns-3"}, owner)])
        try:
            process = await _forked(started or _keeper)
        except BaseException:
            ledger.forget([row])
            raise
        self = cls(process, ledger, row)
        try:
            ledger.made([row], [process.identity.to_json()])
            await self._connect()
            async with asyncio.timeout(START_DEADLINE_S):
                await self.simulator.greeted()
                await self.simulator.ask(protocol.output(str(stdout), str(stderr)))
            self._stderr = stderr
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError):
                raise DeadlineError(f"the ns-3 process did not answer within {START_DEADLINE_S:g} s", backend="ns3") from None
            raise
        return self

    async def _connect(self) -> None:
        loop, process = asyncio.get_running_loop(), self._process
        reader = asyncio.StreamReader(limit=LONGEST_LINE)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.from_it)
        self._writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.to_it)
        self.simulator = Simulator(reader, self._writing, self._epitaph)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.identity.pid

    async def _epitaph(self, last: Event | None) -> str:
        """It has closed its output, so it is ending or has ended."""
        status = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_DEADLINE_S):
                status = await self._process.ended()
        words = self._process.words.last()
        if self._stderr is not None:
            with contextlib.suppress(OSError), self._stderr.open("rb") as file:
                words = tail(file)
        return reason_of_death(status, str(last["what"]) if last else "", words)

    async def close(self) -> None:
        """End it: gently, then by force."""
        if hasattr(self, "simulator"):
            self.simulator.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_DEADLINE_S):
                    await asyncio.shield(self.simulator.lost)
        self._process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_DEADLINE_S):
                await self._process.ended()
        if hasattr(self, "simulator"):
            await self.simulator.ended()
        if self._writing is not None and self._writing.get_write_buffer_size():
            self._writing.abort()  # it did not listen to the last of it
        self._process.close()
        self._ledger.forget([self._row])
