"""What trace sources call: as ns-3 documents it, but where that is wrong."""

from __future__ import annotations

from nepi.hosts.ns3.inside.signatures import function_type


def test_a_documented_type_is_used_where_it_is_right() -> None:
    assert function_type("ns3::UdpEchoClient", "Rx", "ns3::Packet::TracedCallback") == "ns3::Packet::TracedCallback"


def test_a_type_that_does_not_exist_is_replaced() -> None:
    assert function_type("ns3::DhcpClient", "NewLease", "ns3::Ipv4Address::TracedCallback") == "void (*)(const ns3::Ipv4Address&)"


def test_sources_of_one_documented_type_may_differ() -> None:
    documented = "ns3::QueueDiscItem::TracedCallback"
    assert function_type("ns3::QueueDisc", "Enqueue", documented) == "void (*)(ns3::Ptr<const ns3::QueueDiscItem>)"
    assert function_type("ns3::QueueDisc", "Mark", documented) == "void (*)(ns3::Ptr<const ns3::QueueDiscItem>, const char*)"
