"""The part of the controller that plans, and tells the engine of what is new: from what was described to what is deployed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nepi.engine import events as ev
from nepi.errors import BadValueError, UsageError
from nepi.execution import invocation
from nepi.execution.deployment import (
    catalogue_of,
    conditions_of,
    describe,
    facts_for,
    joined,
    needed,
    profiles_of,
    warm_up,
    without_credentials,
)
from nepi.execution.failure import replaced
from nepi.execution.part import Part
from nepi.execution.policies import check_quorum
from nepi.execution.quiet import collection_paused
from nepi.execution.run import Run
from nepi.model.conditions import members_of
from nepi.model.states import ResourceState
from nepi.plan.core import plan
from nepi.plan.result import Plan, without


class Planning(Part):
    """What `ExperimentController` does to deploy. Not for use by itself."""

    def deploy(self, guids: Any = None, wait_all_ready: bool = True, group: int | None = None, *, quorum: float | None = None) -> int:
        """Plan what is new, and deploy resources; returns at once.

        Args:
            guids: what to deploy; by default everything that is not deployed yet.
            wait_all_ready: start none of the group before all of it are READY.
            group: an earlier deployment group to add them to; by default a new one.
            quorum: start the group when this share of it, in (0, 1], is READY; those that fail before do not abort the run.

        Returns:
            The deployment group.

        Raises:
            PlanError: the description has mistakes; all of them are told, and nothing was created.
        """
        with self._lock, collection_paused():
            self._refuse_when_over("deploy")
            wanted = self._deployable(guids)
            if group is not None and (isinstance(group, bool) or not isinstance(group, int) or group < 1):
                raise BadValueError(f"deploy: group {group!r} is no deployment group; use one that an earlier deploy() returned")
            share = check_quorum(quorum)
            self._refuse_lost_changes()
            asked = invocation.current()
            planned = asked.planned if asked is not None else None
            if planned is None and self._run is None:
                self._warm = warm_up(self.registry.managers.values())
            try:
                self._make_plan()
                if planned is not None:
                    planned(self._controller)
                run = self._joined()
            except BaseException:
                self._warm.close()
                raise
            self._begin_changes(run)
            self._tell_plan(run)
            if group is None:
                self._groups += 1
                group = self._groups
            self._groups = max(self._groups, group)
            for guid in wanted:
                self.registry.managers[guid].deployment_group = group
                self._deployed[guid] = None
            verify = self._hold_starts(run, wanted) if self.verifies and wanted else None
            run.runner.post(ev.DeployAsked(group, tuple(wanted), wait_all_ready, share))
            if verify is not None:
                run.runner.post(verify)
            return group

    def _begin_changes(self, run: Run) -> None:
        """Let changes that were described wait for their conditions; they are in the journal before the description is written."""
        if self._changes.described:
            self._ask_described_changes()
            if not run.runner.on_loop:
                run.runner.call(_nothing())

    def _deployable(self, guids: Any) -> list[int]:
        """Return those of `guids` (all by default) that are not deployed yet.

        Raises:
            UsageError: one of `guids` has been released.
        """
        managers = self.registry.managers
        asked = list(managers) if guids is None else self.registry.guids_of(guids)
        over = [guid for guid in asked if managers[guid]._current == ResourceState.RELEASED]
        if over and guids is not None:
            names = ", ".join(managers[guid].name for guid in over)
            raise UsageError(f"deploy: {names} has been released, and what was released is not deployed again; add a new resource")
        return [guid for guid in asked if guid not in self._deployed and guid not in over]

    def check(self) -> Plan:
        """Plan what is new and return the whole plan; nothing is created.

        Raises:
            PlanError: the description has mistakes.
        """
        with self._lock:
            self._make_plan()
            return self._plan

    def _make_plan(self) -> None:
        if not self._unplanned and self._plan.order:
            return
        managers = list(self.registry.managers.values())
        catalogue = catalogue_of(managers)
        description = describe(self._exp_id, self.backend, managers, credentials=True, default=self.default_policy)
        facts = facts_for(catalogue)
        earlier = without(self._plan, self._unplanned)
        self._plan = plan(description, catalogue, facts, earlier=earlier, networks=self._networks, routing=self._routing, checked=True)
        self._description = self._completed(without_credentials(description, catalogue))
        self._untold.update(dict.fromkeys(sorted(self._plan.added)))
        self._unplanned.clear()

    def _tell_plan(self, run: Run) -> None:
        """Tell the engine what the plan has decided since it was told last, and write the plan."""
        for event in needed(self._plan.needs, self._untold):
            run.runner.post(event)
        self._untold.clear()
        if self._description is not None:
            description, self._description = self._description, None
            run.write_description(description, self._plan)

    def connected(self, *guids: int) -> None:
        """Resources were connected: those that are not deployed yet are planned anew."""
        if self._plan.needs:
            self._unplanned.update(dict.fromkeys(guid for guid in guids if guid not in self._deployed))

    def _join(self, guids: Iterable[int] | None = None) -> None:
        """Tell the engine of resources that it does not know yet (of all by default), with what their actions wait for."""
        with self._lock:
            if not self._unjoined:
                return
            fresh = [self.registry.managers[guid] for guid in (self._unjoined if guids is None else self._spoken_of(guids))]
            profiles = profiles_of(fresh, self._controller, judged_here=not replaced(self._controller.fm))
            runner = self._running().runner
            for event in joined(profiles):
                runner.post(event)
            for manager in fresh:  # not before: who finds a resource joined tells the engine of it, from any thread
                del self._unjoined[manager.guid]
            for manager in fresh:
                if manager._own_conditions or manager._when:
                    for action, condition in conditions_of(manager):
                        runner.post(ev.ConditionAdded(manager.guid, action, condition))
                if manager._current != ResourceState.NEW:
                    runner.post((manager.guid, manager._current))
                    self._running().dispatcher.sample(manager)

    def _spoken_of(self, guids: Iterable[int]) -> list[int]:
        """Return those of `guids`, and of those that their conditions speak of, that the engine does not know yet."""
        found: dict[int, None] = {}
        todo = [guid for guid in guids if guid in self._unjoined]
        for guid in todo:
            if guid not in found:
                found[guid] = None
                for _, condition in conditions_of(self.registry.managers[guid]):
                    todo.extend(member for member in members_of(condition) if member in self._unjoined)
        return list(found)

    def planned_values(self, guid: int) -> Mapping[str, Any]:
        """Return the attribute values that the plan resolved for a resource."""
        return self._plan.values.get(guid, {})


async def _nothing() -> None:
    """Let the loop do what it was asked before."""
