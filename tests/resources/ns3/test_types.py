"""Types made of the catalogue: all that the original had and ns-3 still has, with attributes checked as ns-3 would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nepi import ExperimentController
from nepi.errors import BadValueError, PlanError, UnknownAttributeError, UnknownTypeError
from nepi.execution.factory import ResourceFactory
from nepi.execution.resource import ResourceManager
from nepi.model.attributes import Types
from nepi.resources.ns3.attributes import Ns3Attribute
from nepi.resources.ns3.catalogue import SHIPPED, catalogue, read_catalogue
from nepi.resources.ns3.gone import GONE_ATTRIBUTES, GONE_PREFIXES, GONE_TRACES, GONE_TYPES, RENAMED_ATTRIBUTES
from nepi.resources.ns3.types import RENAMED

ORIGINAL = json.loads(Path(__file__).with_name("original.json").read_text(encoding="utf-8"))
HOWTO = Path(__file__).parents[3] / "docs" / "howto" / "ns3.md"


def type_of(rtype: str) -> type[ResourceManager]:
    found = ResourceFactory.get_resource_type(rtype)
    assert found is not None
    return found


def attribute(rtype: str, name: str) -> Ns3Attribute:
    found = type_of(rtype)._attributes[name]
    assert isinstance(found, Ns3Attribute)
    return found


def test_every_type_of_the_original_is_there_or_is_said_to_be_gone() -> None:
    assert len(ORIGINAL) == 109
    for rtype in ORIGINAL:
        if rtype in GONE_TYPES:
            with pytest.raises(UnknownTypeError) as caught:
                type_of(rtype)
            assert GONE_TYPES[rtype] in str(caught.value)
        else:
            assert type_of(rtype).rtype() in (rtype, RENAMED.get(rtype, rtype), "ns3::V4Ping")
    assert set(GONE_TYPES) <= set(ORIGINAL)


def test_every_attribute_of_the_original_is_there_or_is_said_to_be_gone() -> None:
    unexplained = []
    for rtype, had in ORIGINAL.items():
        if rtype in GONE_TYPES:
            continue
        has = type_of(rtype)._attributes
        for name in had["attributes"]:
            renamed = RENAMED_ATTRIBUTES.get(rtype, {}).get(name, name)
            if renamed not in has and name not in GONE_ATTRIBUTES and not name.startswith(GONE_PREFIXES.get(rtype, ("\0",))):
                unexplained.append((rtype, name))
    assert unexplained == []


def test_every_trace_of_the_original_is_there_or_is_said_to_be_gone() -> None:
    unexplained = [
        (rtype, name)
        for rtype, had in ORIGINAL.items()
        if rtype not in GONE_TYPES
        for name in had["traces"]
        if name not in type_of(rtype)._traces and name not in GONE_TRACES
    ]
    assert unexplained == []


def test_the_page_for_users_names_what_is_gone() -> None:
    page = HOWTO.read_text(encoding="utf-8")
    assert [name for name in (*GONE_TYPES, *GONE_ATTRIBUTES, *GONE_TRACES) if name.removeprefix("ns3::") not in page] == []


def test_the_shipped_catalogue_is_small_and_whole() -> None:
    known = read_catalogue(SHIPPED)
    assert SHIPPED.stat().st_size < 200_000
    assert known.version == "3.44.post0"
    assert len(known.resource_types()) == 459


def test_a_class_stands_for_each_ancestor() -> None:
    spec = ResourceFactory.spec(type_of("ns3::PointToPointNetDevice"))
    assert spec.is_a("ns3::NetDevice")
    assert spec.is_a("ns3::Object")
    assert not spec.is_a("ns3::Channel")


@pytest.mark.parametrize(
    ("rtype", "name", "written", "kept", "told"),
    [
        ("ns3::PointToPointNetDevice", "DataRate", "5Mbps", 5_000_000, "5000000bps"),
        ("ns3::PointToPointNetDevice", "DataRate", "5Mbit", 5_000_000, "5000000bps"),
        ("ns3::PointToPointNetDevice", "DataRate", "1MBps", 8_000_000, "8000000bps"),
        ("ns3::PointToPointChannel", "Delay", "2ms", 0.002, "2000000ns"),
        ("ns3::PointToPointChannel", "Delay", "+2000000.0ns", 0.002, "2000000ns"),
        ("ns3::PointToPointNetDevice", "Mtu", "1400", 1400, "1400"),
        ("ns3::CsmaNetDevice", "SendEnable", "false", False, "false"),
        ("ns3::CsmaNetDevice", "EncapsulationMode", "Llc", "Llc", "Llc"),
        ("ns3::DropTailQueue", "MaxSize", "50p", "50p", "50p"),
        ("ns3::OnOffApplication", "OnTime", "ns3::ConstantRandomVariable[Constant=1]", *["ns3::ConstantRandomVariable[Constant=1]"] * 2),
        ("ns3::TcpL4Protocol", "SocketType", "ns3::TcpBbr", "ns3::TcpBbr", "ns3::TcpBbr"),
        ("ns3::UdpEchoClient", "Remote", "10.0.0.1:9", "10.0.0.1:9", "10.0.0.1:9"),
    ],
)
def test_values_are_taken_as_people_and_as_ns3_write_them(rtype: str, name: str, written: object, kept: object, told: str) -> None:
    one = attribute(rtype, name)
    assert one.converted(written) == kept
    assert one.text(one.converted(written)) == told


@pytest.mark.parametrize(
    ("rtype", "name", "value", "why"),
    [
        ("ns3::PointToPointNetDevice", "Mtu", 70_000, "outside of 0 to 65535"),
        ("ns3::PointToPointNetDevice", "DataRate", "fast", "fast"),
        ("ns3::PointToPointChannel", "Delay", "soon", "soon"),
        ("ns3::CsmaNetDevice", "EncapsulationMode", "Lcl", "did you mean 'Llc'"),
        ("ns3::OnOffApplication", "OnTime", "ns3::ConstantRandomVariabel[Constant=1]", "did you mean 'ns3::ConstantRandomVariable'"),
        ("ns3::OnOffApplication", "OnTime", "ns3::Node", "a ns3::Node is no ns3::RandomVariableStream"),
        ("ns3::DropTailQueue", "MaxSize", "many", "queue size"),
    ],
)
def test_wrong_values_are_refused(rtype: str, name: str, value: object, why: str) -> None:
    with pytest.raises(BadValueError, match=why.replace("(", r"\(")):
        attribute(rtype, name).converted(value)


def test_defaults_and_ranges_are_those_of_ns3() -> None:
    mtu, rate = attribute("ns3::PointToPointNetDevice", "Mtu"), attribute("ns3::PointToPointNetDevice", "DataRate")
    assert (mtu.type, mtu.default, mtu.range) == (Types.Integer, 1500, (0, 65535))
    assert (rate.type, rate.default, rate.unit) == (Types.Rate, 32768, "bit/s")


def test_a_wrong_name_is_told_with_the_nearest() -> None:
    ec = ExperimentController("names", backend="ns3")
    with pytest.raises(UnknownTypeError, match="did you mean 'ns3::PointToPointNetDevice'"):
        ec.add("ns3::PointToPointNetDevic")
    with pytest.raises(UnknownAttributeError, match=r"ns3::PointToPointNetDevice has no attribute 'DataRat' \(did you mean 'DataRate'"):
        ec.add("ns3::PointToPointNetDevice", DataRat="5Mbps")
    with pytest.raises(UnknownTypeError, match="abstract"):
        ec.add("ns3::ErrorModel")
    ec.shutdown()


@pytest.mark.parametrize("rtype", ["ns3::Application", "ns3::HttpServer"])
def test_a_program_that_no_simulated_node_has_is_told_where_it_can_run(rtype: str) -> None:
    with pytest.raises(UnknownTypeError, match="other programs run on a netns::Node or a linux::Node that a Link joins"):
        ResourceFactory.find(rtype)


def test_a_device_on_a_channel_of_another_kind_is_a_mistake_of_the_plan() -> None:
    ec = ExperimentController("channels", backend="ns3")
    simulation = ec.add("ns3::Simulation", name="sim")
    a, b = (ec.add("ns3::Node", simulation, name=name) for name in "ab")
    channel = ec.add("ns3::CsmaChannel", name="bus")
    for node in (a, b):
        ec.add("ns3::PointToPointNetDevice", node, channel)
    with pytest.raises(PlanError, match=r"cannot be on bus, a ns3::CsmaChannel: it takes a ns3::PointToPointChannel"):
        ec.check()
    ec.shutdown()


def test_the_plan_gives_addresses_to_devices_on_channels() -> None:
    ec = ExperimentController("addresses", backend="ns3")
    simulation = ec.add("ns3::Simulation")
    nodes = [ec.add("ns3::Node", simulation) for _ in range(3)]
    bus = ec.add("ns3::CsmaChannel")
    devices = [ec.add("ns3::CsmaNetDevice", node, bus) for node in nodes]
    plan = ec.check()
    assert [plan.interfaces[one.guid][0].addresses for one in devices] == [
        (f"10.0.0.{number}/24", f"fd00::{number}/64") for number in (1, 2, 3)
    ]
    ec.shutdown()


def test_neither_ns3_nor_all_types_are_loaded_before_they_are_asked_for() -> None:
    code = (
        "import sys, nepi; assert 'nepi.resources.ns3' not in sys.modules\n"
        "from nepi.execution.factory import ResourceFactory as f; f.find('ns3::Node')\n"
        "assert 'ns' not in sys.modules and 'cppyy' not in sys.modules\n"
        "print(sum(name.startswith('ns3::') for name in f._resource_types) < 20)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_all_types_can_be_listed() -> None:
    types = ResourceFactory.resource_types()
    assert {name for name in catalogue().resource_types() if name not in types} == set()
