"""What has to be in a simulation when that starts."""

from __future__ import annotations

import asyncio

from nepi.execution.resource import ResourceManager
from nepi.model.states import ResourceState


class Entering(ResourceManager):
    """Something that enters a simulation at its START. One that runs by itself waits for those that nothing else holds back."""

    _entered: asyncio.Future[None] | None = None

    def set_state(self, state: ResourceState, state_time_attr: str) -> None:
        """Announce a state, and tell the simulation that waits for it."""
        super().set_state(state, state_time_attr)
        entered = self._entered
        if entered is not None and state != ResourceState.READY:
            entered.get_loop().call_soon_threadsafe(_settle, entered)  # it may be announced from any thread

    async def has_entered(self) -> None:
        """Wait until it is READY no more."""
        if self.state == ResourceState.READY:
            self._entered = asyncio.get_running_loop().create_future()
            if self.state == ResourceState.READY:
                await self._entered


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
