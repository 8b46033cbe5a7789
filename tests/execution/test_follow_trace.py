"""A condition on a trace that is written elsewhere makes its local copy grow."""

from __future__ import annotations

from nepi.execution.resource import ResourceManager
from nepi.execution.trace import Trace
from nepi.model.conditions import trace_matches
from nepi.testing import VirtualController


class Far(ResourceManager, rtype="follow::Far"):
    """Its trace is here only after somebody has asked for it, and then grows by itself."""

    stdout = Trace("stdout", "What it prints.", enabled=True)
    asked = 0

    async def follow_trace(self, name: str) -> None:
        self.asked += 1
        path = self.trace_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("begun\n" + "ready\n" * (self.asked > 2))


def test_a_trace_that_a_condition_waits_for_is_followed(ec: VirtualController) -> None:
    far = ec.add("follow::Far", name="far")
    ec.deploy()
    assert ec.wait_for(trace_matches(far, "ready"), "10s")
    assert ec.trace(far, "stdout") == "begun\nready\n"
