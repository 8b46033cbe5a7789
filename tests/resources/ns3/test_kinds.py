"""What fits what in ns-3: every type of the catalogue is of use or says why not, and connections that do nothing are mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.errors import PlanError, UnknownTypeError
from nepi.resources.ns3.catalogue import catalogue
from nepi.resources.ns3.kinds import KINDS, Thing
from nepi.resources.ns3.kinds.fitting import CHANNELS, PAIRS, WITHOUT_CHANNEL, has_effect, why_useless
from nepi.resources.ns3.kinds.useless import USELESS

KNOWN = catalogue()
TYPES = KNOWN.resource_types()
BELOW_DEVICES = ("ns3::NetDevice", "ns3::Channel", "ns3::WifiPhy", "ns3::WifiMac", "ns3::SpectrumPhy", "ns3::UanPhy", "ns3::UanMac")


@pytest.fixture
def ec() -> Iterator[ExperimentController]:
    controller = ExperimentController("fitting", backend="ns3")
    yield controller
    controller.shutdown()


def mistakes(ec: ExperimentController) -> str:
    with pytest.raises(PlanError) as caught:
        ec.check()
    return str(caught.value)


def is_of_use(typeid: str) -> bool:
    kind = next((KINDS[one] for one in KNOWN.lineage(typeid) if one in KINDS), Thing)
    return kind is not Thing or any(has_effect(typeid, other) for other in ("ns3::UanNetDevice", *TYPES) if not why_useless(other))


@pytest.mark.parametrize("typeid", TYPES)
def test_every_type_is_of_use_or_says_what_to_use_instead(typeid: str) -> None:
    assert why_useless(typeid) or is_of_use(typeid)


@pytest.mark.parametrize("typeid", [one for one in TYPES if any(KNOWN.is_a(one, kind) for kind in BELOW_DEVICES)])
def test_every_device_channel_and_layer_is_joined_or_says_why_not(typeid: str) -> None:
    if why_useless(typeid):
        return
    lineage = KNOWN.lineage(typeid)
    if KNOWN.is_a(typeid, "ns3::NetDevice"):
        assert any(one in CHANNELS or one in WITHOUT_CHANNEL for one in lineage)
    elif KNOWN.is_a(typeid, "ns3::Channel"):
        assert any(KNOWN.is_a(typeid, channel) for channels in CHANNELS.values() for channel in channels)
    else:
        assert any(KNOWN.is_a(typeid, "ns3::" + kind) for kind in ("WifiPhy", "WifiMac")) or any(
            has_effect(typeid, device) for device in (*CHANNELS, *WITHOUT_CHANNEL, "ns3::AlohaNoackNetDevice") if device in KNOWN
        )


def test_the_tables_name_types_that_there_are() -> None:
    named = {*USELESS, *CHANNELS, *WITHOUT_CHANNEL, *KINDS, *(one for pair in PAIRS for one in pair)}
    assert {one for one in named if one not in KNOWN} == set()


@pytest.mark.parametrize(
    ("device", "channel", "why"),
    [
        ("LteUeNetDevice", "YansWifiChannel", "it takes no channel: connect it to a node and to an ns3::LteHelper"),
        ("ns3::lrwpan::LrWpanNetDevice", "CsmaChannel", "it takes a ns3::MultiModelSpectrumChannel or a ns3::SingleModelSpectrumChannel"),
        ("UanNetDevice", "CsmaChannel", "it takes a ns3::UanChannel"),
        ("BaseStationNetDevice", "UanChannel", "it takes a ns3::SimpleOfdmWimaxChannel"),
        ("MeshPointDevice", "SimpleChannel", "it takes a ns3::YansWifiChannel or a ns3::MultiModelSpectrumChannel"),
    ],
)
def test_a_device_on_a_channel_of_another_kind_is_told_which_it_takes(
    ec: ExperimentController, device: str, channel: str, why: str
) -> None:
    node = ec.add("Node", ec.add("Simulation"))
    ec.add(device, node, ec.add(channel))
    assert why in mistakes(ec)


@pytest.mark.parametrize(
    ("rtype", "values", "why"),
    [
        ("TapBridge", {}, "use a hybrid::Link"),
        ("FdNetDevice", {}, "use a hybrid::Link, which joins a namespace or a host"),
        ("VirtualNetDevice", {}, "use ns3::PointToPointNetDevice"),
        ("LoopbackNetDevice", {}, "every node that has an IP stack has one"),
        ("TcpBbr", {}, "name it as SocketType of an ns3::TcpL4Protocol"),
        ("Ipv4StaticRouting", {}, "connect an ns3::Route"),
        ("OnOffApplication", {"Protocol": "ns3::PacketSocketFactory"}, "use ns3::PacketSocketClient"),
        ("LrWpanNetDevice", {"ip": "10.0.0.1"}, "connect an ns3::SixLowPanNetDevice to it"),
        ("ns3::energy::BasicEnergyHarvester", {}, "its connection to n, a ns3::Node, would do nothing"),
    ],
)
def test_what_would_do_nothing_is_a_mistake_that_says_what_to_use(
    ec: ExperimentController, rtype: str, values: dict[str, Any], why: str
) -> None:
    node = ec.add("Node", ec.add("Simulation"), name="n")
    ec.add(rtype, node, **values)
    assert why in mistakes(ec)


@pytest.mark.parametrize(
    ("rtype", "why"), [("Ipv4GlobalRouting", "populateRoutingTables"), ("WimaxChannel", "ns3::SimpleOfdmWimaxChannel")]
)
def test_what_cannot_be_made_says_which_way_leads_there(ec: ExperimentController, rtype: str, why: str) -> None:
    with pytest.raises(UnknownTypeError, match=why):
        ec.add(rtype)


def test_a_trace_of_packets_that_ns3_cannot_write_is_a_mistake_with_the_other_traces(ec: ExperimentController) -> None:
    node = ec.add("Node", ec.add("Simulation"))
    ec.add("UanNetDevice", node, ec.add("UanChannel")).enable_trace("pcap")
    assert "whose packets ns-3 cannot write as pcap; its other traces: Rx, Tx" in mistakes(ec)


def test_the_plan_knows_a_bridge_as_a_switch_within_its_node(ec: ExperimentController) -> None:
    simulation = ec.add("Simulation")
    hosts, switch = [ec.add("Node", simulation) for _ in range(2)], ec.add("Node", simulation)
    cables = [ec.add("CsmaChannel") for _ in hosts]
    ends = [ec.add("CsmaNetDevice", host, cable) for host, cable in zip(hosts, cables, strict=True)]
    ec.add("BridgeNetDevice", switch, *(ec.add("CsmaNetDevice", switch, cable) for cable in cables))
    plan = ec.check()
    assert [plan.interfaces[one.guid][0].addresses for one in ends] == [("10.0.0.1/24", "fd00::1/64"), ("10.0.0.2/24", "fd00::2/64")]


@pytest.mark.parametrize(
    ("values", "beside", "is_told"),
    [({}, "netns::Node", True), ({}, None, False), ({"simulatorImplementationType": "ns3::RealtimeSimulatorImpl"}, "netns::Node", False)],
)
def test_an_application_that_waits_in_a_simulation_that_runs_free_is_told(
    ec: ExperimentController, values: dict[str, Any], beside: str | None, is_told: bool
) -> None:
    simulation = ec.add("Simulation", name="free", **values)
    ec.add("UdpEchoServer", ec.add("Node", simulation), name="late").start_when(simulation.started + "1s")
    if beside is not None:
        ec.add(beside)
    told = [one for one in ec.check().warnings if "as fast as it can" in one]
    assert [("beside netns::Node" in one, "(late)" in one) for one in told] == [(True, True)] * is_told


@pytest.mark.parametrize(
    ("values", "why"), [({"StopTime": "soon"}, "StopTime: duration 'soon'"), ({"nsLog": "Ping=loud"}, "'loud' is no level")]
)
def test_text_that_a_simulation_would_not_understand_is_a_mistake(ec: ExperimentController, values: dict[str, Any], why: str) -> None:
    ec.add("Simulation", **values)
    assert why in mistakes(ec)


def test_simulations_that_are_connected_with_each_other_are_a_mistake(ec: ExperimentController) -> None:
    ends = [ec.add("Node", ec.add("Simulation", name=name)) for name in ("one", "other")]
    ec.add("Link", *ends)
    assert "ns3::Simulation 'one': it is connected with other, over what is in both: simulations are apart" in mistakes(ec)


def test_what_may_be_in_several_simulations_is_a_mistake(ec: ExperimentController) -> None:
    for name in ("one", "other"):
        ec.add("Node", ec.add("Simulation", name=name))
    ec.add("Node", name="stray")
    assert mistakes(ec).count("stray may be in one and other: connect it, or what it is connected with, to one of them") == 1


@pytest.mark.parametrize("beside", [0, 1])
def test_a_simulation_that_joins_computers_outside_is_in_real_time_and_has_checksums(ec: ExperimentController, beside: int) -> None:
    for number in range(beside):
        ec.add("Node", ec.add("Simulation", name=f"apart-{number}"))
    simulation = ec.add("Simulation", name="joined")
    ec.add("Link", ec.add("netns::Node"), ec.add("Node", simulation), name="link")
    said = mistakes(ec)
    assert "'joined': link joins it with a computer outside" in said
    assert "set simulatorImplementationType to ns3::RealtimeSimulatorImpl and checksumEnabled to True" in said
    assert "apart-0" not in said
    ec.set(simulation, "simulatorImplementationType", "ns3::RealtimeSimulatorImpl")
    assert "with checksums: set checksumEnabled to True" in mistakes(ec)
    ec.set(simulation, "checksumEnabled", True)
    ec.check()


def test_an_address_without_a_port_is_a_mistake(ec: ExperimentController) -> None:
    node = ec.add("Node", ec.add("Simulation"), name="n")
    ec.add("OnOffApplication", node, Remote="10.0.0.2", name="text")
    ec.add("UdpEchoClient", node, Remote=node, name="reference")
    ec.add("PacketSink", node, Local="0.0.0.0", name="sink")
    fine: tuple[dict[str, Any], ...] = ({"Remote": "[fd00::1]:9"}, {"Remote": "10.0.0.2:9"}, {"Remote": "10.0.0.2", "RemotePort": 9})
    for number, values in enumerate(fine):
        ec.add("UdpEchoClient", node, name=f"fine-{number}", **values)
    said = mistakes(ec)
    assert "'text': attribute 'Remote' is '10.0.0.2', without a port: write it like '10.0.0.2:9'\n" in said
    assert "'reference': attribute 'Remote' is a node, without a port: write it like '10.0.0.2:9', or set RemotePort" in said
    assert "'sink': attribute 'Local' is '0.0.0.0', without a port: write it like '10.0.0.2:9', or set Port" in said
    assert "fine" not in said
