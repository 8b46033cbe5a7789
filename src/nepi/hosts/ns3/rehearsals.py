"""What the nursery does for a moment before it forks again, so that it is compiled: each simulation would have to compile it anew.

It costs as much as it spares the next simulation, so only a nursery that is asked for a second one does it.
"""

from __future__ import annotations

from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref

_NOWHERE = "/dev/null"
_A, _B, _CHANNEL, _ONE, _OTHER, _ERRORS, _PROGRAM = range(1, 8)


def low_level() -> list[Operation]:
    """Return operations that nearly every simulation of generated objects is built with. Their values are ns-3's defaults."""
    return [*_settings(), *_network(), *_program(), *_recording()]


def _settings() -> list[Operation]:
    return [
        protocol.seed(1, 1),
        protocol.global_value("SchedulerType", "ns3::MapScheduler"),
        protocol.default("ns3::TcpSocket::InitialCwnd", "10"),
        protocol.now(),
    ]


def _network() -> list[Operation]:
    """Two nodes at a cable."""
    made = [protocol.create(node, "ns3::Node", {}) for node in (_A, _B)]
    made += [protocol.create(_CHANNEL, "ns3::PointToPointChannel", {"Delay": "1ms"})]
    made += [protocol.create(device, "ns3::PointToPointNetDevice", {}) for device in (_ONE, _OTHER)]
    ends = ((_A, _ONE, "10.0.0.1/24"), (_B, _OTHER, "10.0.0.2/24"))
    joined = [protocol.check("nepi::JoinDevice", ref(node), ref(device), ref(_CHANNEL), "") for node, device, _ in ends]
    stacks = [protocol.check("nepi::InstallStack", ref(node)) for node, _, _ in ends]
    return [*made, *joined, *stacks, *(protocol.check("nepi::AddAddress", ref(device), address) for _, device, address in ends)]


def _program() -> list[Operation]:
    return [
        protocol.create(_ERRORS, "ns3::ListErrorModel", {}),
        protocol.set_(_OTHER, "ReceiveErrorModel", ref(_ERRORS)),
        protocol.create(_PROGRAM, "ns3::UdpEchoServer", {"Port": 9}),
        protocol.set_(_CHANNEL, "Delay", "2ms"),
        protocol.get(_CHANNEL, "Delay"),
        protocol.invoke(_B, "AddApplication", ref(_PROGRAM)),
        protocol.notify(1, 1),
    ]


def _recording() -> list[Operation]:
    """No text of packets: what ns-3 notes for that of each packet it would note for good, in all that follow, at a tenth of the time."""
    return [
        protocol.rows(_ONE, "PhyTxEnd", _NOWHERE, "a"),
        protocol.rows(_PROGRAM, "RxWithAddresses", _NOWHERE, "b"),
        protocol.packets(_ONE, _NOWHERE, kind="pcap"),
        protocol.flush(),
        protocol.statistics(),
        protocol.forget(_ERRORS),
    ]
