"""Starting the processes of simulations, what is told when that fails, and what their ends leave to each other: without ns-3."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nepi.errors import ConnectError
from nepi.execution.ledger import Ledger
from nepi.execution.process_identity import ProcessIdentity
from nepi.hosts.ns3.nursery import INSIDE, Keeper
from nepi.hosts.ns3.rehearsals import low_level
from nepi.hosts.ns3.start import LocalSimulator

FAKE = Path(__file__).with_name("fake_inside.py")


@pytest.fixture
def ledger(tmp_path: Path) -> Generator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger
        assert ledger.rows() == []


@asynccontextmanager
async def keeper_of(*argv: str) -> AsyncGenerator[Keeper]:
    """A keeper of nurseries that are started so, ended in the end."""
    keeper = Keeper([sys.executable, *argv])
    try:
        yield keeper
    finally:
        keeper.end()
        assert keeper.held() == []


def fake(way: str = "") -> list[str]:
    return [str(FAKE), way]


@pytest.fixture
def start(ledger: Ledger, tmp_path: Path) -> Callable[[Keeper], Awaitable[LocalSimulator]]:
    async def start(keeper: Keeper) -> LocalSimulator:
        return await LocalSimulator.start(ledger, owner=1, stdout=tmp_path / "stdout", stderr=tmp_path / "stderr", started=keeper)

    return start


Start = Callable[[Keeper], Awaitable[LocalSimulator]]


async def refusal(start: Start, *argv: str) -> str:
    async with keeper_of(*argv) as keeper:
        with pytest.raises(ConnectError) as caught:
            await start(keeper)
    return str(caught.value)


def test_a_missing_wheel_is_told_with_what_to_type(start: Start) -> None:
    """An interpreter without installed packages stands for one without ns-3."""
    said = asyncio.run(refusal(start, "-I", "-S", str(INSIDE), "--nursery"))
    assert said == "ns-3 is not installed (ModuleNotFoundError: No module named 'cppyy'): pip install 'nepi[ns3]'"


def test_a_nursery_that_ends_while_it_imports_has_a_reason(start: Start) -> None:
    said = asyncio.run(refusal(start, *fake("ends")))
    assert said == "ns-3 could not be started: the ns-3 process ended with status 7: no room"


def test_a_nursery_that_is_killed_while_it_imports_has_a_reason(start: Start) -> None:
    said = asyncio.run(refusal(start, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert said == "ns-3 could not be started: the ns-3 process was killed (SIGKILL)"


def test_a_nursery_that_cannot_fork_says_why(start: Start) -> None:
    said = asyncio.run(refusal(start, *fake("cannot fork")))
    assert said == "ns-3 could not be started: [Errno 11] Resource temporarily unavailable"


def test_a_program_that_is_not_there_is_told(start: Start, ledger: Ledger) -> None:
    async def main() -> str:
        with pytest.raises(ConnectError) as caught:
            await start(Keeper(["/nothing/here"]))
        return str(caught.value)

    assert asyncio.run(main()) == "the ns-3 process could not be started: [Errno 2] No such file or directory: '/nothing/here'"


def test_a_nursery_that_fails_once_is_replaced(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPI_TEST_MARK", str(tmp_path / "mark"))

    async def main() -> None:
        async with keeper_of(*fake("once")) as keeper:
            await (await start(keeper)).close()

    asyncio.run(main())


def test_one_nursery_serves_all_and_is_replaced_when_it_has_been_killed(start: Start) -> None:
    async def main() -> None:
        async with keeper_of(*fake()) as keeper:
            one = await start(keeper)
            ((first, _),) = keeper.held()
            assert parent_of(one.pid) == first
            other = await start(keeper)
            assert parent_of(other.pid) == first
            nursery = keeper.keep()
            os.kill(first, signal.SIGKILL)
            nursery.process.wait()
            third = await start(keeper)
            ((second, _),) = keeper.held()
            assert second != first
            assert parent_of(third.pid) == second
            for each in (one, other, third):  # none has taken notice
                assert len(await each.simulator.ask(["go on"])) == 1
                await each.close()

    asyncio.run(main())


def test_a_simulation_is_in_the_ledger_with_its_own_process_in_its_own_session(start: Start, ledger: Ledger) -> None:
    async def main() -> None:
        async with keeper_of(*fake()) as keeper:
            one, other = await asyncio.gather(start(keeper), start(keeper))
            assert [(row.kind, row.owner, row.state, row.identity) for row in ledger.rows()] == [
                ("process", 1, "made", {"what": "ns-3", **ProcessIdentity.of(each.pid).to_json()}) for each in (one, other)
            ]
            assert [os.getsid(each.pid) for each in (one, other)] == [one.pid, other.pid]
            folders = [folder_of(each.pid) for each in (one, other)]
            assert [[*folder.iterdir()] for folder in folders] == [[], []]
            await one.close()
            await other.close()
            assert [folder.exists() for folder in folders] == [False, False]

    asyncio.run(main())


def test_a_simulation_has_no_descriptor_of_another_or_of_the_nursery(start: Start) -> None:
    async def main() -> None:
        async with keeper_of(*fake()) as keeper:
            one = await start(keeper)
            other = await start(keeper)
            answers = [await each.simulator.ask(["files"]) for each in (one, other)]
            mine, theirs = ({file for file in files if "pipe:" in file or "socket:" in file} for (files,) in answers)
            assert (len(mine), len(theirs), mine & theirs) == (2, 2, set())
            await one.close()
            await other.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("word", "reason"),
    [("kill", "the ns-3 process was killed (SIGKILL)"), ("give up", "the ns-3 process ended with status 5: no more")],
)
def test_the_end_of_one_is_told_with_its_reason_and_leaves_the_others(start: Start, word: str, reason: str) -> None:
    async def main() -> None:
        async with keeper_of(*fake()) as keeper:
            one, other = await asyncio.gather(start(keeper), start(keeper))
            with pytest.raises(ConnectError, match=".") as caught:
                await one.simulator.ask([word])
            assert (str(caught.value), one.simulator.lost.result()) == (reason, reason)
            assert len(await other.simulator.ask(["go on"])) == 1
            await one.close()
            await other.close()

    asyncio.run(main())


def test_the_end_of_a_simulation_is_seen_when_the_nursery_has_gone_before(start: Start) -> None:
    async def main() -> None:
        async with keeper_of(*fake()) as keeper:
            one = await start(keeper)
            keeper.end()
            os.kill(one.pid, signal.SIGKILL)
            assert await one.simulator.lost == "the ns-3 process has ended"
            await one.close()

    asyncio.run(main())


def test_a_start_that_is_given_up_leaves_nothing(start: Start, ledger: Ledger) -> None:
    async def main() -> None:
        async with keeper_of("-c", "import signal; signal.pause()") as keeper:
            starting = asyncio.ensure_future(start(keeper))
            await asyncio.sleep(0)  # until it waits for the nursery
            assert len(ledger.rows()) == 1
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting

    asyncio.run(main())


def test_a_nursery_ends_by_itself_when_nobody_wants_anything(start: Start) -> None:
    async def main() -> None:
        async with keeper_of(*fake("idle")) as keeper:
            nursery = keeper.keep()
            assert nursery.process.wait(30) == 0
            assert keeper.keep() is not nursery

    asyncio.run(main())


def test_only_a_nursery_that_nobody_has_used_cools_down(start: Start) -> None:
    async def main() -> None:
        async with keeper_of(*fake()) as keeper:
            assert keeper.keep() is keeper.keep()
            keeper.cool_down()
            assert keeper.held() == []
            one = await start(keeper)
            await one.close()
            keeper.cool_down()
            assert len(keeper.held()) == 1

    asyncio.run(main())


def test_from_the_second_one_on_it_is_rehearsed_once_what_simulations_do(start: Start) -> None:
    async def main() -> None:
        async with keeper_of(*fake()) as keeper:
            low = len(keeper.rehearsals["low level"])
            said = []
            for _ in range(3):
                await (await start(keeper)).close()
                said.append(keeper.keep().words.last())
            keeper.expect("more", [["a"], ["b"]])
            await (await start(keeper)).close()
            said.append(keeper.keep().words.last())
            assert said == ["", f"rehearsed {low}\n", f"rehearsed {low}\n", f"rehearsed {low}\nrehearsed 2\n"]

    asyncio.run(main())


def test_a_nursery_that_fails_at_a_rehearsal_is_replaced_by_one_that_has_none(start: Start) -> None:
    async def main() -> None:
        async with keeper_of(*fake("cannot rehearse")) as keeper:
            nurseries = []
            for _ in range(4):
                await (await start(keeper)).close()
                nurseries.append(keeper.keep())
            assert [one is nurseries[1] for one in nurseries] == [False, True, True, True]

    asyncio.run(main())


def test_other_settings_of_ns3_get_another_nursery(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with keeper_of(*fake()) as keeper:
            one = await start(keeper)
            before = keeper.keep()
            monkeypatch.setenv("NS_LOG", "Nothing")
            assert keeper.keep() is not before
            with pytest.raises(ConnectError):
                await one.simulator.ask(["give up"])
            assert one.simulator.lost.result() == "the ns-3 process ended with status 5: no more"  # by the one that is leaving
            await one.close()
            assert before.process.wait(30) == 0

    asyncio.run(main())


def test_controllers_in_several_threads_share_the_nursery(start: Start) -> None:
    parents: list[int] = []

    async def one(keeper: Keeper) -> None:
        local = await start(keeper)
        parents.append(parent_of(local.pid))
        await local.close()

    async def main() -> None:
        async with keeper_of(*fake()) as keeper:
            await asyncio.gather(*(asyncio.to_thread(asyncio.run, one(keeper)) for _ in range(3)))
            assert parents == [keeper.held()[0][0]] * 3

    asyncio.run(main())


FORKING = """
import os, sys
from nepi.hosts.ns3 import start
start.warm_up()
nursery = start._keeper.keep()
if os.fork() == 0:
    assert start.held() == []
    sys.exit()  # with all that is done then
_, status = os.wait()
assert (status, start.held()[0][0], nursery.is_alive()) == (0, nursery.process.pid, True)
print(nursery.process.pid)
"""


def test_a_fork_of_the_controller_leaves_it_its_nursery_which_ends_with_it() -> None:
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(ProcessLookupError):
        ProcessIdentity.of(int(done.stdout))


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def folder_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/cwd").readlink()


def test_a_rehearsal_does_nothing_that_makes_the_simulations_after_it_slower() -> None:
    # ns-3's helpers for "ascii" let all packets remember their headers from then on.
    assert [one for one in low_level() if one[0] == "packets" and one[-1] == "ascii"] == []
