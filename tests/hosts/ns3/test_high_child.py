"""What becomes of who asks when the process answers nonsense, or not at all; without ns-3."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from nepi.errors import ConnectError, ResourceError
from nepi.execution.ledger import Ledger
from nepi.hosts.ns3.high_child import SimulationChild
from nepi.hosts.ns3.programs import session as session_module
from nepi.hosts.ns3.programs.session import SimulationSession


async def ask_who_answers(answer: str, folder: Path, *, then: str = "") -> str:
    """Return why asking has failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"print({answer!r}, end='', flush=True){then}", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    near, far = socket.socketpair()
    log = folder / "simulation.log"
    log.touch()
    with far, Ledger(folder / "ledger.sqlite") as ledger:
        child = SimulationChild(process, near, far.fileno(), log, ledger, 0)
        with pytest.raises(ConnectError) as caught:
            await child.ask("status")
        await child.close()
    return str(caught.value)


def test_an_answer_that_cannot_be_read_ends_it_with_that_reason(tmp_path: Path) -> None:
    said = asyncio.run(ask_who_answers("no json\n", tmp_path, then="; input()"))
    assert "(signal 9): JSONDecodeError" in said


def test_an_answer_that_it_did_not_live_to_finish_is_no_answer(tmp_path: Path) -> None:
    assert "the simulation has ended (status 0); see simulation.log" in asyncio.run(ask_who_answers('{"id": 1, "resu', tmp_path))


class Refusing:
    """A child that refuses everything, or says nothing."""

    def __init__(self, *, is_silent: bool = False) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.on_rows: Any = None
        self.is_silent = is_silent
        self.is_closed = False

    async def ask(self, _op: str, **_args: Any) -> Any:
        if self.is_silent:
            await asyncio.get_running_loop().create_future()
        raise ResourceError("no")

    async def call(self, *_calls: Any) -> Any:
        return await self.ask("call")

    async def close(self) -> None:
        self.is_closed = True


def test_a_simulation_that_cannot_begin_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Refusing] = []

    async def open_(_cls: type[SimulationChild], *_: Any) -> Refusing:
        made.append(Refusing())
        return made[-1]

    async def begin() -> None:
        with Ledger(tmp_path / "ledger.sqlite") as ledger, pytest.raises(ResourceError, match="no"):
            await SimulationSession.open(tmp_path, ledger, realtime=False, seed=1, run=1)

    monkeypatch.setattr(SimulationChild, "open", classmethod(open_))
    asyncio.run(begin())
    assert made[0].is_closed


@pytest.mark.parametrize("is_silent", [True, False])
def test_a_simulation_that_does_not_listen_is_ended_all_the_same(is_silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def end() -> bool:
        child: Any = Refusing(is_silent=is_silent)
        await SimulationSession(child, realtime=False).close()
        return bool(child.is_closed)

    monkeypatch.setattr(session_module, "CLOSE_DEADLINE_S", 0.01)
    assert asyncio.run(end())
