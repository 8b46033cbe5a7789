"""Where a simulation's process is: on this machine, or on the one that the simulation is connected to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nepi.hosts.ns3.simulator import SimulatorProcess
from nepi.hosts.ns3.start import LocalSimulator
from nepi.hosts.ns3.there import RemoteSimulator
from nepi.hosts.roles import MachineNode
from nepi.model.experiment import ResourceDescription

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager
    from nepi.resources.ns3.simulation import Simulation

_OURS: Final = "ns3::"


def machine_of(simulation: ResourceManager) -> MachineNode | None:
    """Return the machine that a simulation runs on; None for this one."""
    return next(iter(simulation.get_connected(MachineNode)), None)


def holds_simulations_alone(one: ResourceManager) -> bool:
    """Whether a resource is a machine that is there for simulations: it does nothing else in the experiment."""
    peers = one.get_connected() if isinstance(one, MachineNode) else []
    return bool(peers) and all(peer.rtype().startswith(_OURS) for peer in peers)


async def open_simulator(ec: ExperimentController, simulation: Simulation | None, *, stdout: Path, stderr: Path) -> SimulatorProcess:
    """Start the process of a simulation where it is to be.

    Args:
        ec: whose.
        simulation: the ns3::Simulation; None for the one that a run has by itself, which is here.
        stdout: file here for what ns-3 writes to standard output.
        stderr: file here for what it writes to standard error.

    Raises:
        ConnectError: it cannot be started, or there is no ns-3.
        CommandError: ns-3 could not be installed.
        DeadlineError: the import takes too long.
    """
    machine = machine_of(simulation) if simulation is not None else None
    owner = simulation.guid if simulation is not None else 0
    if simulation is None or machine is None:
        return await LocalSimulator.start(ec.ledger, owner=owner, stdout=stdout, stderr=stderr)
    return await RemoteSimulator.start(
        machine.host,
        owner=owner,
        run_dir=Path(ec.run_dir),
        stdout=stdout,
        stderr=stderr,
        python=simulation.get("python"),
        install=bool(simulation.get("install")),
    )


def check_place(one: ResourceDescription, peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with where a simulation is to run."""
    nodes = [peer for peer in peers if peer.rtype.endswith("Node") and not peer.rtype.startswith(_OURS)]
    if len(nodes) > 1:
        yield f"it is connected to {' and '.join(peer.name for peer in nodes)}: a simulation is on one machine"
    for peer in nodes:
        if peer.rtype.startswith("netns::"):
            yield f"it is connected to {peer.name}: a simulation runs on this machine, or on a linux::Node, but in no namespace"
    for name in ("python", "install"):
        if name in one.attributes and not nodes:
            yield f"attribute {name!r} is of simulations on other machines: connect it to a linux::Node"
