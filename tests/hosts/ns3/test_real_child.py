"""The simulation process itself, with the real ns-3 in it: one for all tests here but those that kill theirs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.epitaph import reason_of_death
from nepi.hosts.ns3.nursery import INSIDE
from nepi.hosts.ns3.protocol import Operation, new_value, ref
from nepi.resources.ns3.rehearsal import HIGH_LEVEL
from tests.hosts.ns3.child import Child

pytestmark = pytest.mark.ns3


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Generator[Child]:
    child = Child(tmp_path_factory.mktemp("child") / "stderr")
    assert child.greeting["event"] == "hello", child.greeting
    yield child
    if child.process.returncode is None:
        assert child.close() == 0


def test_all_headers_go_together(child: Child) -> None:
    there = {path.name for path in INSIDE.parent.glob("*.h")}
    first = (*HIGH_LEVEL, "shared_lte.h")  # others need these
    names = [*first, *sorted(there - set(first))]
    assert dict(zip(names, child.ask(*(protocol.load(name) for name in names)), strict=True)) == dict.fromkeys(names)


def test_objects_are_made_set_and_asked(child: Child) -> None:
    device, queue = child.number(), child.number()
    assert child.ask(
        protocol.create(device, "ns3::PointToPointNetDevice", {"DataRate": "5Mbps"}),
        protocol.create(queue, "ns3::DropTailQueue<Packet>", {"MaxSize": "7p"}),
        protocol.set_(device, "TxQueue", ref(queue)),
        protocol.get(device, "DataRate"),
        protocol.set_(device, "Mtu", 1400),
        protocol.get(device, "Mtu"),
        protocol.invoke(device, "GetMtu"),
        protocol.invoke(device, "GetAddress"),
    ) == [None, None, None, "5000000bps", None, "1400", 1400, "02-06-ff:ff:ff:ff:ff:ff"]


def test_what_ns3_would_die_of_is_refused_with_a_reason(child: Child) -> None:
    one = child.number()
    assert child.ask(
        protocol.create(one, "ns3::Nod", {}),
        protocol.create(one, "ns3::NetDevice", {}),
        protocol.create(one, "ns3::PointToPointNetDevice", {"DataRat": "5Mbps"}),
        protocol.create(one, "ns3::PointToPointNetDevice", {"DataRate": "fast"}),
        protocol.create(one, "ns3::UdpEchoClient", {"Remote": "nowhere"}),
        protocol.create(one, "ns3::UdpEchoClient", {"Remote": "10.0.0.1:65536"}),
        protocol.invoke(one, "GetMtu"),
        protocol.create(one, "ns3::Node", {}),
        protocol.invoke(one, "__class__"),
        protocol.invoke(one, "GetNothing"),
        protocol.static("Nothing::AtAll"),
        protocol.log("Nothing", "LOG_LEVEL_INFO"),
        ["explode"],
    ) == [
        "refused: there is no TypeId ns3::Nod in this ns-3",
        "refused: ns3::NetDevice is abstract",
        "refused: ns3::PointToPointNetDevice has no attribute DataRat",
        "refused: ns3::PointToPointNetDevice: attribute DataRate cannot be 'fast'",
        "refused: ns3::UdpEchoClient: attribute Remote cannot be 'nowhere'",
        "refused: ns3::UdpEchoClient: attribute Remote cannot be '10.0.0.1:65536'",
        f"refused: there is no object {one}",
        None,
        "refused: '__class__' is not a name that can be asked for",
        "refused: Node has no 'GetNothing'",
        "refused: there is no 'Nothing::AtAll' in this ns-3",
        "refused: there is no log component 'Nothing'",
        "refused: there is no operation 'explode'",
    ]


def test_values_can_be_made_on_the_spot(child: Child) -> None:
    helper = child.number()
    node = child.number()
    assert child.ask(
        protocol.new(helper, "Ipv4AddressHelper", new_value("Ipv4Address", "10.9.0.0"), new_value("Ipv4Mask", "/24")),
        protocol.invoke(helper, "NewAddress"),
        protocol.create(node, "ns3::Node", {}),
        protocol.static("nepi::InstallStack", ref(node)),
        protocol.static("Seconds", 1.5),
        protocol.invoke(node, "GetNDevices"),
    ) == [None, "10.9.0.1", None, "", "+1.5e+09ns", 1]


def test_the_catalogue_is_the_shipped_one(child: Child) -> None:
    from nepi.resources.ns3.catalogue import SHIPPED, read_catalogue

    (types,) = child.ask(protocol.catalogue())
    known = read_catalogue(SHIPPED)
    assert child.greeting["version"] == known.version
    assert types.keys() == set(known)
    by_chance = {"ns3::OpenFlowSwitchNetDevice"}  # the default of its ID is a random number
    assert {name: types[name] for name in known if types[name] != known._records[name] and name not in by_chance} == {}


def echo(child: Child, folder: Path) -> tuple[int, list[Operation]]:
    """A pair of nodes, of which one sends a packet each millisecond for ever; the channel's number, and how it is built."""
    a, b, one, other, channel, server, client = (child.number() for _ in range(7))
    return channel, [
        protocol.create(a, "ns3::Node", {}),
        protocol.create(b, "ns3::Node", {}),
        protocol.create(channel, "ns3::PointToPointChannel", {"Delay": "2ms"}),
        protocol.create(one, "ns3::PointToPointNetDevice", {"DataRate": "5Mbps"}),
        protocol.create(other, "ns3::PointToPointNetDevice", {"DataRate": "5Mbps"}),
        protocol.check("nepi::JoinDevice", ref(a), ref(one), ref(channel), ""),
        protocol.check("nepi::JoinDevice", ref(b), ref(other), ref(channel), ""),
        protocol.check("nepi::InstallStack", ref(a)),
        protocol.check("nepi::InstallStack", ref(b)),
        protocol.check("nepi::AddAddress", ref(one), "10.0.0.1/24"),
        protocol.check("nepi::AddAddress", ref(other), "10.0.0.2/24"),
        protocol.create(server, "ns3::UdpEchoServer", {"Port": 9}),
        protocol.create(client, "ns3::UdpEchoClient", {"Remote": "10.0.0.2:9", "MaxPackets": 2**32 - 1, "Interval": "1ms"}),
        protocol.invoke(b, "AddApplication", ref(server)),
        protocol.invoke(a, "AddApplication", ref(client)),
        protocol.rows(client, "TxWithAddresses", str(folder / "tx"), "client"),
        protocol.packets(one, str(folder / "a.pcap"), kind="pcap"),
        protocol.packets(one, str(folder / "a.tr"), kind="ascii"),
        protocol.notify(3_000_000, 42),
    ]


def test_a_run_is_spoken_to_between_its_events_and_stopped(child: Child, tmp_path: Path) -> None:
    channel, operations = echo(child, tmp_path)
    assert [one for one in child.ask(*operations) if one not in (None, 0)] == []
    child.ask(protocol.run(10**15))
    assert child.hear() == {"event": "began", "now_ns": 0}
    assert child.hear() == {"event": "reached", "token": 42, "now_ns": 3_000_000}
    began, instants = time.monotonic(), []
    for number in range(1, 21):
        _, text, now = child.ask(
            protocol.set_(channel, "Delay", f"{number}ms"),
            protocol.get(channel, "Delay"),
            protocol.now(),
        )
        assert text == f"+{number}e+06ns" if number < 10 else text
        instants.append(now)
    print(f"{(time.monotonic() - began) / 20 * 1000:.2f} ms a round trip")
    assert instants == sorted(instants)
    child.ask(protocol.notify(50_000_000, 43))
    reached = child.hear()
    assert (reached["event"], reached["token"], reached["now_ns"] >= instants[-1] + 50_000_000) == ("reached", 43, True)
    assert child.ask(protocol.run(None)) == ["refused: the simulation runs already"]
    child.ask(protocol.stop())
    ended = child.hear()
    assert (ended["event"], ended["now_ns"] < 10**15) == ("ended", True)
    child.ask(protocol.close_files())
    first = (tmp_path / "tx").read_text().splitlines()[:3]
    assert first == ["time_ns\tcontext\tvalue1\tvalue2\tvalue3", "0\tclient\t100\t0.0.0.0:49153\t10.0.0.2:9", *first[2:]]
    assert (tmp_path / "a.pcap").stat().st_size > 1000
    assert (tmp_path / "a.tr").read_text().startswith("+ 0 /NodeList/")


def test_a_fault_in_cpp_is_the_reason_of_its_death(child: Child) -> None:
    """The last of this module: the process that all share ends here."""
    os.kill(child.process.pid, signal.SIGFPE)
    assert child.hear() == {"event": "fatal", "what": "SIGFPE", "id": child.last_id, "op": -1}
    assert child.hear() == {"event": "gone"}
    assert reason_of_death(child.close(), "SIGFPE", "") == "ns-3 crashed (SIGFPE: it divided by zero, or the like)"
