"""What a simulation is told before its first object: clock, scheduler, checksums, seeds, logs, and how computers behave in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nepi.errors import BadValueError
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation

DEFAULT_SIMULATOR: Final = "ns3::DefaultSimulatorImpl"
REAL_TIME_SIMULATOR: Final = "ns3::RealtimeSimulatorImpl"
_LEVELS: Final = {
    "error": "LOG_LEVEL_ERROR",
    "warn": "LOG_LEVEL_WARN",
    "debug": "LOG_LEVEL_DEBUG",
    "info": "LOG_LEVEL_INFO",
    "function": "LOG_LEVEL_FUNCTION",
    "logic": "LOG_LEVEL_LOGIC",
    "all": "LOG_LEVEL_ALL",
}
# What Linux does: segments that fill an Ethernet frame with time stamps, buffers that grow to some megabytes, and its shortest time-out.
_AS_LINUX: Final = {
    "ns3::TcpSocket::SegmentSize": "1448",
    "ns3::TcpSocket::SndBufSize": "4194304",
    "ns3::TcpSocket::RcvBufSize": "6291456",
    "ns3::TcpSocketBase::MinRto": "200ms",
    "ns3::TcpSocket::DelAckTimeout": "40ms",
    "ns3::TcpSocket::InitialCwnd": "10",
    "ns3::ArpCache::PendingQueueSize": "100",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a simulation is run.

    Attributes:
        simulator: TypeId of ns-3's simulator, as fast as possible or in step with the clock.
        scheduler: TypeId of what keeps events in order.
        checksums: whether they are computed, which packets to and from the real world need.
        logs: components that log, as in ns-3's variable NS_LOG.
        seed, run: what random numbers are drawn from.
        stop_ns: simulation time at which it ends; None for never by itself.
        hard_limit_ns: by how much it may lag behind the clock.
        routing_tables: let ns-3 compute all IPv4 routes when it starts.
        as_linux: whether TCP and ARP are as Linux has them, and not as ns-3 has them by itself.
    """

    simulator: str = DEFAULT_SIMULATOR
    scheduler: str = "ns3::MapScheduler"
    checksums: bool = False
    logs: str = ""
    seed: int = 1
    run: int = 1
    stop_ns: int | None = None
    hard_limit_ns: int = 100_000_000
    routing_tables: bool = False
    as_linux: bool = False

    @property
    def is_real_time(self) -> bool:
        """Whether it is in step with the clock."""
        return self.simulator.startswith("ns3::Realtime")

    def operations(self) -> list[Operation]:
        """Return what is done before the first object is made.

        Raises:
            BadValueError: there is no such level of logs.
        """
        operations = [
            protocol.seed(self.seed, self.run),
            protocol.global_value("SchedulerType", self.scheduler),
            protocol.global_value("ChecksumEnabled", "true" if self.checksums else "false"),
            protocol.global_value("SimulatorImplementationType", self.simulator),
        ]
        if self.is_real_time:
            operations.append(protocol.static("nepi::LimitLag", self.hard_limit_ns))
        if self.as_linux:
            operations += [protocol.default(name, value) for name, value in _AS_LINUX.items()]
        return [*operations, *(protocol.log(component, level) for component, level in logs(self.logs))]


def logs(text: str) -> list[tuple[str, str]]:
    """Return (component, level) for "UdpEchoClient=info:Ping", the form of ns-3's variable NS_LOG; no level means all.

    Raises:
        BadValueError: there is no such level.
    """
    found = []
    for part in filter(None, (one.strip() for one in text.split(":"))):
        component, _, level = part.partition("=")
        name = level.strip().removeprefix("level_") or "all"
        if name not in _LEVELS:
            raise BadValueError(f"{level!r} is no level; use one of {', '.join(_LEVELS)}")
        found.append((component.strip(), _LEVELS[name]))
    return found
