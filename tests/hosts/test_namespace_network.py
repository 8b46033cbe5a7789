"""Nodes, switches and links, on the real kernel, as root and rootless."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from nepi.errors import ConnectError, ResourceError
from nepi.execution.ledger import Ledger, State
from nepi.hosts.namespace import NamespaceSession, Shape, VethEnd
from nepi.hosts.namespace_host import NamespaceHost
from tests.hosts.worlds import RIGHTS, rows, run, session_in, star, until

pytestmark = pytest.mark.netns


async def output(host: NamespaceHost, *argv: str) -> str:
    done = await host.run(argv)
    assert done.exit.status == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("rights", RIGHTS)
def test_fifty_hosts_on_a_switch_reach_each_other(tmp_path: Path, rights: str) -> None:
    async def scenario() -> list[int | None]:
        async with session_in(tmp_path, rights) as session:
            hosts = await star(session, 50)
            pings = [("ping", "-n", "-c", "1", "-W", "5", f"10.0.0.{50 - n}") for n in range(50)]
            done = await asyncio.gather(*(host.run(ping) for host, ping in zip(hosts, pings, strict=True)))
            six = await hosts[0].run(["ping", "-6", "-n", "-c", "1", "-W", "5", "fd00::32"])
            return [one.exit.status for one in (*done, six)]

    assert run(scenario()) == [0] * 51


@pytest.mark.parametrize("rights", RIGHTS)
def test_names_of_nodes_resolve_in_every_command(tmp_path: Path, rights: str) -> None:
    async def scenario() -> str:
        async with session_in(tmp_path, rights) as session:
            a, *_ = await star(session, 2)
            await session.hosts([("10.0.0.1", ["n1"]), ("10.0.0.2", ["n2", "two"])])
            first = await output(a, "ping", "-c", "1", "-W", "5", "two")
            await session.hosts([("10.0.0.1", ["n1", "me"])])
            return first + await output(a, "getent", "hosts", "me")

    text = run(scenario())
    assert "PING n2 (10.0.0.2)" in text
    assert text.splitlines()[-1].split() == ["10.0.0.1", "n1", "me"]


@pytest.mark.parametrize("rights", RIGHTS)
def test_routers_forward_between_their_links(tmp_path: Path, rights: str) -> None:
    async def scenario() -> tuple[int | None, ...]:
        async with session_in(tmp_path, rights) as session:
            a, _, b = await asyncio.gather(session.node("a"), session.node("r", forward=True), session.node("b"))
            await asyncio.gather(
                session.veth(
                    VethEnd("a", "eth0", addresses=("10.1.0.1/24", "fd01::1/64")),
                    VethEnd("r", "r0", addresses=("10.1.0.254/24", "fd01::fe/64")),
                ),
                session.veth(
                    VethEnd("r", "r1", addresses=("10.2.0.254/24", "fd02::fe/64")),
                    VethEnd("b", "eth0", addresses=("10.2.0.1/24", "fd02::1/64")),
                ),
                session.route("a", "0.0.0.0/0", via="10.1.0.254"),
                session.route("a", "::/0", via="fd01::fe"),
                session.route("b", "10.1.0.0/24", via="10.2.0.254"),
                session.route("b", "fd01::/64", via="fd02::fe"),
            )
            four = await a.run(["ping", "-n", "-c", "1", "-W", "5", "10.2.0.1"])
            six = await a.run(["ping", "-6", "-n", "-c", "1", "-W", "5", "fd02::1"])
            await session.route("a", "0.0.0.0/0", via="10.1.0.254", delete=True)
            none = await a.run(["ping", "-n", "-c", "1", "-W", "1", "10.2.0.1"])
            return four.exit.status, six.exit.status, none.exit.status

    assert run(scenario()) == (0, 0, 2)


@pytest.mark.parametrize("rights", RIGHTS)
def test_a_rate_limits_what_passes(tmp_path: Path, rights: str) -> None:
    frame_bytes = 1400 + 8 + 20 + 14

    async def scenario() -> list[float]:
        async with session_in(tmp_path, rights) as session:
            a, b = await star(session, 2)
            rates: list[float] = []
            for rate in (5e6, 20e6):
                await session.shape("n1", "eth0", Shape(rate_bps=rate))
                server = await b.start(["iperf3", "-s", "-1"], stdout=tmp_path / "server.out")
                await b.wait_listening(5201, process=server)
                offered = int(rate * 1.5)
                told = json.loads(await output(a, "iperf3", "-J", "-u", "-l", "1400", "-b", str(offered), "-t", "1", "-c", "10.0.0.2"))
                got = told["end"]["sum"]
                arrived = got["packets"] - got["lost_packets"]
                rates.append(arrived * frame_bytes * 8 / rate)
                await server.wait()
            return rates

    # In a second; what waits in the queue at its end (100 ms) still arrives and is counted.
    assert run(scenario()) == pytest.approx([1.1, 1.1], abs=0.1)


def test_reshaping_changes_one_property_and_leaves_the_others(tmp_path: Path) -> None:
    async def scenario() -> tuple[Shape | None, Shape | None, str, str]:
        async with session_in(tmp_path) as session:
            a, _ = await star(session, 2)
            await session.shape("n1", "eth0", Shape(rate_bps=10e6, queue_packets=50))
            more = await session.reshape("n1", "eth0", rate_bps=20e6)
            shown = await output(a, "tc", "qdisc", "show", "dev", "eth0")
            none = await session.reshape("n1", "eth0", rate_bps=None)
            await session.shape("n1", "eth0", None)
            return more, none, shown, await output(a, "tc", "qdisc", "show", "dev", "eth0")

    more, none, shown, gone = run(scenario())
    assert more == Shape(rate_bps=20e6, queue_packets=50)
    assert none is None
    assert "tbf" in shown
    assert "rate 20Mbit" in shown
    assert "tbf" not in gone


@pytest.mark.parametrize("shaped", [False, True])
def test_shaped_links_join_no_packets(tmp_path: Path, shaped: bool) -> None:
    longer = [
        "tcpdump",
        *(["-Z", "root"] if os.geteuid() == 0 else []),
        "-i",
        "eth0",
        "-n",
        "-e",
        "--immediate-mode",
        "-l",
        "tcp",
        "and",
        "greater",
        "1515",
    ]

    async def scenario() -> bool:
        async with session_in(tmp_path) as session:
            a, b = await asyncio.gather(session.node("a"), session.node("b"))
            await session.veth(VethEnd("a", "eth0", addresses=("10.0.0.1/24",)), VethEnd("b", "eth0", addresses=("10.0.0.2/24",)))
            if shaped:
                await session.shape("b", "eth0", Shape(rate_bps=50e6))
            capture = await b.start(longer, stdout=tmp_path / "frames", stderr=tmp_path / "words")
            await until(lambda: "listening on" in (tmp_path / "words").read_text())
            server = await b.start(["iperf3", "-s", "-1"], stdout=tmp_path / "server.out")
            await b.wait_listening(5201, process=server)
            await output(a, "iperf3", "-n", "500K", "-c", "10.0.0.2")
            await server.wait()
            await capture.stop()
            return (tmp_path / "frames").read_text().strip() == ""

    assert run(scenario()) is shaped


def test_interfaces_have_what_was_asked_for(tmp_path: Path) -> None:
    async def scenario() -> list[dict[str, object]]:
        async with session_in(tmp_path) as session:
            a, _ = await asyncio.gather(session.node("a"), session.node("b"))
            await session.veth(VethEnd("a", "left", mac="02:00:00:00:00:0a", mtu=1400), VethEnd("b", "right", up=False))
            await session.set_link("b", "right", up=True, mac="02:00:00:00:00:0b")
            await session.set_link("a", "left", mtu=1300)
            await session.address("a", "left", "10.0.0.1/24")
            await session.address("a", "left", "fd00::1/64")
            await session.address("a", "left", "10.0.0.1/24", delete=True)
            await session.neighbours("a", "left", [("fd00::2", "02:00:00:00:00:0b")])
            shown = [json.loads(await output(a, "ip", "-j", *what, "show", "dev", "left")) for what in (["addr"], ["-6", "neigh"])]
            return [shown[0][0], shown[1][0]]

    link, neighbour = run(scenario())
    assert (link["address"], link["mtu"], link["operstate"]) == ("02:00:00:00:00:0a", 1300, "UP")
    addresses = link["addr_info"]
    assert isinstance(addresses, list)
    assert [one["local"] for one in addresses if one["scope"] == "global"] == ["fd00::1"]
    assert not any(one.get("tentative") for one in addresses)
    assert (neighbour["dst"], neighbour["lladdr"], neighbour["state"]) == ("fd00::2", "02:00:00:00:00:0b", ["PERMANENT"])


def test_two_switches_can_be_linked(tmp_path: Path) -> None:
    async def scenario() -> int | None:
        async with session_in(tmp_path) as session:
            a, _, *_ = await asyncio.gather(session.node("a"), session.node("b"), session.switch("s1"), session.switch("s2"))
            await asyncio.gather(
                session.veth(VethEnd("s1", "up"), VethEnd("s2", "up")),
                session.veth(VethEnd("a", "eth0", addresses=("10.0.0.1/24",)), VethEnd("s1")),
                session.veth(VethEnd("s2"), VethEnd("b", "eth0", addresses=("10.0.0.2/24",))),
            )
            return (await a.run(["ping", "-n", "-c", "1", "-W", "5", "10.0.0.2"])).exit.status

    assert run(scenario()) == 0


def test_a_step_that_fails_says_why_and_stops_no_other(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[str], list[str], int]:
        async with session_in(tmp_path) as session:
            await asyncio.gather(session.node("a"), session.node("b"))
            answers = await asyncio.gather(
                session.node("a"),
                session.veth(VethEnd("a", "eth0"), VethEnd("nowhere", "eth0")),
                session.veth(VethEnd("a", "eth0"), VethEnd("b", "eth0")),
                session.veth(VethEnd("a", "eth0"), VethEnd("b", "eth1")),
                session.veth(VethEnd("a", "this-is-far-too-long"), VethEnd("b", "eth2")),
                session.address("a", "eth0", "10.0.0.1/40"),
                session.address("a", "eth9", "10.0.0.1/24"),
                session.address("a", "eth0", "10.0.0.1/24"),
                session.route("a", "10.9.0.0/16", via="192.168.7.7"),
                session.node("c", sysctls={"net.ipv4.no_such_thing": "1"}),
                return_exceptions=True,
            )
            links = await session.host("a").run(["ip", "-o", "link"])
            errors = [str(answer) for answer in answers if isinstance(answer, ResourceError)]
            return errors, session.nodes, len(links.stdout.splitlines())

    errors, nodes, links = run(scenario())
    assert errors == [
        "could not make node 'a': there is a node or switch 'a' already",
        "could not link 'a' and 'nowhere': no node or switch 'nowhere' in this run",
        "could not link 'a' and 'b': 'a' has an interface 'eth0' already",
        "could not link 'a' and 'b': interface name 'this-is-far-too-long': 1 to 15 characters",
        "could not add address 10.0.0.1/40 on a:eth0: '10.0.0.1/40' has an impossible prefix length",
        "could not add address 10.0.0.1/24 on a:eth9: 'a' has no interface 'eth9'",
        "could not add route to 10.9.0.0/16 on 'a': Nexthop has invalid gateway (ENETUNREACH); "
        "the gateway must be reachable by an address of the node",
        "could not make node 'c': sysctl net.ipv4.no_such_thing = 1 was refused on node 'c'",
    ]
    assert nodes == ["a", "b"]
    assert links == 2


def test_links_and_nodes_can_go_and_come_again_under_the_same_names(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[int | None], list[str]]:
        async with session_in(tmp_path) as session:
            statuses: list[int | None] = []
            await asyncio.gather(session.switch("s"), session.node("a"), session.node("b"))
            for address in ("10.0.0.2", "10.0.0.3", "10.0.0.4"):
                await asyncio.gather(
                    session.veth(VethEnd("a", "eth0", addresses=("10.0.0.1/24",)), VethEnd("s", "pa")),
                    session.veth(VethEnd("b", "eth0", addresses=(f"{address}/24",)), VethEnd("s", "pb")),
                )
                done = await session.host("a").run(["ping", "-n", "-c", "1", "-W", "5", address])
                statuses.append(done.exit.status)
                await session.delete_link("s", "pa")
                await session.close_node("b")
                await session.node("b")
            await session.close_switch("s")
            return statuses, sorted(row.kind for row in rows(tmp_path))

    assert run(scenario()) == ([0, 0, 0], ["agent", "netns", "netns"])


def test_a_deleted_link_carries_nothing_any_more(tmp_path: Path) -> None:
    async def scenario() -> tuple[int | None, int | None]:
        async with session_in(tmp_path) as session:
            a, _ = await star(session, 2)
            ping = ["ping", "-n", "-c", "1", "-W", "1", "10.0.0.2"]
            before = await a.run(ping)
            await session.delete_link("n2", "eth0")
            after = await a.run(ping)
            return before.exit.status, after.exit.status

    assert run(scenario()) == (0, 1)


def test_everything_is_in_the_ledger_before_it_is_made_and_out_after(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[tuple[str, State]], list[str]]:
        async with session_in(tmp_path) as session:
            await star(session, 2)
            made = [(row.kind, row.state) for row in rows(tmp_path)]
            await asyncio.gather(session.delete_link("n1", "eth0"), session.delete_link("n2", "eth0"))
            await asyncio.gather(session.close_node("n1"), session.close_node("n2"), session.close_switch("s"))
            return made, [row.kind for row in rows(tmp_path)]

    made, left = run(scenario())
    assert made == [("agent", "made"), *[("netns", "made")] * 3, *[("link", "made")] * 2]
    assert left == ["agent"]


def test_what_is_asked_in_one_turn_is_one_transaction(tmp_path: Path) -> None:
    class CountingLedger(Ledger):
        writes = 0

        def intend(self, *args: object, **kwargs: object) -> list[int]:
            CountingLedger.writes += 1
            return super().intend(*args, **kwargs)  # type: ignore[arg-type]

    async def scenario() -> int:
        with CountingLedger(tmp_path / "ledger.sqlite") as ledger:
            session = await NamespaceSession.open(tmp_path, ledger)
            try:
                await star(session, 20)
            finally:
                await session.close()
            return CountingLedger.writes

    assert run(scenario()) == 3


def test_two_runs_with_the_same_names_do_not_meet(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[int | None, int | None]]:
        async with session_in(tmp_path / "one") as one, session_in(tmp_path / "two") as two:
            first, second = await asyncio.gather(star(one, 3), star(two, 2))
            there = ["ping", "-n", "-c", "1", "-W", "1", "10.0.0.3"]
            done = await asyncio.gather(first[0].run(there), second[0].run(there))
            return [(done[0].exit.status, done[1].exit.status)]

    assert run(scenario()) == [(0, 1)]


def test_neighbours_come_with_the_link(tmp_path: Path) -> None:
    async def scenario() -> bytes:
        async with session_in(tmp_path) as session:
            west, _ = await asyncio.gather(session.node("west"), session.node("east"))
            known = (("10.0.0.2", "02:00:00:00:00:02"), ("fd00::2", "02:00:00:00:00:02"))
            await session.veth(VethEnd("west", "eth0", addresses=("10.0.0.1/24",), neighbours=known), VethEnd("east", "eth0"))
            return (await west.run(["ip", "neigh", "show", "nud", "permanent"])).stdout

    lines = sorted(line.split()[0] for line in run(scenario()).decode().splitlines())
    assert lines == ["10.0.0.2", "fd00::2"]


def test_nothing_begins_once_a_session_is_being_closed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with session_in(tmp_path) as session:
            await session.node("a")
            closing = asyncio.create_task(session.close())
            await asyncio.sleep(0)
            with pytest.raises(ConnectError, match="being ended"):
                await session.node("b")
            await closing

    run(scenario())


def test_long_run_folders_work(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120) / ("y" * 120)
    deep.mkdir(parents=True)

    async def scenario() -> int | None:
        async with session_in(deep) as session:
            host = await session.node("a")
            return (await host.run(["true"])).exit.status

    assert run(scenario()) == 0


def test_a_folder_that_is_not_there_is_an_error_and_no_row(tmp_path: Path) -> None:
    async def scenario() -> None:
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            with pytest.raises(ConnectError, match="could not be started"):
                await NamespaceSession.open(tmp_path / "nowhere", ledger)
            assert ledger.rows() == []

    run(scenario())
