"""A catalogue of another ns-3 than the shipped catalogue's is made by the first simulation, and kept for the next ones."""

from __future__ import annotations

from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.simulator import Simulator
from nepi.resources.ns3.catalogue import cached, catalogue, read_catalogue, write_catalogue
from nepi.util.logger import Logger


async def keep_catalogue(simulator: Simulator) -> bool:
    """Make and keep the catalogue of this ns-3 unless it is the one in use, or kept; return whether that was done."""
    if catalogue().version == simulator.version or _is_kept(simulator.version):
        return False
    (types,) = await simulator.ask(protocol.catalogue())
    try:
        write_catalogue(cached(simulator.version), simulator.version, types)
    except OSError as error:
        Logger("ns3").warning(f"the types of ns-3 {simulator.version} could not be kept: {error}")
        return False
    return True


def _is_kept(version: str) -> bool:
    """Whether it was made before: one that is not installed here, but on another machine, is never the one in use."""
    try:
        return read_catalogue(cached(version)).version == version
    except (OSError, ValueError):
        return False
