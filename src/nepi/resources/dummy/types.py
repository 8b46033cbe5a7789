"""Dummy resources. Each verb takes as long, and fails as often, as its attributes say."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nepi.errors import ResourceError
from nepi.execution.attribute import Attribute
from nepi.execution.resource import ResourceManager
from nepi.model.states import ResourceState

if TYPE_CHECKING:
    from nepi.execution.ledger import Row

READY = ResourceState.READY


class Scripted(ResourceManager):
    """Base of the dummy types: does what its script says."""

    deployTime = Attribute.duration("0s", help="How long deploying takes.")
    startTime = Attribute.duration("0s", help="How long starting takes.")
    stopTime = Attribute.duration("0s", help="How long stopping takes.")
    releaseTime = Attribute.duration("0s", help="How long giving back takes.")
    failOn = Attribute.choice(("deploy", "start", "run", "stop", "release"), help="The verb that fails, or 'run' for while it runs.")
    failTimes = Attribute.integer(help="How many times it fails before it works; for ever when not set.", range=(1, 1_000_000))
    failReason = Attribute.string("as scripted", help="What the failure says.")

    _failures: int = 0

    async def deploy(self) -> None:
        """Take `deployTime`, then be READY."""
        await self._act("deploy", self.deployTime)
        self.set_ready()

    async def start(self) -> None:
        """Take `startTime`, then be STARTED."""
        await self._act("start", self.startTime)
        self.set_started()

    async def stop(self) -> None:
        """Take `stopTime`, then be STOPPED."""
        await self._act("stop", self.stopTime)
        if self.state == ResourceState.STARTED:
            self.set_stopped()

    async def release(self) -> None:
        """Take `releaseTime`, then be RELEASED."""
        await self._act("release", self.releaseTime)
        self.set_released()

    def adopt(self, rows: Sequence[Row]) -> None:
        """Take hold of what is there when another controller takes the run up: nothing."""

    async def _act(self, verb: str, duration_s: float) -> None:
        if duration_s > 0:
            await asyncio.sleep(duration_s)
        self._fail_if_scripted(verb)

    def _fail_if_scripted(self, verb: str) -> None:
        if self.failOn == verb and (self.failTimes is None or self._failures < self.failTimes):
            self._failures += 1
            raise ResourceError(f"{verb} failed: {self.failReason}")


class Node(Scripted, rtype="dummy::Node"):
    """A computer that does nothing."""

    service = True
    role = "node"
    replaceable = True
    candidates = Attribute.string(help="The computers to choose from, separated by commas; endlessly many when not set.")
    badCandidates = Attribute.string(help="Those on which deploying fails.")

    def discover(self) -> None:
        """Take the first candidate on which it has not failed."""
        left = [name for name in _names(self.candidates) if name not in self.excluded]
        if not left:
            raise ResourceError(f"no candidate is left: it has failed on {', '.join(self.excluded)}")
        self.candidate = left[0]
        self.set_discovered()

    async def deploy(self) -> None:
        """Find a candidate, take `deployTime`, then be READY."""
        if self.candidates:
            self.discover()
        else:
            self.candidate = f"{self.name}.{len(self.excluded) + 1}"
        if self.candidate in _names(self.badCandidates):
            raise ResourceError(f"{self.candidate} does not answer")
        await super().deploy()


class Link(Scripted, rtype="dummy::Link"):
    """A link between interfaces."""

    service = True


class Interface(Scripted, rtype="dummy::Interface"):
    """An interface of a node, on a link."""

    service = True
    needs = {Node: READY}
    wants = {Link: READY}


class Application(Scripted, rtype="dummy::Application"):
    """Something that runs on a node for `duration` and ends by itself."""

    wants = {Node: READY}
    duration = Attribute.duration("0s", help="How long it runs before it ends by itself.")
    exitStatus = Attribute.integer(0, help="The exit status that it ends with; other than 0 it has failed.", range=(0, 255))

    _running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Be STARTED, and FINISHED after `duration`."""
        await self._act("start", self.startTime)
        self.set_started()
        if self.duration <= 0:
            self._end()
        else:
            self._running = asyncio.get_running_loop().create_task(self._run(self.duration))

    def adopt(self, rows: Sequence[Row]) -> None:
        """Run for the rest of `duration`, counted from when it was started."""
        if self.state == ResourceState.STARTED and self.ec.action_in_flight(self.guid) is None:
            left_s = max(self.duration - self.ec.seconds_since(self.guid, ResourceState.STARTED), 0.0)
            self._running = asyncio.get_running_loop().create_task(self._run(left_s))

    async def stop(self) -> None:
        """Interrupt it."""
        await self._cancel()
        await super().stop()

    async def release(self) -> None:
        """Interrupt it if it runs."""
        await self._cancel()
        await super().release()

    async def abandon(self) -> None:
        """Interrupt it if it runs; the node that it ran on is replaced."""
        await self._cancel()

    async def crash(self, reason: str) -> None:
        """Fail while it runs, as when its process is killed; for fault injection."""
        await self._cancel()
        if self.state == ResourceState.STARTED:
            self.explain_failure(reason)
            self.fail()

    async def _run(self, left_s: float) -> None:
        await asyncio.sleep(left_s)
        self._running = None
        self._end()

    def _end(self) -> None:
        try:
            self._fail_if_scripted("run")
        except ResourceError as error:
            self.explain_failure(error)
            self.fail()
            return
        self.ec.exited(self.guid, self.exitStatus)
        if self.exitStatus == 0:
            self.finish()
        else:
            self.explain_failure(f"exited with status {self.exitStatus}")
            self.fail()

    async def _cancel(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]
