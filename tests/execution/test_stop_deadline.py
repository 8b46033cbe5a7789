from __future__ import annotations

import asyncio

import pytest

from nepi import ExperimentError, ResourceManager
from nepi.testing import virtual_controller


class Stubborn(ResourceManager, rtype="test::Stubborn"):
    """A service whose stop never comes back."""

    service = True

    async def stop(self) -> None:
        await asyncio.Event().wait()


def test_a_service_whose_stop_hangs_does_not_hang_the_run() -> None:
    with virtual_controller(backend="dummy") as ec:
        ec.add("test::Stubborn", name="stubborn")
        ec.add("Application", ec.add("Node"), duration="1s")
        with pytest.raises(ExperimentError, match=r"stubborn failed: stop was not done within 120 s"):
            ec.run()
