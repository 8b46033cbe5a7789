"""What the plan says of a simulation as a whole: where it runs, and whose time it is when its applications wait for something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Remark
from nepi.resources.ns3.place import check_place

_APPLIED_ALONE: Final = ("ns3::", "linux::ns3::", "Collector")


def check_simulation(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with a simulation, and what makes no sense in it."""
    yield from check_place(one, peers, facts)
    plan = facts.get("plan")
    if plan is None or str(one.attributes.get("simulatorImplementationType", "")).startswith("ns3::Realtime"):
        return
    hosts = {peer.rtype for peer in peers}
    real = sorted(rtype for rtype in plan["rtypes"] if not rtype.startswith(_APPLIED_ALONE) and rtype not in hosts)
    waiting = [name for name, rtype in plan["start_later"] if rtype.startswith("ns3::")]
    if waiting and (real or plan["rtypes"].get(one.rtype, 0) > 1):
        beside = f"{', '.join(real[:3])}" if real else "another simulation"
        yield Remark(
            f"{one.name} runs as fast as it can beside {beside}, so that what waits for its START ({', '.join(waiting[:3])}) "
            "begins at any moment of simulated time: set simulatorImplementationType to ns3::RealtimeSimulatorImpl, "
            "or use StartTime instead of conditions"
        )
