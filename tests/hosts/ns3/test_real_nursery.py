"""The nursery with the real ns-3 in it: one import for all tests here."""

from __future__ import annotations

import asyncio
import hashlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nepi.execution.ledger import Ledger
from nepi.execution.process_identity import ProcessIdentity
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.nursery import Keeper
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.hosts.ns3.simulator import Event, Simulator
from nepi.hosts.ns3.start import LocalSimulator
from tests.hosts.ns3.child import Child

pytestmark = pytest.mark.ns3
A, B, CHANNEL, ONE, OTHER, SERVER, CLIENT, ERRORS, PACKET = range(1, 10)


def chance(folder: Path, seed: int = 7) -> list[Operation]:
    """Two nodes, packets at random intervals over a channel that loses some at random, everything recorded; runs for 2 s."""
    return [
        protocol.seed(seed, 3),
        protocol.create(A, "ns3::Node", {}),
        protocol.create(B, "ns3::Node", {}),
        protocol.create(CHANNEL, "ns3::PointToPointChannel", {"Delay": "2ms"}),
        protocol.create(ONE, "ns3::PointToPointNetDevice", {"DataRate": "5Mbps"}),
        protocol.create(OTHER, "ns3::PointToPointNetDevice", {"DataRate": "5Mbps"}),
        protocol.check("nepi::JoinDevice", ref(A), ref(ONE), ref(CHANNEL), ""),
        protocol.check("nepi::JoinDevice", ref(B), ref(OTHER), ref(CHANNEL), ""),
        protocol.check("nepi::InstallStack", ref(A)),
        protocol.check("nepi::InstallStack", ref(B)),
        protocol.check("nepi::AddAddress", ref(ONE), "10.0.0.1/24"),
        protocol.check("nepi::AddAddress", ref(OTHER), "10.0.0.2/24"),
        protocol.create(ERRORS, "ns3::RateErrorModel", {"ErrorRate": "0.2", "ErrorUnit": "ERROR_UNIT_PACKET"}),
        protocol.set_(OTHER, "ReceiveErrorModel", ref(ERRORS)),
        protocol.create(SERVER, "ns3::PacketSink", {"Local": "0.0.0.0:9", "Protocol": "ns3::UdpSocketFactory"}),
        protocol.create(
            CLIENT,
            "ns3::OnOffApplication",
            {
                "Remote": "10.0.0.2:9",
                "Protocol": "ns3::UdpSocketFactory",
                "OnTime": "ns3::ExponentialRandomVariable[Mean=0.05]",
                "OffTime": "ns3::ExponentialRandomVariable[Mean=0.02]",
            },
        ),
        protocol.invoke(B, "AddApplication", ref(SERVER)),
        protocol.invoke(A, "AddApplication", ref(CLIENT)),
        protocol.rows(OTHER, "PhyRxDrop", str(folder / "drops"), "other"),
        protocol.packets(ONE, str(folder / "a.pcap"), kind="pcap"),
        protocol.packets(OTHER, str(folder / "b.tr"), kind="ascii"),
    ]


RUN = protocol.run(2 * 10**9)
NUMBERS = [
    protocol.invoke(OTHER, "GetAddress"),
    protocol.invoke(B, "GetId"),
    protocol.static("RngSeedManager::GetNextStreamIndex"),
    protocol.new(PACKET, "Packet"),
    protocol.invoke(PACKET, "GetUid"),
]
"""What the whole process counts."""


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def keeper() -> Generator[Keeper]:
    """A nursery of this module's own, because tests here end it."""
    keeper = Keeper()
    keeper.keep()
    yield keeper
    keeper.end()


class Simulation:
    """A started simulation and its events."""

    def __init__(self, local: LocalSimulator) -> None:
        self.local = local
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        local.simulator.on_event(self._events.put_nowait)

    @property
    def simulator(self) -> Simulator:
        return self.local.simulator

    async def until(self, name: str) -> Event:
        while (event := await self._events.get())["event"] != name:
            pass
        return event


@pytest.fixture
def ledger(tmp_path: Path) -> Generator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger
        assert ledger.rows() == []


@asynccontextmanager
async def simulations(keeper: Keeper, ledger: Ledger, folder: Path, count: int) -> AsyncGenerator[list[Simulation]]:
    """That many at once."""
    starting = [
        LocalSimulator.start(ledger, owner=number, stdout=folder / f"out{number}", stderr=folder / f"err{number}", started=keeper)
        for number in range(count)
    ]
    found = [Simulation(one) for one in await asyncio.gather(*starting)]
    try:
        yield found
    finally:
        await asyncio.gather(*(one.local.close() for one in found))


async def record(one: Simulation, folder: Path, seed: int = 7) -> tuple[list[Any], dict[str, str]]:
    """Run by chance, and return what was counted, and what became of the files."""
    os.mkdir(folder)  # noqa: PTH102  # at once
    await one.simulator.ask(*chance(folder, seed))
    numbers = await one.simulator.ask(*NUMBERS)
    await one.simulator.ask(RUN)
    await one.until("ended")
    await one.simulator.ask(protocol.close_files())
    return numbers, digest(folder)


def record_afresh(folder: Path, words: Path) -> tuple[list[Any], dict[str, str]]:
    """The same in a process that has imported ns-3 by itself, as on another host."""
    folder.mkdir()
    child = Child(words)
    child.ask(*chance(folder))
    numbers = child.ask(*NUMBERS)
    child.ask(RUN)
    while child.hear()["event"] != "ended":
        pass
    child.ask(protocol.close_files())
    assert child.close() == 0
    return numbers, digest(folder)


def test_forked_simulations_are_the_same_to_the_byte_as_one_in_a_fresh_process(keeper: Keeper, ledger: Ledger, tmp_path: Path) -> None:
    async def main() -> None:
        nursery = keeper.keep()
        async with simulations(keeper, ledger, tmp_path, 3) as found:  # the first was forked at once, the others after a rehearsal
            assert len({one.local.pid for one in found}) == 3
            assert (keeper.keep() is nursery, "not rehearsed" in nursery.words.last()) == (True, False)
            recorded = await asyncio.gather(*(record(one, tmp_path / f"once{number}") for number, one in enumerate(found[:2])))
            _, other = await record(found[2], tmp_path / "other", seed=8)
        async with simulations(keeper, ledger, tmp_path, 1) as (later,):
            recorded.append(await record(later, tmp_path / "later"))
        fresh = await asyncio.to_thread(record_afresh, tmp_path / "fresh", tmp_path / "words")
        assert recorded == [fresh] * 3
        files = fresh[1]
        assert (other.keys(), [name for name in files if other[name] == files[name]]) == (files.keys(), [])
        assert "other" in (tmp_path / "fresh" / "drops").read_text()

    asyncio.run(main())


def test_a_forked_simulation_compiles_reads_its_types_and_writes_its_own_outputs(keeper: Keeper, ledger: Ledger, tmp_path: Path) -> None:
    async def main() -> None:
        async with simulations(keeper, ledger, tmp_path, 2) as (one, other):
            note = await one.simulator.ask(protocol.new(-9, "Packet", 7), protocol.invoke(-9, "ToString"))
            assert note == [None, ""]  # nothing is noted of packets, as in a fresh process, where it costs a tenth of the time
            (types,) = await one.simulator.ask(protocol.catalogue())  # it compiles a header for this, and another one for rows
            assert len(types) > 500
            await other.simulator.ask(
                protocol.log("UdpEchoServerApplication", "LOG_LEVEL_ALL"),
                protocol.create(SERVER, "ns3::UdpEchoServer", {}),
            )
        assert [(tmp_path / f"err{number}").read_text().count("UdpEchoServer") > 0 for number in (0, 1)] == [False, True]

    asyncio.run(main())


def test_one_that_dies_says_why_and_leaves_the_others(keeper: Keeper, ledger: Ledger, tmp_path: Path) -> None:
    async def main() -> None:
        async with simulations(keeper, ledger, tmp_path, 4) as (one, faulty, killed, giving_up):
            endless = [*chance(tmp_path), protocol.run(10**15)]
            for each in (one, faulty, killed):
                await each.simulator.ask(*endless)
                await each.until("began")
            os.kill(faulty.local.pid, signal.SIGFPE)
            os.kill(killed.local.pid, signal.SIGKILL)
            await giving_up.simulator.ask(
                protocol.create(A, "ns3::Node", {}),
                protocol.check("nepi::InstallStack", ref(A)),
                protocol.create(CLIENT, "ns3::UdpEchoClient", {}),
                protocol.invoke(A, "AddApplication", ref(CLIENT)),
                protocol.run(None),
            )
            assert [await each.simulator.lost for each in (faulty, killed, giving_up)] == [
                "ns-3 crashed (SIGFPE: it divided by zero, or the like)",
                "the ns-3 process was killed (SIGKILL)",
                "ns-3 gave up: Remote address not properly set",
            ]
            await one.simulator.ask(protocol.notify(10**6, 5))
            assert (await one.until("reached"))["token"] == 5  # its time goes on

    asyncio.run(main())


HELPER = """
import asyncio, sys
from pathlib import Path
from nepi.execution.ledger import Ledger
from nepi.hosts.ns3 import protocol, start
from tests.hosts.ns3.test_real_nursery import chance

async def main(folder):
    with Ledger(folder / "ledger.sqlite") as ledger:
        one, idle = [await start.LocalSimulator.start(ledger, owner=1, stdout=folder / "out", stderr=folder / "err") for _ in range(2)]
        await one.simulator.ask(*chance(folder), protocol.run(10**15))
        ((nursery, _),) = start.held()
        print(nursery, one.pid, idle.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_controller_that_is_killed_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    """Not even while its simulation runs, and would do so for days."""
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", HELPER, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True) as controller:
        try:
            assert controller.stdout is not None
            pids = [int(word) for word in controller.stdout.readline().split()]
            assert len(pids) == 3
            folders = [Path(f"/proc/{pid}/cwd").readlink() for pid in pids]
            identities = [ProcessIdentity.of(pid) for pid in pids]
        finally:
            controller.kill()
    for one in identities:
        assert ended_within(one, 60)
    assert [folder for folder in folders if folder.exists()] == []
    with Ledger(tmp_path / "ledger.sqlite") as ledger:  # what `nepi clean` finds, and finds gone
        assert [ProcessIdentity.from_json(row.identity) for row in ledger.rows()] == identities[1:]


def ended_within(process: ProcessIdentity, deadline_s: float) -> bool:
    handle = process.open()
    if handle is None:
        return True
    try:
        return bool(select.select([handle], [], [], deadline_s)[0])
    finally:
        os.close(handle)


def test_simulations_take_no_notice_of_the_end_of_the_nursery(keeper: Keeper, ledger: Ledger, tmp_path: Path) -> None:
    """The last of this module: the nursery ends here."""

    async def main() -> None:
        async with simulations(keeper, ledger, tmp_path, 2) as (one, other):
            ((nursery, _),) = keeper.held()
            os.kill(nursery, signal.SIGKILL)
            recorded = await asyncio.gather(record(one, tmp_path / "one"), record(other, tmp_path / "other"))
            assert recorded[0] == recorded[1]

    asyncio.run(main())
