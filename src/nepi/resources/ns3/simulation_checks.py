"""What the plan says of a simulation as a whole: its values, where it runs, what is in it, and whose time it is. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from nepi.errors import BadValueError
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Remark
from nepi.resources.ns3.attributes import time_s
from nepi.resources.ns3.place import check_place
from nepi.resources.ns3.settings import REAL_TIME_SIMULATOR, logs

_SIMULATION: Final = "ns3::Simulation"
_NOT_REAL: Final = ("ns3::", "linux::ns3::", "Collector")


def check_simulation(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with a simulation, and what makes no sense in it."""
    yield from check_place(one, peers, facts)
    yield from _check_values(one)
    plan = facts.get("plan")
    if plan is None:
        return
    inside = _connected_with(one, plan)
    yield from _check_apart(one, inside, plan)
    joined = _joined_to(inside, plan)
    if joined:
        yield from _check_joined(one, joined[0])
    elif not _is_real_time(one):
        yield from _check_waiting(one, peers, plan)


def _is_real_time(one: ResourceDescription) -> bool:
    return one.attributes.get("simulatorImplementationType") == REAL_TIME_SIMULATOR


def _check_values(one: ResourceDescription) -> Iterable[str]:
    """Find text that says no time, and no levels of logs."""
    for name, read in (("StopTime", time_s), ("nsLog", logs)):
        value = one.attributes.get(name)
        if value and isinstance(value, str):
            try:
                read(value)
            except BadValueError as error:
                yield f"{name}: {error}"


def _connected_with(one: ResourceDescription, plan: Mapping[str, Any]) -> list[ResourceDescription]:
    """Return what is connected with a simulation over resources of ns-3, itself included."""
    found, todo = {one.guid: one}, [one.guid]
    while todo:
        for guid in plan["peers"](todo.pop()):
            peer = plan["resources"][guid]
            if guid not in found and peer.rtype.startswith("ns3::"):
                found[guid] = peer
                todo.append(guid)
    return list(found.values())


def _check_apart(one: ResourceDescription, inside: Sequence[ResourceDescription], plan: Mapping[str, Any]) -> Iterable[str]:
    """Find simulations that are connected with each other, and where there are several, what is in none: that is said of the first."""
    simulations = [other for other in plan["resources"].values() if other.rtype == _SIMULATION]
    others = [other.name for other in inside if other.rtype == _SIMULATION and other.guid > one.guid]
    if others:
        yield f"it is connected with {' and '.join(others)}, over what is in both: simulations are apart"
    if len(simulations) < 2 or one.guid > min(other.guid for other in simulations):
        return
    known = {other.guid for simulation in simulations for other in _connected_with(simulation, plan)}
    strays = [other.name for other in plan["resources"].values() if other.rtype.startswith("ns3::") and other.guid not in known]
    if strays:
        names = " and ".join(other.name for other in simulations)
        yield f"{strays[0]} may be in {names}: connect it, or what it is connected with, to one of them"


def _joined_to(inside: Sequence[ResourceDescription], plan: Mapping[str, Any]) -> list[str]:
    """Return the names of what joins a simulation with computers outside of it; where it is the only one, whatever does so."""
    around = {guid for one in inside for guid in plan["peers"](one.guid)}
    is_alone = plan["rtypes"].get(_SIMULATION, 0) == 1
    everything = plan["resources"].values()
    return [one.name for one in everything if one.rtype.startswith("hybrid::") and (is_alone or one.guid in around)]


def _check_joined(one: ResourceDescription, name: str) -> Iterable[str]:
    lacking = [] if _is_real_time(one) else [f"simulatorImplementationType to {REAL_TIME_SIMULATOR}"]
    lacking += [] if one.attributes.get("checksumEnabled") else ["checksumEnabled to True"]
    if lacking:
        yield f"{name} joins it with a computer outside, which takes packets in real time and with checksums: set {' and '.join(lacking)}"


def _check_waiting(one: ResourceDescription, peers: Sequence[ResourceDescription], plan: Mapping[str, Any]) -> Iterable[str]:
    """Tell of conditions that are in real time, where the simulation's is another."""
    hosts = {peer.rtype for peer in peers}
    real = sorted(rtype for rtype in plan["rtypes"] if not rtype.startswith(_NOT_REAL) and rtype not in hosts)
    waiting = [name for name, rtype in plan["start_later"] if rtype.startswith("ns3::")]
    if waiting and (real or plan["rtypes"].get(one.rtype, 0) > 1):
        beside = f"{', '.join(real[:3])}" if real else "another simulation"
        yield Remark(
            f"{one.name} runs as fast as it can beside {beside}, so that what waits for its START ({', '.join(waiting[:3])}) "
            f"begins at any moment of simulated time: set simulatorImplementationType to {REAL_TIME_SIMULATOR}, "
            "or use StartTime instead of conditions"
        )
