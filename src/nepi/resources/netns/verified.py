"""How a link of namespaces is verified: probes in its two ends, and its shape as what was asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nepi.errors import ResourceError
from nepi.execution.verification_rounds import Load
from nepi.execution.verifying import Verified
from nepi.hosts.namespace import Shape
from nepi.hosts.verification.asked import Asked
from nepi.hosts.verification.measure import End, judged, verify_link
from nepi.hosts.verification.plan import plan_measurement
from nepi.resources.netns.cabled import Cabled

if TYPE_CHECKING:
    from nepi.resources.netns.cable import Cable


def asked_of(shape: Shape, mtu_bytes: int) -> Asked:
    """Return what a shape asks of the frames that leave by an interface."""
    return Asked(
        rate_bps=shape.rate_bps,
        delay_s=shape.delay_s or 0.0,
        jitter_s=shape.jitter_s or 0.0,
        distribution=shape.distribution or "uniform",
        loss=shape.loss or 0.0,
        bursts=shape.bursts,
        duplicate=shape.duplicate or 0.0,
        reorder=shape.reorder or 0.0,
        corrupt=shape.corrupt or 0.0,
        mtu_bytes=mtu_bytes,
    )


class VerifiedLink(Cabled):
    """A link that can be verified; see `nepi.execution.verifying.Verifiable`. A change of it waits until the measurement is over."""

    @property
    def is_shaped(self) -> bool:
        """Whether it promises anything that a bare link does not do by itself, and that can be measured: two machines have two clocks."""
        cable = self.cable
        return cable is not None and not cable.crosses and any(asked.is_shaped for asked in self._asked(cable))

    def _asked(self, cable: Cable) -> tuple[Asked, Asked]:
        state = cable.state
        first, second = (asked_of(shape, min(state.mtu_bytes)) for shape in state.shapes)
        return first, second

    def _cable(self) -> Cable:
        if self.cable is None or self.run is None:
            raise ResourceError(f"verify {self.name}: it is not up", resource=self.name, action="verify", backend="netns")
        if self.cable.crosses:
            what = f"verify {self.name}: its ends are on two machines, whose clocks differ by more than links are measured with"
            raise ResourceError(what, resource=self.name, action="verify", backend="netns")
        return self.cable

    def verification_load(self, budget_s: float) -> Load:
        """Return what its verification takes."""
        cable = self._cable()
        planned = plan_measurement(self._asked(cable), budget_s)
        return Load(frozenset(end.node for end in cable.ends), planned.frames_per_s, planned.lasts_s)

    async def verify(self, budget_s: float) -> Verified:
        """Measure it."""
        cable = self._cable()
        async with cable.unchanged():
            first, second = await asyncio.gather(self._end(cable, 0), self._end(cable, 1))
            looks = await verify_link(self.name, (first, second), self._asked(cable), budget_s=budget_s)
        return Verified(judged(looks), tuple(look.record for look in looks))

    async def _end(self, cable: Cable, side: int) -> End:
        session = cable.session(side)
        place = cable.place(side)
        return End(session.port_host(place), await session.interface_index(place, cable.ends[side].ifname), place)
