"""What a simulation is told before its first object: clock, scheduler, checksums, seeds, logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nepi.errors import BadValueError
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation

if TYPE_CHECKING:
    from nepi.resources.ns3.simulation import Simulation

_LEVELS: Final = {
    "error": "LOG_LEVEL_ERROR",
    "warn": "LOG_LEVEL_WARN",
    "debug": "LOG_LEVEL_DEBUG",
    "info": "LOG_LEVEL_INFO",
    "function": "LOG_LEVEL_FUNCTION",
    "logic": "LOG_LEVEL_LOGIC",
    "all": "LOG_LEVEL_ALL",
}


def configuration(simulation: Simulation) -> list[Operation]:
    """Return the operations."""
    operations = [
        protocol.seed(simulation.get("seed"), simulation.get("runNumber")),
        protocol.global_value("SchedulerType", simulation.get("schedulerType")),
        protocol.global_value("ChecksumEnabled", "true" if simulation.get("checksumEnabled") else "false"),
        protocol.global_value("SimulatorImplementationType", simulation.get("simulatorImplementationType")),
    ]
    if simulation.is_real_time:
        operations.append(protocol.static("nepi::LimitLag", round(simulation.get("hardLimit") * 10**9)))
    return [*operations, *(protocol.log(component, level) for component, level in logs(simulation.get("nsLog") or ""))]


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
            raise BadValueError(f"nsLog: {level!r} is no level; use one of {', '.join(_LEVELS)}")
        found.append((component.strip(), _LEVELS[name]))
    return found
