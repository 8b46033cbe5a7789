"""The part of the controller that sets attributes: before anything runs, now, or when a condition is met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nepi.engine import events as ev
from nepi.errors import DescriptionError
from nepi.execution.part import Part
from nepi.execution.registry import Guid, listed
from nepi.execution.resource import ResourceManager, seed_condition
from nepi.execution.setting import foresee, set_checked, set_now, takes_effect
from nepi.execution.waits import WaitResult
from nepi.model.conditions import Condition, members_of, state_named
from nepi.model.states import ENDED, ResourceAction


class Changing(Part):
    """What `ExperimentController` can set. Not for use by itself."""

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

    def set_when(self, guid: Guid, condition: Condition, **values: Any) -> None:
        """Set attributes of a resource when a condition is met. If that becomes impossible, the resource fails.

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
                self._changes.append((manager, condition, values))  # a description only; it takes effect with the first deploy
                return
        self._watch_change(manager, condition, values)

    def _watch_change(self, manager: ResourceManager, condition: Condition, values: Mapping[str, Any]) -> None:
        runner = self._joined((manager.guid, *members_of(condition))).runner

        async def set_later() -> None:
            try:
                await set_now(self._controller, manager, values)
            except Exception as error:
                runner.post(ev.Failed(manager.guid, ResourceAction.START, f"setting {', '.join(values)} failed: {error}"))

        def met_or_not(result: WaitResult) -> None:
            if result:
                runner.loop.create_task(set_later())
            elif not self._controller.abort and manager.state not in ENDED:
                runner.post(ev.Failed(manager.guid, ResourceAction.START, f"cannot set {', '.join(values)}: {result.reason}"))

        runner.watch(condition, met_or_not)

    def set_with_conditions(self, name: str, value: Any, guids1: Any, guids2: Any, state: int, time: str | None = None) -> None:
        """Set an attribute of every one of guids1 when all of guids2 are at or beyond `state`, and `time` after that."""
        group = [self.registry.guid_of(one) for one in listed(guids2)]
        for one in listed(guids1):
            self.set_when(one, seed_condition(group, state_named(state), time), **{name: value})

    def _refuse_lost_changes(self) -> None:
        for manager, condition, values in self._changes:
            for guid in (manager.guid, *members_of(condition)):
                if guid not in self.registry.managers:
                    what = f"the change of {', '.join(values)} of {manager.name}"
                    raise DescriptionError(f"deploy: {what} speaks of guid {guid}, which was removed")
