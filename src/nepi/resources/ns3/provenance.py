"""What a run's record says of its simulations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from nepi.execution.rundir import RunDir
from nepi.resources.ns3.place import machine_of

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.resources.ns3.simulation_run import SimulationRun


def note_simulation(ec: ExperimentController, run: SimulationRun) -> None:
    """Write what a simulation was run with, and on which other machine, into `environment.json`; what cannot be written is a warning."""
    name = run.resource.name if run.resource is not None else "simulation"
    rundir = RunDir(Path(ec.run_dir))
    try:
        environment = json.loads(rundir.environment.read_text(encoding="utf-8"))
        facts = {"version": run.simulator.version, "seed": run.settings.seed, "run": run.settings.run}
        machine = machine_of(run.resource) if run.resource is not None else None
        if machine is not None:
            facts["host"] = machine.name
        environment["ns3"] = {**environment.get("ns3", {}), name: facts}
        rundir.write_json(rundir.environment, environment, indent=1)
    except (OSError, ValueError) as error:
        ec.logger.warning(f"environment.json does not say what {name} was run with: {error}")
