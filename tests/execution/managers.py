"""Resource managers whose verbs do what a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from nepi.execution.attribute import Attribute, Flags
from nepi.execution.ec import ExperimentController
from nepi.execution.handle import Handle
from nepi.execution.resource import ResourceManager, ResourceState
from nepi.execution.trace import Trace

LOG: list[str] = []
"""What was called, as "name.verb"."""


class Recorded(ResourceManager):
    """Base of both kinds: keeps what each verb is to do."""

    size = Attribute.integer(1, help="Any number.", range=(0, 10))
    colour = Attribute.choice(("red", "green"), "red", help="One of two.")
    fixed = Attribute.string("as it was", help="For before the deployment.", flags=Flags.ExecReadOnly)
    measured = Attribute.number(help="Set by the resource.", flags=Flags.ReadOnly)
    secret = Attribute.string(help="A password.", flags=Flags.Credential)
    hidden = Attribute.string("nobody reads it", help="Cannot be read.", flags=Flags.NoRead)
    peer_of = Attribute.string(help="Another resource.")
    output = Trace("output", "What it wrote.")

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        super().__init__(ec, guid)
        self.acts: dict[str, Callable[[Any], Any]] = {}

    def note(self, verb: str) -> Callable[[Any], Any]:
        LOG.append(f"{self.name}.{verb}")
        return self.acts.get(verb, lambda _rm: None)


class Plain(Recorded, rtype="t::Plain"):
    """Its verbs are plain methods, and announce their states."""

    def deploy(self) -> None:
        self.note("deploy")(self)
        self.set_ready()

    def start(self) -> None:
        self.note("start")(self)
        self.set_started()

    def stop(self) -> None:
        self.note("stop")(self)
        self.set_stopped()

    def release(self) -> None:
        self.note("release")(self)
        self.set_released()


class Async(Recorded, rtype="t::Async"):
    """Its verbs are async, and leave the announcing to the framework."""

    async def deploy(self) -> None:
        await self._act("deploy")

    async def start(self) -> None:
        await self._act("start")

    async def stop(self) -> None:
        await self._act("stop")

    async def release(self) -> None:
        await self._act("release")

    async def _act(self, verb: str) -> None:
        result = self.note(verb)(self)
        if isinstance(result, Awaitable):
            await result


class Needy(Async, rtype="t::Needy"):
    """Needs a connected t::Async or t::Plain that is READY."""

    wants = {Async: ResourceState.READY, Plain: ResourceState.READY}


class Applied(Async, rtype="t::Applied"):
    """Changes take effect while it is up."""

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        super().__init__(ec, guid)
        self.applied: list[dict[str, Any]] = []

    async def apply(self, values: dict[str, Any]) -> None:
        result = self.note("apply")(values)
        if isinstance(result, Awaitable):
            await result
        self.applied.append({name: self.get(name) for name in values})


def raising(error: BaseException | None = None) -> Callable[[Any], Any]:
    """Return an act that raises."""

    def act(_rm: Any) -> None:
        raise error if error is not None else RuntimeError("broken")

    return act


def taking(seconds: float) -> Callable[[Any], Any]:
    """Return an act of an async verb that takes its time."""
    return lambda _rm: asyncio.sleep(seconds)


def hanging() -> Callable[[Any], Any]:
    """Return an act of an async verb that never comes back."""
    return lambda _rm: asyncio.get_running_loop().create_future()


def add(
    ec: ExperimentController, rtype: str, *connect_to: Any, name: str | None = None, acts: dict[str, Any] | None = None, **values: Any
) -> Handle:
    """Add a resource whose verbs do as told."""
    handle = ec.add(rtype, *connect_to, name=name, **values)
    manager = handle.manager
    assert isinstance(manager, Recorded)
    manager.acts.update(acts or {})
    return handle


def states(ec: ExperimentController) -> dict[str, str]:
    """Return the states of all resources by name."""
    return {manager.name: ResourceState(manager.state).name for guid in ec.resources if (manager := ec.get_resource(guid)) is not None}
