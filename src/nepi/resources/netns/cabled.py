"""Base of what has a cable: a link, and an interface that is on a switch without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nepi.hosts.namespace import Shape
from nepi.plan.result import InterfacePlan
from nepi.resources.netns.cable import Cable, CableState
from nepi.resources.netns.machines import DEFAULT_MTU, machine_of
from nepi.resources.netns.resource import NamespaceResource
from nepi.resources.netns.run import NamespaceRun
from nepi.resources.netns.switch import Switch
from nepi.util.timefuncs import tnow


class Cabled(NamespaceResource):
    """Owner of a cable; its attributes say what the cable is to be.

    Attributes:
        changed_at: when it was changed last, after its deployment.
    """

    cable: Cable | None = None
    changed_at: datetime | None = None

    async def deploy_cable(self) -> None:
        """Make the cable as planned."""
        await self.joined()
        if self.is_made and self.cable is not None:
            return  # `is_there` has found it, and let it become what it is to be
        cable = self.cable = Cable(self.runs, self.ec, self.ec.plan.interfaces[self.guid], self.guid, userspace=self.is_in_userspace)
        await self.make(self._make_whole(cable))

    async def _make_whole(self, cable: Cable) -> None:
        await cable.make(self.wanted(cable))
        await cable.lay_routes()

    async def is_there(self, run: NamespaceRun) -> bool:
        """Whether the agent has the cable. A change that its controller died over is finished."""
        cable = Cable(self.runs, self.ec, self.ec.plan.interfaces[self.guid], self.guid, userspace=self.is_in_userspace)
        if not cable.find():
            return False
        self.cable = cable
        await cable.become(self.wanted(cable))
        await cable.lay_routes()
        return True

    async def recable(self) -> None:
        """Let the cable become what attributes say now."""
        if self.cable is not None:
            await self.cable.become(self.wanted(self.cable))
            self.changed_at = tnow()

    def wanted(self, cable: Cable) -> CableState:
        """Return what the cable is to be.

        A link that is down is down at a switch's end: there the node sees that the carrier is gone, as of a cable that was pulled,
        and keeps its addresses and routes. Between two nodes it is the second end.
        """
        at_switch = [isinstance(self.ec.resource(end.node), Switch) for end in cable.ends]
        pulled = 0 if at_switch[0] else 1
        ups = [self._end_is_up(end, on_switch) for end, on_switch in zip(cable.ends, at_switch, strict=True)]
        for side in (0, 1) if cable.crosses else (pulled,):  # nobody tells the other machine that the carrier is gone
            ups[side] = ups[side] and self.is_plugged
        return CableState(self.shapes(), (ups[0], ups[1]), (self._mtu(cable.ends[0]), self._mtu(cable.ends[1])))

    def shapes(self) -> tuple[Shape, Shape]:
        """Return what each end does to what leaves by it."""
        return Shape(), Shape()

    @property
    def is_in_userspace(self) -> bool:
        """Whether its frames are moved in user space."""
        return False

    @property
    def is_plugged(self) -> bool:
        """Whether the cable as a whole is to be up."""
        return True

    def _end_is_up(self, end: InterfacePlan, on_switch: bool) -> bool:
        whose = self.ec.resource(end.node if on_switch else end.owner)
        return bool(whose.get("up")) if on_switch or whose.role == "interface" else True

    def _mtu(self, end: InterfacePlan) -> int:
        asked = self.ec.resource(end.owner).get("mtu") if end.owner != self.guid else None
        return asked or self.get("mtu") or self._default_mtu()

    def _default_mtu(self) -> int:
        """Less than usual where frames go to another machine, or could: there they are packed into packets."""
        underlays = [run.underlay for run in self.runs if run.underlay is not None]
        if not underlays or self.guid not in self.runs[0].crossing(self.ec):
            return DEFAULT_MTU
        return min(one.inner_mtu_bytes for one in underlays)

    def machines(self) -> Sequence[str]:
        """Return the names of the machines on which its ends are."""
        return list(dict.fromkeys(machine_of(self.ec, end.node) for end in self.ec.plan.interfaces[self.guid]))

    def warnings_of_run(self) -> list[str]:
        """Return what a reader of the run's results must know: that more was sent than its frames could be moved, for one."""
        cable = self.cable
        if self.run is None or cable is None:
            return []
        found = []
        for side, other in ((0, 1), (1, 0)):
            overload = cable.run(side).wired.overload(cable.place(side), cable.ends[side].ifname)
            if overload is not None:
                found.append(f"from {cable.place(side)} to {cable.place(other)}: {overload}")
        return found

    async def take_away(self, run: NamespaceRun) -> None:
        """Delete the cable, unless it goes with one of its ends."""
        cable = self.cable
        if cable is not None and cable.crosses:
            await cable.delete(*(side for side, end in enumerate(cable.ends) if not self.goes_with(end.node)))
        elif cable is not None and not self.goes_with(*(end.node for end in cable.ends)):
            await cable.delete()
