"""The part of the controller that verifies links: measures what they promise, and keeps it with the run.

A link's resource manager offers it by being `Verifiable`; what is measured, and how, is its backend's. docs/design/verification.md.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from nepi.engine import events as ev
from nepi.errors import NepiError, UsageError
from nepi.execution import invocation
from nepi.execution.part import Part
from nepi.execution.registry import Guid
from nepi.execution.resource import ResourceManager
from nepi.execution.verification_rounds import Load, rounds
from nepi.model.conditions import Reached
from nepi.model.promises import BUDGET, FIRST_GATE, Promise, Verification, together
from nepi.model.states import ENDED, ResourceAction, ResourceState, ResourceState2str
from nepi.units import duration_s
from nepi.util.timefuncs import tnow

if TYPE_CHECKING:
    from nepi.execution.run import Run

NETWORK: Final = frozenset({"node", "switch", "link", "interface", "address", "route"})
"""Roles of what must be up before links can be verified."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What the verification of one link found.

    Attributes:
        promises: of both directions.
        looks: the figures behind them, as plain data, one for each time it was measured.
    """

    promises: tuple[Promise, ...]
    looks: tuple[Mapping[str, Any], ...]


@runtime_checkable
class Verifiable(Protocol):
    """A link's resource manager that can be verified. A type need not be one."""

    guid: int
    name: str

    @property
    def is_shaped(self) -> bool:
        """Whether it promises anything that a bare link does not do by itself; others are verified only when they are named."""

    @property
    def is_plugged(self) -> bool:
        """Whether anything passes it at present."""

    @property
    def is_changing(self) -> bool:
        """Whether it changes by itself all the time, so that there is nothing to compare with."""

    def verification_load(self, budget_s: float) -> Load:
        """Return what its verification takes."""

    async def verify(self, budget_s: float) -> Verified:
        """Measure it; called when it is up, on the run's loop.

        Args:
            budget_s: how long each property's frames may take.

        Raises:
            ResourceError: it could not be measured.
        """


class Verifying(Part):
    """What `ExperimentController` can do to verify links. Not for use by itself."""

    _verifications: list[Verification]
    _verify_numbers: itertools.count[int]
    _record_lock: threading.Lock

    def _prepare_verifying(self, verify: bool) -> None:
        asked = invocation.current()
        self.verifies = verify or (asked is not None and asked.verify)
        self._verifications = []
        self._verify_numbers = itertools.count(1)
        self._record_lock = threading.Lock()

    @property
    def promises(self) -> Verification:
        """Everything that was verified in this run so far."""
        return together(self._verifications)

    def verify(self, *links: Guid, budget: str | float = BUDGET) -> Verification:
        """Measure links that are up against what was asked of them, and keep it with the run. Blocks until it is done.

        Args:
            links: by default all that are shaped and up.
            budget: how long each link's frames may take, for each time that it is measured; what takes less is done sooner.

        Returns:
            What was found; it is false when a promise is broken.

        Raises:
            UsageError: a resource cannot be verified, or is not up, or something that would be measured, too, is running.
            ResourceError: a link could not be measured.
        """
        chosen = [self._verifiable(one) for one in links] if links else self._shaped(self.registry.managers)
        self._refuse_while_running()
        return self._running().runner.call(self._verify_all(chosen, duration_s(budget)))

    def _verifiable(self, link: Guid) -> Verifiable:
        manager = self.registry.manager(link)
        what = f"verify: {manager.name} ({manager.rtype()})"
        if not isinstance(manager, Verifiable):
            raise UsageError(f"{what} cannot be verified; links of the netns backend can")
        if not _is_up(manager):
            raise UsageError(f"{what} is not up (it is {ResourceState2str[manager.state]}); deploy it and wait until it is READY")
        if not manager.is_plugged:
            raise UsageError(f"{what} is unplugged (up=False), and nothing passes it; plug it in first")
        if manager.is_changing:
            raise UsageError(f"{what} follows a timeline, so that there is no one figure to compare with; verify it before it starts")
        return manager

    def _shaped(self, guids: Iterable[int]) -> list[Verifiable]:
        managers = [self.registry.managers[guid] for guid in guids]
        able = [one for one in managers if isinstance(one, Verifiable) and _is_up(one)]
        return [one for one in able if one.is_plugged and one.is_shaped and not one.is_changing]

    def _refuse_while_running(self) -> None:
        for manager in list(self.registry.managers.values()):
            if manager.state == ResourceState.STARTED and not manager.service:
                raise UsageError(
                    f"verify: {manager.name} ({manager.rtype()}) is running, and what it sends would be measured, too; "
                    "verify links before it starts, or when it has ended"
                )

    async def _verify_all(self, links: list[Verifiable], budget_s: float) -> Verification:
        found: dict[int, Verified] = {}
        tell = _teller()
        loads = {one.guid: one.verification_load(budget_s) for one in links}
        for together_ in rounds(loads.items()):
            names = ", ".join(self.registry.name_of(guid) for guid in together_)
            lasts_s = max(loads[guid].lasts_s for guid in together_)
            tell(f"verifying {names} ({len(found)} of {len(links)} links done, this takes about {lasts_s:.0f} s)")
            some = [one for one in links if one.guid in together_]
            for one, verified in zip(some, await _all(one.verify(budget_s) for one in some), strict=True):
                found[one.guid] = verified
                self._record(one.name, verified)
        verification = Verification(tuple(promise for one in links for promise in found[one.guid].promises))
        self._verifications.append(verification)
        if links:
            tell(str(verification))
        return verification

    def _record(self, link: str, verified: Verified) -> None:
        """Write down what was found of a link at once, so that nothing is lost."""
        record = {
            "link": link,
            "at": tnow().isoformat(),
            "promises": [one.to_record() for one in verified.promises],
            "looks": list(verified.looks),
        }
        with self._record_lock, self._running().rundir.verification.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, separators=(",", ":")) + "\n")

    # Before anything starts.

    def _hold_starts(self, run: Run, deployed: list[int]) -> Callable[[], None]:
        """Let everything of a deployment wait with its start until its links have been verified; they are READY, which is enough for that.

        Returns:
            What begins the verification; to be called on the loop when the deployment has been ordered.
        """
        gate = FIRST_GATE + next(self._verify_numbers)
        run.runner.post(ev.Joined(ev.Profile(critical=False), (gate,)))
        verified = Reached((gate,), ResourceState.READY, "at_least")
        for guid in deployed:
            run.runner.post(ev.ConditionAdded(guid, ResourceAction.START, verified))
        network = self._deployed_by_itself([guid for guid in deployed if self._role(guid) in NETWORK])
        tasks: set[asyncio.Task[None]] = set()

        def begin() -> None:
            task = run.runner.loop.create_task(self._verify_and_go_on(run, network, gate))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        return begin

    async def _verify_and_go_on(self, run: Run, network: list[int], gate: int) -> None:
        try:
            if await self._controller.until(Reached(tuple(network), ResourceState.READY, "at_least")):
                await self._verify_all(self._shaped(network), duration_s(BUDGET))
        except (NepiError, OSError) as error:
            run.runner.post(ev.AbortAsked(f"links could not be verified: {error}"))
        finally:
            run.runner.post((gate, ResourceState.READY))
            run.runner.post((gate, ResourceState.RELEASED))

    def _role(self, guid: int) -> str:
        return self.registry.managers[guid].role

    def _deployed_by_itself(self, guids: list[int]) -> list[int]:
        """Leave out what is deployed only when something has happened, and what needs that: it may wait for what is held."""
        needs = self._controller.plan.needs
        late = {guid for guid in guids if _waits_for_more(self.registry.managers[guid])}
        for guid in self._controller.plan.order:  # providers come before those that need them
            if any(provider in late for provider, _ in needs.get(guid, ())):
                late.add(guid)
        return [guid for guid in guids if guid not in late]


def _is_up(manager: ResourceManager) -> bool:
    return ResourceState.READY <= manager.state < ResourceState.STOPPED and manager.state not in ENDED


def _waits_for_more(manager: ResourceManager) -> bool:
    own = (manager._own_conditions or {}).get(ResourceAction.DEPLOY)
    return bool(own) or any(action == ResourceAction.DEPLOY for action, _ in manager._when or [])


def _teller() -> Callable[[str], None]:
    asked = invocation.current()
    return asked.tell if asked is not None and asked.tell is not None else lambda _text: None


async def _all(verifying: Iterable[Coroutine[Any, Any, Verified]]) -> list[Verified]:
    """Verify several links; raise the first error when all have ended."""
    found: list[Verified] = []
    for result in await asyncio.gather(*verifying, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found
