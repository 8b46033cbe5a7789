"""The part of the controller that changes attributes: now, or when a condition is met."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nepi.engine import events as ev
from nepi.errors import DescriptionError
from nepi.execution.part import Part
from nepi.execution.registry import Guid, listed
from nepi.execution.resource import ResourceManager, seed_condition, text_of
from nepi.execution.setting import change_record, foresee, set_checked, set_now, takes_effect
from nepi.model.attributes import Flags, Reference
from nepi.model.conditions import Condition, members_of, state_named

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.run import Run

CHANGED_WITHIN_S: Final = 60.0
"""How long a change that is due may take; then it counts as failed."""

Values = Mapping[str, Any]


class Changes:
    """The changes of one experiment that wait for a condition.

    Attributes:
        described: those that no run knows yet.
        asked: by number, those that the engine knows.
    """

    def __init__(self) -> None:
        self.described: list[tuple[ResourceManager, Condition, Values]] = []
        self.asked: dict[int, tuple[ResourceManager, Values]] = {}
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, run: Run, manager: ResourceManager, condition: Condition, values: Values) -> None:
        """Tell the engine of a change. The values stay here, because a credential must not get into the journal."""
        self._count += 1
        self.asked[self._count] = (manager, values)
        written = tuple((name, _written(manager, name, value)) for name, value in values.items())
        run.runner.post(ev.SetAsked(self._count, manager.guid, condition, written))

    def take_up(self, number: int, manager: ResourceManager, values: Values) -> None:
        """Keep a change that an earlier controller has asked the engine for."""
        self._count = max(self._count, number)
        self.asked[number] = (manager, values)

    def carry_out(self, ec: ExperimentController, number: int) -> None:
        """Set what is due; on the loop's thread."""
        manager, values = self.asked.pop(number)
        task = asyncio.get_running_loop().create_task(self._set(ec, number, manager, values))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _set(self, ec: ExperimentController, number: int, manager: ResourceManager, values: Values) -> None:
        what = f"setting {', '.join(values)} failed"
        try:
            async with asyncio.timeout(CHANGED_WITHIN_S):
                await set_now(ec, manager, values, change=number)
        except TimeoutError:
            ec.tell(ev.SetFailed(number, manager.guid, f"{what}: it was not done within {CHANGED_WITHIN_S:g} s"))
        except Exception as error:
            ec.tell(ev.SetFailed(number, manager.guid, f"{what}: {text_of(error)}"))


class Changing(Part):
    """What `ExperimentController` can change. Not for use by itself."""

    def set(self, guid: Guid, name: str, value: Any) -> None:
        """Set an attribute; on a deployed resource it takes effect before this returns.

        Raises:
            UnknownAttributeError: there is no such attribute.
            BadValueError: it cannot have this value, or cannot be set by users, or not any more.
        """
        self.set_all(guid, {name: value})

    def set_all(self, guid: Guid, values: Mapping[str, Any]) -> None:
        """Set several attributes as one change; on a deployed resource all of them or none."""
        manager = self.resource(guid)
        if takes_effect(manager):
            self._running().runner.call(set_now(self._controller, manager, values))
            return
        for name, value in values.items():
            set_checked(self._controller, manager, name, value)
        if self._run is not None and self.is_deployed(manager.guid):
            self._run.runner.note(set=change_record(manager, values))

    def set_when(self, guid: Guid, condition: Condition, **values: Any) -> None:
        """Set attributes of a resource when a condition is met. If that becomes impossible, the resource fails, as one to be started does.

        Raises:
            DescriptionError: an attribute or a resource does not exist, or a value is wrong.
        """
        self._refuse_when_over("set_when")
        manager = self.resource(guid)
        for name, value in values.items():
            manager.get_attribute(name).converted(value)
        self._check_condition(condition)
        foresee(manager, values)
        self._changes_said.append((manager, condition, values))
        with self._lock:
            if self._run is None:
                self._changes.described.append((manager, condition, values))  # it takes effect with the first deploy
                return
        self._ask_change(manager, condition, values)

    def set_with_conditions(self, name: str, value: Any, guids1: Any, guids2: Any, state: int, time: str | None = None) -> None:
        """Set an attribute of every one of guids1 when all of guids2 are at or beyond `state`, and `time` after that."""
        group = [self.registry.guid_of(one) for one in listed(guids2)]
        for one in listed(guids1):
            self.set_when(one, seed_condition(group, state_named(state), time), **{name: value})

    def _ask_change(self, manager: ResourceManager, condition: Condition, values: Values) -> None:
        run = self._joined((manager.guid, *members_of(condition)))
        self._changes.ask(run, manager, condition, values)

    def _ask_described_changes(self) -> None:
        described, self._changes.described = self._changes.described, []
        for manager, condition, values in described:
            self._ask_change(manager, condition, values)

    def _refuse_lost_changes(self) -> None:
        for manager, condition, values in self._changes.described:
            for guid in (manager.guid, *members_of(condition)):
                if guid not in self.registry.managers:
                    what = f"the change of {', '.join(values)} of {manager.name}"
                    raise DescriptionError(f"deploy: {what} speaks of guid {guid}, which was removed")


def _written(manager: ResourceManager, name: str, value: Any) -> Any:
    """Return a value as it stands in the journal: plain JSON data, a credential as None."""
    if manager.has_flag(name, Flags.Credential):
        return None
    if isinstance(value, Reference):
        return {"resource": value.guid}
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return str(value)
