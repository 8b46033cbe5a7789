"""The experiment controller: describe, deploy, control, wait, release. The vocabulary is the seed's; DESIGN §3 has the additions.

What it is made of: `describing` (before anything runs), `registry` (the resources), `run` (what exists from the first deploy on), `tasks`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import secrets
import threading
import weakref
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from nepi.engine import events as ev
from nepi.errors import BadValueError, DescriptionError, ExperimentError, UsageError
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
from nepi.execution.describing import Describing
from nepi.execution.failure import ECState, FailureLevel, FailureManager, replaced
from nepi.execution.handle import Handle
from nepi.execution.quiet import collection_paused
from nepi.execution.registry import Guid, Registry, listed
from nepi.execution.resource import ResourceManager, seed_condition
from nepi.execution.run import Run
from nepi.execution.rundir import RunDir, checked_name, runs_home
from nepi.execution.scheduler import Task
from nepi.execution.sessions import Session
from nepi.execution.setting import set_checked, set_now, takes_effect
from nepi.execution.tasks import Tasks, due_in_s, own_method
from nepi.execution.waits import WaitResult
from nepi.model.commands import Completed
from nepi.model.conditions import Condition, Reached, as_condition, members_of, state_named
from nepi.model.experiment import ExperimentDescription
from nepi.model.states import ENDED, ResourceAction, ResourceState, ResourceState2str
from nepi.plan.core import NETWORKS, plan
from nepi.plan.result import Plan, without
from nepi.units import duration_s
from nepi.util.redaction import without_secrets
from nepi.util.timefuncs import tsformat

if TYPE_CHECKING:
    from nepi.execution.ledger import Ledger
    from nepi.execution.runner import Observer

__all__ = ["ECState", "ExperimentController", "FailureLevel", "FailureManager"]

S = TypeVar("S", bound=Session)


class ExperimentController(Describing):
    """Controls one run of one experiment.

    Args:
        exp_id: name of the experiment; by default a new one.
        local_dir: where the run's folder is made, as local_dir/exp_id/run_id; by default ~/.nepi/runs.
        fm: judges failures; by default critical resources abort.
        backend: where types named without one belong ("netns").
        run_id: name of this run; by default the date and time, 20 digits.
        stop_on_abort: an abort also stops what is running.
        keep: leave everything up at the end.
        networks: where automatic addresses are taken from.
        loop_factory: makes the event loop; for tests.

    Raises:
        BadValueError: exp_id or run_id cannot be a folder's name.
    """

    def __init__(
        self,
        exp_id: str | None = None,
        local_dir: str | Path | None = None,
        fm: FailureManager | None = None,
        *,
        backend: str = "",
        run_id: str | None = None,
        stop_on_abort: bool = False,
        keep: bool = False,
        networks: tuple[str, ...] = NETWORKS,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        super().__init__("ExperimentController")
        asked = invocation.current() or invocation.Invocation()
        self._exp_id = checked_name("exp_id", exp_id) if exp_id is not None else f"exp-{secrets.token_hex(8)}"
        self._run_id = checked_name("run_id", run_id) if run_id is not None else tsformat()
        self._base = Path(local_dir) if local_dir is not None else runs_home()
        self._fm = fm if fm is not None else FailureManager()
        self._fm.set_ec(self)
        self.backend = backend or asked.backend
        self.keep = keep or asked.keep
        self.stop_on_abort = stop_on_abort
        self.loop_factory = loop_factory
        self.observers: list[Observer] = []
        self.registry = Registry(self)
        self._networks = networks
        self._lock = threading.RLock()
        self._ending = threading.RLock()
        self._retries: dict[int, ev.Retry] = {}
        self._unjoined: dict[int, None] = {}
        self._unplanned: dict[int, None] = {}
        self._untold: dict[int, None] = {}
        self._deployed: dict[int, None] = {}
        self._groups = 0
        self._plan = Plan()
        self._description: ExperimentDescription | None = None
        self._run: Run | None = None
        self._warm = contextlib.ExitStack()
        self._changes: list[tuple[ResourceManager, Condition, Mapping[str, Any]]] = []
        self._tasks = Tasks()
        self._state = ECState.RUNNING
        self._abort_reason: str | None = None
        asked.controllers.append(self)
        if asked.made is not None:
            asked.made(self)

    # Who and where.

    @property
    def exp_id(self) -> str:
        """Names the experiment."""
        return self._exp_id

    @property
    def run_id(self) -> str:
        """Names this run of it."""
        return self._run_id

    @property
    def local_dir(self) -> str:
        """Where runs are kept."""
        return str(self._base)

    @property
    def exp_dir(self) -> str:
        """Where the runs of this experiment are kept."""
        return str(self._base / self._exp_id)

    @property
    def run_dir(self) -> str:
        """The folder of this run; it exists from the first deploy on."""
        return str(self._base / self._exp_id / self._run_id)

    @property
    def ledger(self) -> Ledger:
        """The ledger of this run, which all backends share: every outside thing is in it before it is made."""
        return self._running().ledger

    @property
    def ecstate(self) -> ECState:
        """Where the controller is in its life."""
        return ECState.FAILED if self._run is not None and self._run.runner.broken is not None else self._state

    @property
    def fm(self) -> FailureManager:
        """Judges failures."""
        return self._fm

    @property
    def failure_level(self) -> FailureLevel:
        """The worst that has happened."""
        return self._fm.failure_level

    @property
    def abort(self) -> bool:
        """Whether the run was aborted."""
        return self._abort_reason is not None or self._fm.abort

    @property
    def abort_reason(self) -> str:
        """Why the run was aborted, or ""."""
        return self._abort_reason or ""

    @property
    def left_behind(self) -> dict[int, str]:
        """What could not be given back, and why; `nepi gc` tries again."""
        return dict(self._run.dispatcher.left_behind) if self._run is not None else {}

    @property
    def plan(self) -> Plan:
        """What planning has decided so far."""
        return self._plan

    def is_deployed(self, guid: int) -> bool:
        """Whether a resource was deployed."""
        return guid in self._deployed

    # Setting.

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
            self._running().runner.call(set_now(self, manager, values))
            return
        for name, value in values.items():
            set_checked(self, manager, name, value)

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
        with self._lock:
            if self._run is None:
                self._changes.append((manager, condition, values))  # a description only; it takes effect with the first deploy
                return
        self._watch_change(manager, condition, values)

    def _watch_change(self, manager: ResourceManager, condition: Condition, values: Mapping[str, Any]) -> None:
        runner = self._joined((manager.guid, *members_of(condition))).runner

        async def set_later() -> None:
            try:
                await set_now(self, manager, values)
            except Exception as error:
                runner.post(ev.Failed(manager.guid, ResourceAction.START, f"setting {', '.join(values)} failed: {error}"))

        def met_or_not(result: WaitResult) -> None:
            if result:
                runner.loop.create_task(set_later())
            elif not self.abort and manager.state not in ENDED:
                runner.post(ev.Failed(manager.guid, ResourceAction.START, f"cannot set {', '.join(values)}: {result.reason}"))

        runner.watch(condition, met_or_not)

    def set_with_conditions(self, name: str, value: Any, guids1: Any, guids2: Any, state: int, time: str | None = None) -> None:
        """Set an attribute of every one of guids1 when all of guids2 are at or beyond `state`, and `time` after that."""
        group = [self.guid_of(one) for one in listed(guids2)]
        for one in listed(guids1):
            self.set_when(one, seed_condition(group, state_named(state), time), **{name: value})

    # Acting.

    def why(self, guid: Guid) -> str:
        """Say in one sentence what a resource waits for, or why it does not."""
        manager = self.resource(guid)
        run = self._run
        if run is None or manager.guid in self._unjoined:
            return f"{manager.name} is {ResourceState2str[manager.state]}; nobody has asked to deploy it."
        engine = run.runner.engine
        if self._state == ECState.TERMINATED or run.runner.on_loop:
            return str(engine.why(manager.guid))

        async def ask() -> str:
            return str(engine.why(manager.guid))

        return run.runner.call(ask())

    def discover(self, guid: Guid) -> Any:
        """Call a resource's discover, here and now."""
        return self._direct(guid, "discover")

    def provision(self, guid: Guid) -> Any:
        """Call a resource's provision, here and now."""
        return self._direct(guid, "provision")

    def start(self, guid: Guid) -> Any:
        """Call a resource's start, here and now."""
        return self._direct(guid, "start")

    def stop(self, guid: Guid) -> Any:
        """Call a resource's stop, here and now."""
        return self._direct(guid, "stop")

    def _direct(self, guid: Guid, verb: str) -> Any:
        manager = self.resource(guid)
        result = getattr(manager, verb)()
        if self._run is not None:
            self._run.dispatcher.sample(manager)
        return self._begin().runner.call(result) if asyncio.iscoroutine(result) else result

    def act(self, action: ResourceAction, *resources: Guid) -> None:
        """Order an action now, conditions aside; returns at once."""
        guids = tuple(self.resource(one).guid for one in resources)
        self._refuse_when_over(action.name.lower())
        self._joined(guids).runner.post(ev.ActionAsked(action, guids))

    def deploy(self, guids: Any = None, wait_all_ready: bool = True, group: int | None = None) -> int:
        """Plan what is new, and deploy resources; returns at once.

        Args:
            guids: what to deploy; by default everything that is not deployed yet.
            wait_all_ready: start none of the group before all of it are READY.
            group: an earlier deployment group to add them to; by default a new one.

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
            self._refuse_lost_changes()
            asked = invocation.current()
            planned = asked.planned if asked is not None else None
            if planned is None and self._run is None:
                self._warm = warm_up(self.registry.managers.values())
            try:
                self._make_plan()
                if planned is not None:
                    planned(self)
                run = self._joined()
            except BaseException:
                self._warm.close()
                raise
            self._tell_plan(run)
            if group is None:
                self._groups += 1
                group = self._groups
            self._groups = max(self._groups, group)
            for guid in wanted:
                self.registry.managers[guid].deployment_group = group
                self._deployed[guid] = None
            run.runner.post(ev.DeployAsked(group, tuple(wanted), wait_all_ready))
            changes, self._changes = self._changes, []
            for manager, condition, values in changes:
                self._watch_change(manager, condition, values)
            return group

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

    def _refuse_lost_changes(self) -> None:
        for manager, condition, values in self._changes:
            for guid in (manager.guid, *members_of(condition)):
                if guid not in self.registry.managers:
                    what = f"the change of {', '.join(values)} of {manager.name}"
                    raise DescriptionError(f"deploy: {what} speaks of guid {guid}, which was removed")

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
        description = describe(self._exp_id, self.backend, managers, credentials=True)
        facts = facts_for(catalogue)
        earlier = without(self._plan, self._unplanned)
        self._plan = plan(description, catalogue, facts, earlier=earlier, networks=self._networks, checked=True)
        self._description = without_credentials(description, catalogue)
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
            profiles = profiles_of(fresh, judged_here=not replaced(self._fm), retries=self._retries)
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

    def release(self, guids: Any = None) -> WaitResult:
        """Give resources back, and whatever needs them; by default everything. Blocks until it is done."""
        with self._lock:
            wanted = list(self.registry.guids_of(guids)) if guids is not None else list(self.registry.managers)
            if self._run is None or self._state == ECState.TERMINATED:
                for guid in wanted:
                    self.registry.managers[guid].set_released()
                return WaitResult(True)
            self._run.runner.refuse_on_loop("release")
            self._join()
            self._run.runner.post(ev.ReleaseAsked(tuple(wanted)))
        result = self.wait_released(wanted)
        if guids is None and result:
            self._state = ECState.RELEASED
        return result

    def shutdown(self) -> None:
        """Release everything and end the controller. Harmless the second time.

        Raises:
            ExperimentError: the controller itself failed during the run.
        """
        run = self._run
        if self._is_over() or (run is not None and run.runner.is_elsewhere):
            return  # the latter: this process is a fork, and what runs is its parent's
        if run is not None:
            run.runner.refuse_on_loop("shutdown")
        with self._ending:  # who comes second returns when it is done
            if self._is_over():
                return
            if not self.keep or run is None:
                self.release()
            self._state = ECState.TERMINATED
            if run is None:
                return
            atexit.unregister(self._at_exit)
            run.finish(keep=self.keep)
            self._warm.close()
        if run.runner.broken is not None:
            raise ExperimentError(f"the controller failed: {run.runner.broken}") from run.runner.broken

    def run(self, deadline: str | float | None = None) -> None:
        """Deploy, wait until everything that ends by itself has ended, stop the services, release.

        Where nothing ends by itself, the wait is for everything to be STARTED.

        Args:
            deadline: how long the wait may take.

        Raises:
            PlanError: the description has mistakes; nothing was created.
            ExperimentError: a critical resource failed, the deadline passed, or something could not be given back.
        """
        if self._run is not None and self._state != ECState.TERMINATED:
            self._run.runner.refuse_on_loop("run")
        self.deploy()
        try:
            result = self._wait(self._done(), deadline)
            if result:
                self._stop_services()
            elif not self.abort:
                self.abort_run(result.reason)
        except BaseException as error:
            self._end_because_of(error)
            raise
        self.shutdown()
        # The wait is over also when the last resource ended by a failure that aborts the run.
        reason = result.reason if not result else self.abort_reason or "the failure manager aborted the run" if self.abort else ""
        if reason:
            raise ExperimentError(f"experiment {self._exp_id}: {reason}\nThe run's folder is {self.run_dir}")
        if self.left_behind:
            left = "; ".join(f"{self.registry.name_of(guid)}: {reason}" for guid, reason in self.left_behind.items())
            raise ExperimentError(f"experiment {self._exp_id} left something behind: {left}\n`nepi gc` gives it back")

    def _done(self) -> Condition:
        """Return when a run is over: everything that ends by itself has ended; where nothing does, everything is up."""
        ending = [guid for guid in self._deployed if not self.registry.managers[guid].service]
        if ending:
            return Reached(tuple(ending), ResourceState.STOPPED, "ended")
        return Reached(tuple(self._deployed), ResourceState.STARTED, "at_least")

    def _stop_services(self) -> None:
        services = tuple(
            guid
            for guid in self._deployed
            if self.registry.managers[guid].service and self.registry.managers[guid].state == ResourceState.STARTED
        )
        if services and not self.keep:
            runner = self._running().runner
            runner.post(ev.ActionAsked(ResourceAction.STOP, services))
            runner.wait(Reached(services, ResourceState.STOPPED, "ended"), survives_abort=True)

    def abort_run(self, reason: str) -> None:
        """End the run early: nothing new is started, every wait ends at once with `reason`."""
        self._refuse_when_over("abort_run")
        self._begin().runner.post(ev.AbortAsked(without_secrets(reason)))

    def _end_because_of(self, error: BaseException) -> None:
        """Shut down because of an exception, which goes on to the caller whatever else fails."""
        try:
            self._abort_because_of(error)
            self.shutdown()
        except (Exception, KeyboardInterrupt) as another:
            error.add_note(f"while the experiment was given back: {type(another).__name__}: {another}")

    def _abort_because_of(self, error: BaseException) -> None:
        """Let the record of a run that an exception ends early say so; a script that just exits has ended well."""
        if self._run is None or self._state == ECState.TERMINATED or self.abort or (isinstance(error, SystemExit) and not error.code):
            return
        what = "interrupted" if isinstance(error, KeyboardInterrupt) else f"the program raised {type(error).__name__}: {error}".rstrip(": ")
        self.abort_run(what)

    # Waiting.

    def wait_deployed(self, guids: Any, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are READY or beyond."""
        return self._wait_all(guids, ResourceState.READY, deadline)

    def wait_started(self, guids: Any, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are STARTED or beyond."""
        return self._wait_all(guids, ResourceState.STARTED, deadline)

    def wait_finished(self, guids: Any, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are STOPPED or beyond."""
        return self._wait_all(guids, ResourceState.STOPPED, deadline)

    def wait_released(self, guids: Any, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are RELEASED; an abort does not end this wait."""
        return self._wait_all(guids, ResourceState.RELEASED, deadline, survives_abort=True)

    def wait(self, guids: Any, state: int, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are at or beyond a state."""
        return self._wait_all(guids, state, deadline)

    def wait_for(self, condition: Condition, deadline: str | float | None = None) -> WaitResult:
        """Wait until a condition value is met."""
        self._check_condition(condition)
        return self._wait(condition, deadline)

    async def until(self, condition: Condition, deadline: str | float | None = None) -> WaitResult:
        """Wait until a condition value is met, without blocking the loop that awaits this (a notebook's, for example)."""
        self._check_condition(condition)
        runner = self._joined(members_of(condition)).runner
        result: asyncio.Future[WaitResult] = asyncio.get_running_loop().create_future()
        waiting = result.get_loop()

        def done(outcome: WaitResult) -> None:
            waiting.call_soon_threadsafe(_settle, result, outcome)

        number = runner.watch(condition if deadline is None else condition.within(deadline), done)
        try:
            return await result
        finally:
            runner.unwatch(number)

    def _check_condition(self, condition: Condition) -> None:
        for guid in members_of(as_condition(condition)):
            self.resource(guid)

    def _wait_all(self, guids: Any, state: int, deadline: str | float | None, *, survives_abort: bool = False) -> WaitResult:
        members = self.registry.guids_of(guids)
        return self._wait(Reached(members, int(state_named(state)), "at_least"), deadline, survives_abort=survives_abort)

    def _wait(self, condition: Condition, deadline: str | float | None = None, *, survives_abort: bool = False) -> WaitResult:
        if self._state == ECState.TERMINATED:
            return WaitResult(False, "the experiment has been shut down")
        runner = self._joined(members_of(condition)).runner
        deadline_s = None if deadline is None else duration_s(deadline)
        return runner.wait(condition, deadline_s=deadline_s, survives_abort=survives_abort)

    # Tasks.

    def schedule(self, date: str, callback: Callable[[], Any], track: bool = False) -> int:
        """Call something at a date, on a worker thread.

        Scheduling a resource's own life-cycle method after its `reschedule_delay` means that it waits: it is called again when a
        connected resource changes state, at the latest after that delay.

        Args:
            date: relative ("2s") or absolute (20 digits, local time).
            callback: called without arguments.
            track: keep the task, so that `get_task` finds it.

        Returns:
            The task's id.
        """
        self._refuse_when_over("schedule")
        if self._run is None:
            due_in_s(date)  # a wrong one is told before anything is made
        run = self._begin()
        if self._unjoined:
            manager, _ = own_method(callback)
            self._join((manager.guid, *manager.connections) if manager is not None else ())
        return self._tasks.schedule(run, date, callback, track)

    def get_task(self, tid: int) -> Task | None:
        """Return a task that was scheduled with track=True, or None."""
        return self._tasks.get(tid)

    # For resource managers.

    def announced(self, guid: int, state: ResourceState) -> None:
        """A resource announces a state; from any thread."""
        run = self._run
        if run is not None:
            if self._unjoined and guid in self._unjoined:
                self._join((guid,))
            if guid in self.registry.managers:  # else it was removed, and nobody waits for it
                run.runner.post((guid, state))

    def failure_explained(self, guid: int, reason: str) -> None:
        """A resource says why it is about to fail."""
        if self._run is not None and guid not in self._unjoined and guid in self.registry.managers:
            self._run.runner.post(ev.Explained(guid, reason))

    def exited(self, guid: int, status: int) -> None:
        """A resource's process ended by itself."""
        self._running().runner.post(ev.Exited(guid, status))

    def condition_registered(self, guid: int, action: ResourceAction, condition: Condition) -> None:
        """A resource has got a condition; told to the engine now if it knows the resource, else when it joins."""
        if self._run is not None and guid not in self._unjoined:
            self._join(members_of(condition))
            self._run.runner.post(ev.ConditionAdded(guid, action, condition))

    def conditions_unregistered(self, guid: int, action: ResourceAction, members: tuple[int, ...]) -> None:
        """A resource no longer waits for some members."""
        if self._run is not None and guid not in self._unjoined:
            self._run.runner.post(ev.ConditionsDropped(guid, action, members))

    def planned_values(self, guid: int) -> Mapping[str, Any]:
        """Return the attribute values that the plan resolved for a resource."""
        return self._plan.values.get(guid, {})

    def release_wanted(self, guid: int) -> bool:
        """Whether a resource is being given back, so that what is in it needs not be undone one by one; on the loop's thread."""
        member = self._run.runner.engine.members.get(guid) if self._run is not None else None
        return member is not None and member.release_wanted

    async def session(self, key: Hashable, open_: Callable[[], Awaitable[S]]) -> S:
        """Return something that the run's resources share, opened by the first who asks, closed at the end of the run."""
        return await self._running().dispatcher.sessions.get(key, open_)

    def end_session(self, key: Hashable) -> asyncio.Task[None]:
        """Close what the run's resources share, because nothing is left that needs it; the next who asks for it opens a new one."""
        return self._running().dispatcher.sessions.end(key)

    def exec(self, node: Guid, argv: Iterable[str], *, deadline: str | float | None = None) -> Completed:
        """Run a command on a node to its end and return what it wrote.

        Raises:
            UsageError: the resource is no node, or is not up.
            CommandError: the program does not exist there.
            DeadlineError: it was still running after the deadline.
        """
        manager = self.resource(node)
        if not hasattr(manager, "host") or not ResourceState.READY <= manager.state < ResourceState.STOPPED:
            raise UsageError(
                f"exec: {manager.name} ({manager.rtype()}) is not a node that is up (it is {ResourceState2str[manager.state]})"
            )
        deadline_s = None if deadline is None else duration_s(deadline)
        result: Completed = self._running().runner.call(manager.host.run(list(argv), deadline_s=deadline_s))
        return result

    def iperf3(self, source: Guid, target: Guid, *, port: int = 5201, **values: Any) -> tuple[Handle, Handle]:
        """Add an Iperf3Server on `target` and an Iperf3Client on `source` that starts when the server accepts; returns (client, server)."""
        server = self.add("Iperf3Server", target, port=port)
        client = self.add("Iperf3Client", source, target=self.handle(target), port=port, **values)
        client.start_when(server.started)
        return client, server

    # The run.

    def _begin(self) -> Run:
        """Return the run; make its folder and start its runner, the first time."""
        run = self._run
        if run is not None:
            return run
        with self._lock:
            if self._run is not None:
                return self._run
            self._refuse_when_over("deploy")
            asked = invocation.current()
            self._run = Run(self, RunDir.create(self._base, self._exp_id, self._run_id))
            atexit.register(self._at_exit)
            if asked is not None and asked.began is not None:
                asked.began(self)
            return self._run

    def _joined(self, guids: Iterable[int] | None = None) -> Run:
        """Return the run, whose engine knows of these resources (of every one by default)."""
        run = self._begin()
        self._join(guids)
        return run

    def _running(self) -> Run:
        if self._run is None:
            raise UsageError("nothing has been deployed yet; a run, its folder and its ledger are there from its first deploy on")
        return self._run

    def _registered(self, manager: ResourceManager) -> None:
        self._unjoined[manager.guid] = self._unplanned[manager.guid] = None

    def _removed(self, manager: ResourceManager) -> None:
        if self._run is not None and manager.guid not in self._unjoined:
            self._run.runner.post((manager.guid, ResourceState.RELEASED))  # the engine knows it, and must not wait for it
        for kept in (self._unjoined, self._unplanned, self._untold, self._deployed, self._retries):
            kept.pop(manager.guid, None)

    def aborted(self, reason: str, guid: int | None) -> None:
        """The engine has aborted the run."""
        self._abort_reason = reason
        if guid is not None and not replaced(self._fm):
            self._fm.eval_failure(guid)

    def _is_over(self) -> bool:
        return self._state == ECState.TERMINATED

    def _refuse_when_over(self, what: str) -> None:
        if self._is_over():
            raise UsageError(f"{what}: experiment {self._exp_id} has been shut down; make a new ExperimentController")

    @functools.cached_property
    def _at_exit(self) -> Callable[[], None]:
        reference = weakref.ref(self)

        def shut_down() -> None:
            ec = reference()
            if ec is not None:
                try:
                    ec.shutdown()
                except Exception as error:
                    ec.error(f"experiment {ec.exp_id} could not be shut down at the end of the program: {error}")

        return shut_down

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.shutdown()
        else:
            self._end_because_of(error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)


def _settle(future: asyncio.Future[WaitResult], outcome: WaitResult) -> None:
    if not future.done():
        future.set_result(outcome)
