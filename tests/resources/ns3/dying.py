"""`python dying.py FOLDER HOST SSH_CONFIG`: a controller that is killed while a simulation of its runs on a host of a lab."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from nepi import ExperimentController

if __name__ == "__main__":
    folder, host, config = sys.argv[1:]
    ec = ExperimentController("dying", Path(folder), backend="ns3", run_id="it")
    node = ec.add("linux::Node", name=host, hostname=host, sshConfig=config)
    simulation = ec.add(
        "Simulation", node, simulatorImplementationType="ns3::RealtimeSimulatorImpl", hardLimit="100s", python=sys.executable
    )
    ec.add("Node", simulation, enableStack=True)
    ec.deploy()
    if not ec.wait_started(simulation.guid, deadline="220s"):
        sys.exit(simulation.failure)
    print(ec.run_dir, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
