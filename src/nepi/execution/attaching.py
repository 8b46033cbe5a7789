"""The part of the controller that takes up a run whose controller is gone. docs/design/attach.md has the idea."""

from __future__ import annotations

import asyncio
import atexit
import functools
import inspect
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from nepi.engine import events as ev
from nepi.engine.members import Member
from nepi.execution import invocation
from nepi.execution.failure import ECState, FailureManager, replaced
from nepi.execution.part import Part
from nepi.execution.rebuilding import rebuild
from nepi.execution.resource import ResourceManager
from nepi.execution.run import Run
from nepi.execution.run_record import RunRecord, read_run
from nepi.execution.rundir import RunDir
from nepi.execution.runlock import RunLock
from nepi.execution.saving import ROUTING
from nepi.execution.setting import values_from
from nepi.execution.stored import find_run, refuse_to_attach
from nepi.model.states import ENDED, ResourceAction, ResourceState
from nepi.plan.core import NETWORKS

if TYPE_CHECKING:
    from nepi.execution.ledger import Row

LOOKERS_S: Final = 2.0
"""How long somebody who only looks at a run, or gives a dead one back, may hold its lock."""
_VERBS: Final = ("deploy", "start", "stop", "release")


class Attaching(Part):
    """How `ExperimentController` takes up a run. Not for use by itself."""

    lost: list[str]
    _taken_from: RunRecord | None

    @classmethod
    def attach(
        cls,
        run: str | Path = "last",
        *,
        fm: FailureManager | None = None,
        keep: bool = False,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> Self:
        """Take up a run whose controller is gone (or that was kept), where it stands; `complete()` brings it to its end.

        Python code of the program that began it is not resumed: what follows a wait in it, and callbacks. `lost` lists those.

        Args:
            run: exp_id/run_id, a run_id, an exp_id (its latest run), a folder, or "last".
            fm: judges failures; by default critical resources abort.
            keep: leave everything up at the end.
            loop_factory: makes the event loop; for tests.

        Raises:
            RunError: there is no such run, it is controlled by somebody, is over, or was lost when this machine was started again.
            UnknownTypeError: it has resources of types that this program does not know.
        """
        rundir = RunDir(find_run(str(run)).path)
        refuse_to_attach(rundir)
        lock = RunLock(rundir.path)
        lock.acquire(LOOKERS_S)
        try:
            refuse_to_attach(rundir)  # somebody may have been quicker
            record = read_run(rundir)
            make: Callable[..., Any] = cls  # an ExperimentController; this is a part of it
            ec: Self = make(
                rundir.path.parent.name,
                rundir.path.parent.parent,
                fm,
                backend=record.description.backend,
                run_id=rundir.path.name,
                stop_on_abort=bool(record.header.get("stop_on_abort")),
                keep=keep,
                lease=record.header.get("lease_s"),
                networks=record.description.networks or NETWORKS,
                routing=record.description.routing or ROUTING,
                deadline=record.description.deadline_s,
                loop_factory=loop_factory,
            )
            ec._take_over(rundir, lock, record)
        except BaseException:
            lock.release()
            raise
        if not record.engine.groups:
            ec.deploy()  # it was planned, and its controller died before it could ask for more
        return ec

    @property
    def is_attached(self) -> bool:
        """Whether this controller took the run up from another one."""
        return self._taken_from is not None

    def _take_over(self, rundir: RunDir, lock: RunLock, record: RunRecord) -> None:
        ec = self._controller
        rebuild(ec, record)
        self._taken_from = record
        self._abort_reason = record.engine.aborted
        record.engine.label = self.registry.name_of
        run = self._run = Run.resume(ec, rundir, lock, record)
        atexit.register(ec._exit_hook)
        asked = invocation.current()
        if asked is not None and asked.began is not None:
            asked.began(ec)
        run.supervise()
        run.dispatcher.left_behind.update(record.left_behind)
        try:
            run.runner.call(self._take_up(run, record))
        except BaseException:
            atexit.unregister(ec._exit_hook)
            self._state = ECState.TERMINATED
            run.let_go()
            raise

    async def _take_up(self, run: Run, record: RunRecord) -> None:
        """Take hold of what is there, then let the engine order again what was in flight; on the loop's thread."""
        rows = self._rows_by_owner(run)
        lost = await self._adopt_all(run, record, rows)
        _forget_gone(run)  # what was dying when the rows were read has ended since
        for guid, member in record.engine.members.items():
            if guid not in self.registry.managers and member.state != ResourceState.RELEASED:
                run.runner.post((guid, ResourceState.RELEASED))  # it was never planned, so nothing of it is there
        self._take_up_changes(run, record)
        self._take_up_tasks(run, record)
        self._list_lost(record, lost)
        run.runner.note_now(attached={"pid": os.getpid(), "torn_bytes": record.torn, "lost": self.lost})
        run.runner.resume(ev.Resumed(tuple(lost), tuple(lost.values())))

    def _rows_by_owner(self, run: Run) -> dict[int, list[Row]]:
        """Return the ledger's rows by owner, and take those out of the ledger whose things are surely gone."""
        by_owner: dict[int, list[Row]] = {}
        for row in _forget_gone(run):
            by_owner.setdefault(row.owner, []).append(row)
        return by_owner

    async def _adopt_all(self, run: Run, record: RunRecord, rows: dict[int, list[Row]]) -> dict[int, str]:
        """Let resource managers take hold of what is there, providers first; return why for each that could not."""
        lost: dict[int, str] = {}
        managers = self.registry.managers
        for guid in [*record.plan.order, *(guid for guid in managers if guid not in record.plan.needs)]:
            member, manager = record.engine.members.get(guid), managers.get(guid)
            if member is None or manager is None or not _may_be_there(member, rows.get(guid)):
                continue
            try:
                await _adopt(manager, rows.get(guid, []))
            except Exception as error:  # of a backend; what it means is for the resource's policy
                lost[guid] = f"it could not be taken up again: {error}"
                manager.debug(f"adopt: {error!r}")
            else:
                run.dispatcher.sample_if_needed(manager)
        return lost

    def _take_up_changes(self, run: Run, record: RunRecord) -> None:
        changes = self._controller._changes
        for number, change in record.changes.items():
            manager = self.registry.managers.get(change.guid)
            if manager is None:
                continue
            changes.take_up(number, manager, values_from(change.values))
            if change.due:
                run.runner.post(functools.partial(changes.carry_out, self._controller, number))
        for watch in record.engine.watching.numbers:
            run.runner.post(ev.WatchDropped(watch))  # of a program that is gone

    def _take_up_tasks(self, run: Run, record: RunRecord) -> None:
        for task in record.scheduled.values():
            manager = self.registry.managers.get(task.guid)
            if manager is not None:
                self._controller._tasks.take_up(run, task.task, getattr(manager, task.call), task.at)
            else:
                self.lost.append(f"the call of {task.call}, due {task.at:.3f} s after the run began")

    def _list_lost(self, record: RunRecord, lost: dict[int, str]) -> None:
        self.lost += [f"{self.registry.name_of(guid)}: {reason}" for guid, reason in lost.items()]
        judge = record.header.get("judged_by")
        if judge and not replaced(self._controller.fm):
            self.lost.append(f"the failure manager {judge}: failures of this run no longer abort it")
        if record.engine.groups:
            left = [self.registry.name_of(guid) for guid in self.registry.managers if guid not in self._deployed]
            self.lost += [f"the deployment of {name}, which the program had described and not asked for yet" for name in left]

    @property
    def members(self) -> Mapping[int, Member]:
        """What the engine knows of each resource; on the loop's thread."""
        return self._running().runner.engine.members

    # For resource managers that take hold of something.

    def action_in_flight(self, guid: int) -> ResourceAction | None:
        """Return the action that a resource was ordered and has not answered."""
        member = self._running().runner.engine.members.get(guid)
        return ResourceAction(member.doing) if member is not None and member.doing is not None else None

    def ordered_time(self, guid: int) -> datetime | None:
        """Return when an action of a resource was ordered last by an earlier controller; None when it never was."""
        record = self._taken_from
        return record.date_of(record.ordered[guid]) if record is not None and guid in record.ordered else None

    def seconds_since(self, guid: int, state: ResourceState) -> float:
        """Return how long ago a resource entered a state; 0 when it never did."""
        runner = self._running().runner
        at = runner.engine.members[guid].entered[state]
        return runner.now - at if at is not None else 0.0


def _forget_gone(run: Run) -> list[Row]:
    """Take those rows out of the ledger whose things are surely gone; return all that were there."""
    if not run.rundir.ledger.exists():
        return []
    from nepi.execution.ledger_kinds import is_alive

    rows = run.ledger.rows()
    run.ledger.forget([row.id for row in rows if not is_alive(row)])
    return rows


def _may_be_there(member: Member, rows: list[Row] | None) -> bool:
    if member.state == ResourceState.RELEASED:
        return False
    return member.state != ResourceState.NEW or member.doing is not None or bool(rows)


async def _adopt(manager: ResourceManager, rows: list[Row]) -> None:
    adopt = getattr(manager, "adopt", None)
    if adopt is not None:
        result = adopt(rows)
        if inspect.isawaitable(result):
            await result
    elif manager._current not in ENDED and not _touches_nothing(type(manager)):
        raise NotImplementedError(f"the type {manager.rtype()} has no method `adopt`")


def _touches_nothing(rclass: type[ResourceManager]) -> bool:
    return all(getattr(rclass, verb) is getattr(ResourceManager, verb) for verb in _VERBS)
