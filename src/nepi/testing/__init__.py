"""For tests of experiments and of resource managers: a clock that jumps, stand-ins, faults, checks for leaks.

Nothing that is shipped imports this package. docs/howto/test-your-experiment.md, test-your-resource-manager.md and inject-faults.md show
how to use it.
"""

from nepi.testing.clock import VirtualLoop
from nepi.testing.controller import VirtualController, virtual_controller
from nepi.testing.faults import Fault, FaultSchedule, Injection
from nepi.testing.leaks import Leaks, what_is_open
from nepi.testing.machine_faults import filled_disk, full_disk, jumped_clock, no_files
from nepi.testing.standin import Act
from nepi.testing.virtual import VirtualRun, virtual_run, virtual_time

__all__ = [
    "Act",
    "Fault",
    "FaultSchedule",
    "Injection",
    "Leaks",
    "VirtualController",
    "VirtualLoop",
    "VirtualRun",
    "filled_disk",
    "full_disk",
    "jumped_clock",
    "no_files",
    "virtual_controller",
    "virtual_run",
    "virtual_time",
    "what_is_open",
]
