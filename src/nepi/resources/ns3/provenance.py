"""What a run's record says of its simulations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from nepi.execution.rundir import RunDir

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.resources.ns3.simulation_run import SimulationRun


def note_simulation(ec: ExperimentController, run: SimulationRun) -> None:
    """Write version, seed and run number of a simulation into `environment.json`, under `ns3`; what cannot be written is a warning."""
    name = run.resource.name if run.resource is not None else "simulation"
    rundir = RunDir(Path(ec.run_dir))
    try:
        environment = json.loads(rundir.environment.read_text(encoding="utf-8"))
        facts = {"version": run.simulator.version, "seed": run.settings.seed, "run": run.settings.run}
        environment["ns3"] = {**environment.get("ns3", {}), name: facts}
        rundir.write_json(rundir.environment, environment, indent=1)
    except (OSError, ValueError) as error:
        ec.logger.warning(f"environment.json does not say what {name} was run with: {error}")
