"""For tests of experiments and of resource managers: a clock that jumps, controllers on it, checks for leaks, faults.

Nothing that is shipped imports this package. docs/howto/test-your-resource-manager.md shows how to use it.
"""

from nepi.testing.clock import VirtualLoop
from nepi.testing.controller import VirtualController, virtual_controller
from nepi.testing.faults import full_disk
from nepi.testing.leaks import Leaks, what_is_open

__all__ = ["Leaks", "VirtualController", "VirtualLoop", "full_disk", "virtual_controller", "what_is_open"]
