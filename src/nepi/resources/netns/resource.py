"""Base of what is made in namespaces: making and giving back that can be interrupted at any moment without leaving half."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from nepi.errors import ConnectError, ResourceError
from nepi.execution.resource import ResourceManager
from nepi.model.states import ResourceState
from nepi.resources.netns.run import NamespaceRun

if TYPE_CHECKING:
    from nepi.execution.ledger import Row

T = TypeVar("T")


class NamespaceResource(ResourceManager):
    """Something that the run's namespace agent makes.

    Attributes:
        run: what the run's resources share; there once it is being deployed.
        runs: likewise; a link between two machines has two, in the order of its ends.
    """

    run: NamespaceRun | None = None
    runs: tuple[NamespaceRun, ...] = ()
    _making: asyncio.Task[Any] | None = None

    async def joined(self) -> NamespaceRun:
        """Return what the run's resources share. From now on this one fails when the agent does."""
        runs = [await NamespaceRun.of(self.ec, machine) for machine in self.machines()]
        return await self._join(runs)

    async def _join(self, runs: Sequence[NamespaceRun]) -> NamespaceRun:
        self.runs = tuple(runs)
        self.run = runs[0]
        for run in dict.fromkeys(runs):
            await run.join(self)
        return runs[0]

    def machines(self) -> Sequence[str]:
        """Return the names of the machines on which it is: one, or of a link those of both ends. "" is this machine."""
        return [str(self.get("host") or "")]

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Take hold of what an earlier controller has made, in the agent that lives on.

        Raises:
            ConnectError: the agent is gone, and what it held with it.
            ResourceError: it was made, and is not there any more.
        """
        found = [await NamespaceRun.found(self.ec, machine) for machine in self.machines()]
        runs = [run for run in found if run is not None]
        is_up = ResourceState.READY <= self.state < ResourceState.STOPPED
        if len(runs) < len(found):
            if is_up or rows:
                raise ConnectError("the namespace agent has ended, and what it held with it; see agent.log in the run's folder")
            return
        if await self.is_there(await self._join(runs)):
            self._making = asyncio.get_running_loop().create_task(_made())
        elif is_up:
            raise ResourceError("it is not there any more")

    async def is_there(self, run: NamespaceRun) -> bool:
        """Whether the agent has it, and take hold of it; subclasses say how."""
        return False

    @property
    def is_made(self) -> bool:
        """Whether an earlier controller has made it, so that deploying has only to go on from there."""
        return self._making is not None and self.ec.is_attached

    async def make(self, making: Coroutine[Any, Any, T]) -> T:
        """Await something that a cancelled deployment must not leave half done."""
        task = asyncio.get_running_loop().create_task(making)
        self._making = task
        return await asyncio.shield(task)

    async def was_made(self) -> bool:
        """Wait for what is being made, and return whether there is something to give back. True only once."""
        making, self._making = self._making, None
        if making is None:
            return False
        if not making.done():
            await asyncio.wait({making})
        return not making.cancelled() and making.exception() is None

    async def give_back(self, giving: Awaitable[Any]) -> None:
        """Await a request that takes something away; when the agent is gone, so is the thing."""
        try:
            await giving
        except ConnectError as error:
            self.debug(f"nothing to give back: {error}")

    async def release(self) -> None:
        """Take it away."""
        run, runs = self.run, dict.fromkeys(self.runs)
        for one in runs:
            if one.machine and self.ec.release_wanted(self.ec.resource(one.machine).guid):
                one.session.hurry()
        if await self.was_made() and run is not None:
            over = [one for one in runs if one.is_over()]
            if len(over) < len(runs):
                await self.give_back(self.take_away(run))
            for one in over:
                await one.end()
        for one in runs:
            one.leave(self)
        self.set_released()

    async def take_away(self, run: NamespaceRun) -> None:
        """Take away what was made; subclasses say how."""

    @property
    def just_goes(self) -> bool:
        """Whether it is being given back and nothing in it is left that must end in its own way, as a command must."""
        return self.ec.release_wanted(self.guid) and all(
            isinstance(peer, NamespaceResource) or peer.state == ResourceState.RELEASED for peer in self.get_connected()
        )

    def goes_with(self, *guids: int) -> bool:
        """Whether one of these is being given back, and takes this along."""
        return any(self.ec.release_wanted(guid) for guid in guids)


async def _made() -> None:
    """What stands for the making of something that is there already."""
