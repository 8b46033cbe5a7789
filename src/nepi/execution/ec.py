"""The experiment controller: describe, deploy, control, wait, release. The vocabulary is the seed's; DESIGN §3 has the additions."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import secrets
import threading
import traceback
import weakref
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from datetime import datetime
from operator import index
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, SupportsIndex, TypeVar

from nepi.engine import events as ev
from nepi.engine.core import Engine
from nepi.errors import BadConnectionError, BadValueError, DescriptionError, ExperimentError, UnknownResourceError, UsageError, did_you_mean
from nepi.execution import invocation
from nepi.execution.deployment import catalogue_of, conditions_of, describe, facts_for, joined, needed, profile_of, without_credentials
from nepi.execution.dispatch import VERBS, Dispatcher
from nepi.execution.factory import ResourceFactory
from nepi.execution.failure import ECState, FailureLevel, FailureManager, replaced
from nepi.execution.handle import Handle
from nepi.execution.journal import Journal
from nepi.execution.process_identity import ProcessIdentity
from nepi.execution.quiet import collection_paused
from nepi.execution.resource import ResourceManager, reschedule_delay, seed_condition
from nepi.execution.rundir import RunDir, checked_name, runs_home
from nepi.execution.runner import Runner
from nepi.execution.scheduler import Task, TaskStatus
from nepi.execution.sessions import Session
from nepi.execution.summary import environment, summarize
from nepi.execution.waits import WaitResult
from nepi.model.attributes import Attribute, Flags
from nepi.model.commands import Completed
from nepi.model.conditions import Condition, Reached, members_of
from nepi.model.experiment import ExperimentDescription, json_text
from nepi.model.states import ENDED, ResourceAction, ResourceState, ResourceState2str
from nepi.model.traces import Trace, TraceAttr
from nepi.plan.core import NETWORKS, plan
from nepi.plan.result import Plan
from nepi.units import duration_s
from nepi.util.guid import GuidGenerator
from nepi.util.logger import Logger
from nepi.util.timefuncs import stabsformat, tnow, tsformat

if TYPE_CHECKING:
    from nepi.execution.ledger import Ledger
    from nepi.execution.runner import Observer

__all__ = ["ECState", "ExperimentController", "FailureLevel", "FailureManager"]

S = TypeVar("S", bound=Session)
Guid = SupportsIndex | str
"""A guid, a handle or a name."""

_REFUSED_BEFORE_READING: Final = Flags.NoRead
_LIFE_CYCLE: Final = {verb: action for action, verb in VERBS.items()}


class ExperimentController(Logger):
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
        self._stop_on_abort = stop_on_abort
        self._networks = networks
        self._loop_factory = loop_factory
        self._lock = threading.RLock()
        self._guids = GuidGenerator()
        self._managers: dict[int, ResourceManager] = {}
        self._names: dict[str, int] = {}
        self._retries: dict[int, ev.Retry] = {}
        self._unjoined: dict[int, None] = {}
        self._unplanned: dict[int, None] = {}
        self._deployed: dict[int, None] = {}
        self._groups = 0
        self._plan = Plan()
        self._description: ExperimentDescription | None = None
        self._runner: Runner | None = None
        self._dispatcher: Dispatcher | None = None
        self._rundir: RunDir | None = None
        self._ledger: Ledger | None = None
        self._state = ECState.RUNNING
        self._abort_reason: str | None = None
        self._tasks: dict[int, Task] = {}
        self._task_ids = GuidGenerator()
        self.observers: list[Observer] = []
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
        with self._lock:
            if self._ledger is None:
                from nepi.execution.ledger import Ledger

                if self._rundir is None:
                    raise UsageError("a run has a ledger from its first deploy on")
                self._ledger = Ledger(self._rundir.ledger)
            return self._ledger

    @property
    def ecstate(self) -> ECState:
        """Where the controller is in its life."""
        runner = self._runner
        return ECState.FAILED if runner is not None and runner.broken is not None else self._state

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
        return dict(self._dispatcher.left_behind) if self._dispatcher is not None else {}

    @property
    def resources(self) -> list[int]:
        """Guids of all resources."""
        return list(self._managers)

    @property
    def plan(self) -> Plan:
        """What planning has decided so far."""
        return self._plan

    # Describing.

    def register_resource(
        self,
        rtype: str,
        guid: int | None = None,
        *,
        connectedTo: Any = None,
        autoDeploy: bool = False,
        **attributes: Any,
    ) -> int:
        """Add a resource and return its guid.

        Args:
            rtype: type name, with or without its backend.
            guid: its number; by default the next one.
            connectedTo: a guid or a list of guids to connect it to.
            autoDeploy: deploy it at once.
            attributes: attributes to set.

        Raises:
            UnknownTypeError: there is no such type.
            UnknownAttributeError: the type has no such attribute.
            BadValueError: an attribute cannot have this value.
        """
        rclass = ResourceFactory.find(rtype, self.backend)
        with self._lock:
            self._refuse_when_over("register_resource")
            number: int = self._guids.next(guid)
            if number in self._managers:
                raise BadValueError(f"guid {number} is taken by {self._managers[number].name!r}")
            manager = rclass(self, number)
            self._managers[number] = manager
            self._unjoined[number] = self._unplanned[number] = None
            try:
                for name, value in attributes.items():
                    self._set_checked(manager, name, value)
                for other in connectedTo if isinstance(connectedTo, list | tuple) else [] if connectedTo is None else [connectedTo]:
                    self.register_connection(number, other)
            except BaseException:
                self.remove_resource(number)
                raise
        if autoDeploy:
            self.deploy([number])
        return number

    def add(
        self, rtype: str, *connect_to: Guid, name: str | None = None, attributes: Mapping[str, Any] | None = None, **values: Any
    ) -> Handle:
        """Add a resource, connect it, set its attributes, and return a handle.

        Args:
            rtype: type name, with or without its backend.
            connect_to: resources to connect it to.
            name: its name, unique within the experiment; by default "<type>-<guid>".
            attributes: attributes whose names are no Python names, or "name".
            values: attributes by name.

        Raises:
            DescriptionError: anything of it is wrong; nothing was added.
        """
        if name is not None:
            checked_name("resource name", name)
            if name in self._names:
                raise BadValueError(f"resource name {name!r} is taken; names are unique within an experiment")
        guid = self.register_resource(rtype, connectedTo=list(connect_to), **{**(attributes or {}), **values})
        if name is not None:
            self._managers[guid]._name = name
            self._names[name] = guid
        return Handle(self, guid)

    def handle(self, resource: Guid) -> Handle:
        """Return the handle of a resource given by guid or name."""
        return Handle(self, self.guid_of(resource))

    def guid_of(self, resource: Guid) -> int:
        """Return the guid of a resource given by guid, name or handle.

        Raises:
            UnknownResourceError: there is none.
        """
        if type(resource) is int:
            return resource
        if isinstance(resource, str):
            guid = self._names.get(resource)
            if guid is None:
                guid = next((one.guid for one in self._managers.values() if one.name == resource), None)
            if guid is None:
                near = did_you_mean(resource, [one.name for one in self._managers.values()])
                raise UnknownResourceError(f"there is no resource named {resource!r}{near}")
            return guid
        if isinstance(resource, Handle) and resource._ec is not self:
            raise UnknownResourceError(f"{resource!r} belongs to another experiment")
        try:
            return index(resource)
        except TypeError:
            raise UnknownResourceError(f"expected a guid, a name or a handle, got {resource!r}") from None

    def resource(self, resource: Guid) -> ResourceManager:
        """Return a resource manager.

        Raises:
            UnknownResourceError: there is none.
        """
        guid = self.guid_of(resource)
        try:
            return self._managers[guid]
        except KeyError:
            raise UnknownResourceError(f"there is no resource with guid {guid}") from None

    def _guids_of(self, resources: Any) -> tuple[int, ...]:
        """Return the guids of one resource or of many; there may be very many."""
        listed = _listed(resources)
        if set(listed) <= self._managers.keys():
            return tuple(listed)
        return tuple(self.resource(one).guid for one in listed)

    def get_resource(self, guid: int) -> ResourceManager | None:
        """Return a resource manager by guid, or None."""
        return self._managers.get(guid)

    def get_resources_by_type(self, rtype: str) -> list[ResourceManager]:
        """Return the resource managers of exactly this type."""
        return [one for one in self._managers.values() if one.rtype() == rtype]

    def filter_resources(self, rtype: str) -> list[int]:
        """Return the guids of the resources of exactly this type."""
        return [one.guid for one in self._managers.values() if one.rtype() == rtype]

    def remove_resource(self, resource: Guid) -> None:
        """Forget a resource that is not deployed, or has been released.

        Raises:
            UsageError: it is in use.
        """
        manager = self.resource(resource)
        guid = manager.guid
        with self._lock:
            if guid in self._deployed and manager.state != ResourceState.RELEASED:
                raise UsageError(f"{manager.name} is deployed; release it before removing it")
            for other in list(manager.connections):
                peer = self._managers.get(other)
                if peer is not None:
                    peer.unregister_connection(guid)
            del self._managers[guid]
            self._names.pop(manager.name, None)
            self._unjoined.pop(guid, None)
            self._unplanned.pop(guid, None)

    def register_connection(self, guid1: Guid, guid2: Guid) -> None:
        """Connect two resources; either side may refuse, and then neither is connected.

        Raises:
            UnknownResourceError: one of them does not exist.
            BadConnectionError: a resource cannot be connected to itself, or one side refuses.
        """
        one, other = self.resource(guid1), self.resource(guid2)
        if one is other:
            raise BadConnectionError(f"{one.name} cannot be connected to itself")
        one.register_connection(other.guid)
        other.register_connection(one.guid)
        if other.guid not in one.connections or one.guid not in other.connections:
            one.unregister_connection(other.guid)
            other.unregister_connection(one.guid)
            raise BadConnectionError(f"{one.name} ({one.rtype()}) and {other.name} ({other.rtype()}) cannot be connected")

    def register_condition(self, guids1: Any, action: int, guids2: Any, state: int, time: str | None = None) -> None:
        """Let `action` of every one of guids1 wait until all of guids2 are at or beyond `state`, and for `time` after that.

        Raises:
            UnknownResourceError: a resource does not exist.
            BadValueError: no such state or action, or `time` is no duration.
        """
        group = [self.resource(one).guid for one in _listed(guids2)]
        try:
            action, state = ResourceAction(action), ResourceState(state)
        except ValueError as error:
            raise BadValueError(f"register_condition: {error}") from None
        seed_condition(group, state, time)
        for one in _listed(guids1):
            self.resource(one).register_condition(action, group, state, time)

    def add_condition(self, resource: Guid, action: ResourceAction, condition: Condition) -> None:
        """Let an action of a resource wait for a condition value."""
        manager = self.resource(resource)
        for guid in members_of(condition):
            self.resource(guid)
        manager._when = [*(manager._when or []), (action, condition)]
        self.condition_registered(manager.guid, action, condition)

    def set_policy(self, resource: Guid, policy: str | ev.Retry) -> None:
        """Say what a failure of a resource means: "abort" (it is critical), "continue" (it is not), or `Retry(attempts, delay_s)` first.

        Raises:
            BadValueError: no such policy.
        """
        manager = self.resource(resource)
        if isinstance(policy, ev.Retry):
            self._retries[manager.guid] = policy
        elif policy in ("abort", "continue"):
            manager.set("critical", policy == "abort")
        else:
            raise BadValueError(f"policy {policy!r}: use 'abort', 'continue' or Retry(attempts, delay_s)")

    def describe(self) -> ExperimentDescription:
        """Return the whole description as data, credentials left out."""
        return describe(self._exp_id, self.backend, list(self._managers.values()))

    # Attributes and traces.

    def set(self, guid: Guid, name: str, value: Any) -> None:
        """Set an attribute; on a deployed resource it takes effect before this returns.

        Raises:
            UnknownAttributeError: there is no such attribute.
            BadValueError: it cannot have this value, or cannot be set by users, or not any more.
        """
        self.set_all(guid, {name: value})

    def set_all(self, guid: Guid, values: Mapping[str, Any]) -> None:
        """Set several attributes as one change; all or none of them."""
        manager = self.resource(guid)
        apply = getattr(manager, "apply", None)
        if apply is None or not ResourceState.READY <= manager.state < ResourceState.STOPPED:
            for name, value in values.items():
                self._set_checked(manager, name, value)
            return
        self._running().call(self._apply(manager, values))

    async def _apply(self, manager: ResourceManager, values: Mapping[str, Any]) -> None:
        before = {name: manager.get(name) for name in values}
        for name, value in values.items():
            self._set_checked(manager, name, value)
        try:
            await manager.apply(values)  # type: ignore[attr-defined]  # only called on managers that have it
        except BaseException:
            for name, value in before.items():
                manager.set(name, value)
            raise

    def _set_checked(self, manager: ResourceManager, name: str, value: Any) -> None:
        attribute = manager._attribute(name)
        flags = attribute.flags
        if flags:
            if flags & (Flags.ReadOnly | Flags.NoWrite):
                raise BadValueError(f"attribute {name!r} of {manager.name} ({manager.rtype()}) can be read only; the resource sets it")
            fixed = flags & (Flags.ExecReadOnly | Flags.Design | Flags.Construct)
            if fixed and (manager.guid in self._deployed or manager.state != ResourceState.NEW):
                raise BadValueError(f"attribute {name!r} of {manager.name} ({manager.rtype()}) can be set before it is deployed only")
        if isinstance(value, Handle) and value._ec is not self:
            raise BadValueError(f"attribute {name!r} of {manager.name}: {value!r} belongs to another experiment")
        try:
            manager.set(name, value)
        except BadValueError as error:
            raise BadValueError(f"{manager.name} ({manager.rtype()}): {error}") from None

    def set_when(self, guid: Guid, condition: Condition, **values: Any) -> None:
        """Set attributes of a resource when a condition is met. If that becomes impossible, the resource fails.

        Raises:
            DescriptionError: an attribute or a resource does not exist, or a value is wrong.
        """
        manager = self.resource(guid)
        for name, value in values.items():
            manager._attribute(name).converted(value)
        for member in members_of(condition):
            self.resource(member)

        def met_or_not(result: WaitResult) -> None:
            if result:
                runner.loop.create_task(self._set_later(manager, values))
            elif not self.abort and manager.state not in ENDED:
                runner.post(ev.Failed(manager.guid, ResourceAction.START, f"cannot set {', '.join(values)}: {result.reason}"))

        runner = self._begin()
        self._join()
        runner.watch(condition, met_or_not)

    async def _set_later(self, manager: ResourceManager, values: Mapping[str, Any]) -> None:
        try:
            if hasattr(manager, "apply") and ResourceState.READY <= manager.state < ResourceState.STOPPED:
                await self._apply(manager, values)
            else:
                for name, value in values.items():
                    self._set_checked(manager, name, value)
        except Exception as error:
            reason = f"setting {', '.join(values)} failed: {error}"
            self._running().post(ev.Failed(manager.guid, ResourceAction.START, reason))

    def set_with_conditions(self, name: str, value: Any, guids1: Any, guids2: Any, state: int, time: str | None = None) -> None:
        """Set an attribute of every one of guids1 when all of guids2 are at or beyond `state`, and `time` after that."""
        group = [self.guid_of(one) for one in _listed(guids2)]
        for one in _listed(guids1):
            self.set_when(one, seed_condition(group, ResourceState(state), time), **{name: value})

    def get(self, guid: Guid, name: str) -> Any:
        """Return the value of an attribute.

        Raises:
            UnknownAttributeError: there is no such attribute.
            BadValueError: it cannot be read.
        """
        manager = self.resource(guid)
        if manager.has_flag(name, _REFUSED_BEFORE_READING):
            raise BadValueError(f"attribute {name!r} of {manager.name} ({manager.rtype()}) cannot be read")
        return manager.get(name)

    def get_attributes(self, guid: Guid) -> list[Attribute]:
        """Return copies of the attributes of a resource's type."""
        return self.resource(guid).get_attributes()

    def get_attribute(self, guid: Guid, name: str) -> Attribute:
        """Return a copy of one attribute of a resource's type."""
        return self.resource(guid).get_attribute(name)

    def get_global(self, rtype: str, name: str) -> Any:
        """Return the value that all resources of a type share."""
        return ResourceFactory.find(rtype, self.backend).get_global(name)

    def set_global(self, rtype: str, name: str, value: Any) -> None:
        """Set the value that all resources of a type share."""
        ResourceFactory.find(rtype, self.backend).set_global(name, value)

    def get_traces(self, guid: Guid) -> list[Trace]:
        """Return copies of the traces of a resource's type."""
        return self.resource(guid).get_traces()

    def enable_trace(self, guid: Guid, name: str) -> None:
        """Record a trace."""
        self.resource(guid).enable_trace(name)

    def trace_enabled(self, guid: Guid, name: str) -> bool:
        """Whether a trace is recorded."""
        return self.resource(guid).trace_enabled(name)

    def trace(self, guid: Guid, name: str, attr: str = TraceAttr.ALL, block: int = 512, offset: int = 0) -> Any:
        """Return what a trace holds so far; see `ResourceManager.trace`."""
        return self.resource(guid).trace(name, attr, block, offset)

    def trace_path(self, guid: int, name: str) -> Path:
        """Return the local file that a trace is written to."""
        return RunDir(Path(self.run_dir)).trace(self.resource(guid).name, name)

    # States.

    def state(self, guid: Guid, hr: bool = False) -> int | str:
        """Return the state of a resource, as a number or (hr) as a word."""
        state = self.resource(guid).state
        return ResourceState2str[state] if hr else state

    def _time_of(self, state: str, guid: Guid) -> datetime | None:
        time: datetime | None = getattr(self.resource(guid), f"{state}_time")
        return time

    get_start_time = functools.partialmethod(_time_of, "start")
    get_stop_time = functools.partialmethod(_time_of, "stop")
    get_discover_time = functools.partialmethod(_time_of, "discover")
    get_provision_time = functools.partialmethod(_time_of, "provision")
    get_ready_time = functools.partialmethod(_time_of, "ready")
    get_release_time = functools.partialmethod(_time_of, "release")
    get_failed_time = functools.partialmethod(_time_of, "failed")
    get_finish_time = functools.partialmethod(_time_of, "finish")

    def why(self, guid: Guid) -> str:
        """Say in one sentence what a resource waits for, or why it does not."""
        manager = self.resource(guid)
        runner = self._runner
        if runner is None or manager.guid in self._unjoined:
            return f"{manager.name} is {ResourceState2str[manager.state]}; nobody has asked to deploy it."
        engine = runner.engine
        if self._state == ECState.TERMINATED or runner.on_loop:
            return str(engine.why(manager.guid))

        async def ask() -> str:
            return str(engine.why(manager.guid))

        return runner.call(ask())

    # Acting.

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
        result = getattr(self.resource(guid), verb)()
        return self._begin().call(result) if asyncio.iscoroutine(result) else result

    def act(self, action: ResourceAction, *resources: Guid) -> None:
        """Order an action now, conditions aside; returns at once."""
        guids = tuple(self.resource(one).guid for one in resources)
        runner = self._begin()
        self._join()
        runner.post(ev.ActionAsked(action, guids))

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
            if guids is None:
                wanted = [guid for guid in self._managers if guid not in self._deployed]
            else:
                wanted = list(self._guids_of(guids))
            self._make_plan()
            asked = invocation.current()
            if asked is not None and asked.planned is not None:
                asked.planned(self)
            runner = self._begin()
            self._join()
            if group is None:
                self._groups += 1
                group = self._groups
            self._groups = max(self._groups, group)
            for guid in wanted:
                self._managers[guid].deployment_group = group
                self._deployed[guid] = None
            runner.post(ev.DeployAsked(group, tuple(wanted), wait_all_ready))
            return group

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
        managers = list(self._managers.values())
        catalogue = catalogue_of(managers)
        description = describe(self._exp_id, self.backend, managers, credentials=True)
        facts = facts_for(catalogue)
        self._plan = plan(description, catalogue, facts, earlier=self._plan, networks=self._networks, checked=True)
        self._description = without_credentials(description, catalogue)
        self._unplanned.clear()

    def _join(self) -> None:
        """Tell the engine of the resources that it does not know yet, with what they need and wait for."""
        with self._lock:
            if not self._unjoined:
                return
            fresh = [self._managers[guid] for guid in self._unjoined]
            if self._unplanned:
                self._make_plan()
            self._unjoined = {}
            judged_here = not replaced(self._fm)
            profiles: dict[tuple[object, ...], ev.Profile] = {}
            by_guid: dict[int, ev.Profile] = {}
            for manager in fresh:
                retry = self._retries.get(manager.guid)
                critical = manager._own_attrs is not None and "critical" in manager._own_attrs and manager.get("critical")
                key = (type(manager), critical, manager._own_attrs is None or "critical" not in manager._own_attrs, retry)
                profile = profiles.get(key)
                if profile is None:
                    profile = profiles[key] = profile_of(manager, judged_here, retry)
                by_guid[manager.guid] = profile
            runner = self._running()
            for event in [*joined(by_guid), *needed(self._plan.needs, by_guid)]:
                runner.post(event)
            for manager in fresh:
                if manager._conditions or manager._when:
                    for action, condition in conditions_of(manager):
                        runner.post(ev.ConditionAdded(manager.guid, action, condition))
                if manager._current != ResourceState.NEW:
                    runner.post((manager.guid, manager._current))
            self._write_description()

    def release(self, guids: Any = None) -> WaitResult:
        """Give resources back, and whatever needs them; by default everything. Blocks until it is done."""
        with self._lock:
            wanted = list(self._guids_of(guids)) if guids is not None else list(self._managers)
            if self._runner is None or self._state == ECState.TERMINATED:
                for guid in wanted:
                    self._managers[guid].set_released()
                return WaitResult(True)
            self._join()
            self._running().post(ev.ReleaseAsked(tuple(wanted)))
        result = self.wait_released(wanted)
        if guids is None and result:
            self._state = ECState.RELEASED
        return result

    def shutdown(self) -> None:
        """Release everything and end the controller. Harmless the second time.

        Raises:
            ExperimentError: the controller itself failed during the run.
        """
        with self._lock:
            if self._state == ECState.TERMINATED:
                return
            runner = self._runner
            if runner is not None:
                runner.refuse_on_loop("shutdown")
        broken = runner.broken if runner is not None else None
        if not self.keep or runner is None:
            self.release()
        self._finish()
        if broken is not None:
            raise ExperimentError(f"the controller failed: {broken}") from broken

    def _finish(self) -> None:
        runner = self._runner
        with self._lock:
            self._state = ECState.TERMINATED
        if runner is None or self._rundir is None or self._dispatcher is None:
            return
        if self.keep:
            self._dispatcher.sessions.abandon()
        if runner.broken is None:
            runner.close()
        if self._ledger is not None:
            self._ledger.close()
        for failure in self._dispatcher.sessions.failures:
            self._dispatcher.left_behind.setdefault(0, failure)
        record = summarize(self)
        self._rundir.write_json(self._rundir.summary, record, indent=1)
        self._rundir.write_status(**self._status("kept" if self.keep else record["outcome"]))
        atexit.unregister(self._at_exit)

    def run(self, deadline: str | float | None = None) -> None:
        """Deploy, wait until everything that ends by itself has ended, stop the services, release.

        Args:
            deadline: how long the wait may take.

        Raises:
            PlanError: the description has mistakes; nothing was created.
            ExperimentError: a critical resource failed, the deadline passed, or something could not be given back.
        """
        self.deploy()
        try:
            ending = [guid for guid in self._deployed if not self._managers[guid].service]
            result = self._wait(Reached(tuple(ending), ResourceState.STOPPED, "ended"), deadline)
            if result:
                self._stop_services()
        except BaseException:
            with contextlib.suppress(KeyboardInterrupt):
                self.shutdown()
            raise
        self.shutdown()
        # The wait is over also when the last resource ended by a failure that aborts the run.
        reason = result.reason if not result else self.abort_reason or "the failure manager aborted the run" if self.abort else ""
        if reason:
            raise ExperimentError(f"experiment {self._exp_id}: {reason}\nThe run's folder is {self.run_dir}")
        if self.left_behind:
            left = "; ".join(f"{self._name_of(guid)}: {reason}" for guid, reason in self.left_behind.items())
            raise ExperimentError(f"experiment {self._exp_id} left something behind: {left}\n`nepi gc` gives it back")

    def _stop_services(self) -> None:
        services = tuple(
            guid for guid in self._deployed if self._managers[guid].service and self._managers[guid].state == ResourceState.STARTED
        )
        if services and not self.keep:
            runner = self._running()
            runner.post(ev.ActionAsked(ResourceAction.STOP, services))
            runner.wait(Reached(services, ResourceState.STOPPED, "ended"), survives_abort=True)

    def abort_run(self, reason: str) -> None:
        """End the run early: nothing new is started, every wait ends at once with `reason`."""
        self._begin().post(ev.AbortAsked(reason))

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
        return self._wait(condition, deadline)

    async def until(self, condition: Condition, deadline: str | float | None = None) -> WaitResult:
        """Wait until a condition value is met, without blocking the loop that awaits this (a notebook's, for example)."""
        runner = self._begin()
        self._join()
        result: asyncio.Future[WaitResult] = asyncio.get_running_loop().create_future()
        waiting = result.get_loop()

        def done(outcome: WaitResult) -> None:
            waiting.call_soon_threadsafe(_settle, result, outcome)

        number = runner.watch(condition if deadline is None else condition.within(deadline), done)
        try:
            return await result
        finally:
            runner.unwatch(number)

    def _wait_all(self, guids: Any, state: int, deadline: str | float | None, *, survives_abort: bool = False) -> WaitResult:
        members = self._guids_of(guids)
        return self._wait(Reached(members, int(ResourceState(state)), "at_least"), deadline, survives_abort=survives_abort)

    def _wait(self, condition: Condition, deadline: str | float | None = None, *, survives_abort: bool = False) -> WaitResult:
        if self._state == ECState.TERMINATED:
            return WaitResult(False, "the experiment has been shut down")
        runner = self._begin()
        self._join()
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
        delay_s = (stabsformat(date) - tnow()).total_seconds() if not _is_relative(date) else _relative_s(date)
        runner = self._begin()
        task = Task(tnow() if delay_s <= 0 else stabsformat(date), callback)
        task.id = self._task_ids.next()
        if track:
            self._tasks[task.id] = task
        waiting = self._as_waiting(callback, delay_s)
        if waiting is not None:
            self._join()
            runner.post(waiting)
        elif delay_s <= 0:
            self._submit(task)
        else:
            runner.post(lambda: _call_later(runner.loop, delay_s, self._submit, task))
        return task.id

    def get_task(self, tid: int) -> Task | None:
        """Return a task that was scheduled with track=True, or None."""
        return self._tasks.get(tid)

    def _as_waiting(self, callback: Callable[[], Any], delay_s: float) -> ev.Waiting | None:
        method = callback.func if isinstance(callback, functools.partial) else callback
        manager = getattr(method, "__self__", None)
        action = _LIFE_CYCLE.get(getattr(method, "__name__", ""))
        if action is None or not isinstance(manager, ResourceManager) or manager._ec() is not self:
            return None
        if delay_s <= 0 or delay_s not in (_relative_s(manager.reschedule_delay), _relative_s(reschedule_delay)):
            return None
        return ev.Waiting(manager.guid, action, tuple(manager._connections), delay_s)

    def _submit(self, task: Task) -> None:
        assert self._dispatcher is not None
        self._dispatcher.workers.submit(lambda: self._run_task(task))

    def _run_task(self, task: Task) -> None:
        try:
            result = task.callback()
            if asyncio.iscoroutine(result):
                result = asyncio.run_coroutine_threadsafe(result, self._running().loop).result()
            task.result = result
            task.status = TaskStatus.DONE
        except Exception as error:
            task.result = traceback.format_exc()
            task.status = TaskStatus.ERROR
            manager = getattr(task.callback, "__self__", None)
            action = _LIFE_CYCLE.get(getattr(task.callback, "__name__", ""))
            if isinstance(manager, ResourceManager) and action is not None:
                self._running().post(ev.Failed(manager.guid, action, f"{type(error).__name__}: {error}"))
            else:
                self.error(f"task {task.id} failed: {task.result}")

    # For resource managers.

    def announced(self, guid: int, state: ResourceState) -> None:
        """A resource announces a state; from any thread."""
        runner = self._runner
        if runner is not None:
            if self._unjoined and guid in self._unjoined:
                self._join()
            runner.post((guid, state))

    def failure_explained(self, guid: int, reason: str) -> None:
        """A resource says why it is about to fail."""
        runner = self._runner
        if runner is not None and guid not in self._unjoined:
            runner.post(ev.Explained(guid, reason))

    def exited(self, guid: int, status: int) -> None:
        """A resource's process ended by itself."""
        self._running().post(ev.Exited(guid, status))

    def condition_registered(self, guid: int, action: ResourceAction, condition: Condition) -> None:
        """A resource has got a condition; told to the engine now if it knows the resource, else when it joins."""
        if self._runner is not None and guid not in self._unjoined:
            self._join()
            self._runner.post(ev.ConditionAdded(guid, action, condition))

    def conditions_unregistered(self, guid: int, action: ResourceAction, members: tuple[int, ...]) -> None:
        """A resource no longer waits for some members."""
        if self._runner is not None and guid not in self._unjoined:
            self._runner.post(ev.ConditionsDropped(guid, action, members))

    def planned_values(self, guid: int) -> Mapping[str, Any]:
        """Return the attribute values that the plan resolved for a resource."""
        return self._plan.values.get(guid, {})

    def release_wanted(self, guid: int) -> bool:
        """Whether a resource is being given back, so that what is in it needs not be undone one by one; on the loop's thread."""
        runner = self._runner
        member = runner.engine.members.get(guid) if runner is not None else None
        return member is not None and member.release_wanted

    async def session(self, key: Hashable, open_: Callable[[], Awaitable[S]]) -> S:
        """Return something that the run's resources share, opened by the first who asks, closed at the end of the run."""
        assert self._dispatcher is not None
        return await self._dispatcher.sessions.get(key, open_)

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
        result: Completed = self._running().call(manager.host.run(list(argv), deadline_s=deadline_s))
        return result

    def iperf3(self, source: Guid, target: Guid, *, port: int = 5201, **values: Any) -> tuple[Handle, Handle]:
        """Add an Iperf3Server on `target` and an Iperf3Client on `source` that starts when the server accepts; returns (client, server)."""
        server = self.add("Iperf3Server", target, port=port)
        client = self.add("Iperf3Client", source, target=self.handle(target), port=port, **values)
        client.start_when(server.started)
        return client, server

    # The run.

    def _begin(self) -> Runner:
        """Make the run's folder and start the runner, the first time."""
        with self._lock:
            if self._runner is not None:
                return self._runner
            self._refuse_when_over("deploy")
            asked = invocation.current()
            self._rundir = RunDir.create(self._base, self._exp_id, self._run_id)
            self._rundir.write_status(**self._status("running"))
            self._rundir.write_json(self._rundir.environment, environment(), indent=1)
            header = {"exp_id": self._exp_id, "run_id": self._run_id, "stop_on_abort": self._stop_on_abort, "began": tnow().isoformat()}
            journal = Journal(self._rundir.journal, header)
            self._dispatcher = Dispatcher(self._managers, self._aborted)
            engine = Engine(stop_on_abort=self._stop_on_abort, label=self._name_of)
            self._runner = Runner(engine, self._dispatcher, journal, self._loop_factory)
            if replaced(self._fm):
                self._runner.observers.append(_Judge(self._fm, self._runner, self._dispatcher))
            self._runner.observers.extend(self.observers)
            atexit.register(self._at_exit)
            if asked is not None and asked.began is not None:
                asked.began(self)
            return self._runner

    @functools.cached_property
    def _at_exit(self) -> Callable[[], None]:
        reference = weakref.ref(self)

        def shut_down() -> None:
            ec = reference()
            if ec is not None:
                with contextlib.suppress(Exception):
                    ec.shutdown()

        return shut_down

    def _running(self) -> Runner:
        if self._runner is None:
            raise UsageError("nothing has been deployed yet")
        return self._runner

    def _aborted(self, reason: str, guid: int | None) -> None:
        self._abort_reason = reason
        if guid is not None and not replaced(self._fm):
            self._fm.eval_failure(guid)

    def _refuse_when_over(self, what: str) -> None:
        if self._state == ECState.TERMINATED:
            raise UsageError(f"{what}: experiment {self._exp_id} has been shut down; make a new ExperimentController")

    def _name_of(self, guid: int) -> str:
        manager = self._managers.get(guid)
        return manager.name if manager is not None else f"resource {guid}"

    def _status(self, state: str) -> dict[str, Any]:
        me = ProcessIdentity.of(os.getpid())
        controller = {"pid": me.pid, "start_ticks": me.start_ticks, "boot_id": me.boot_id}
        return {"exp_id": self._exp_id, "run_id": self._run_id, "state": state, "controller": controller, "at": tnow().isoformat()}

    def _write_description(self) -> None:
        assert self._rundir is not None
        description, self._description = self._description or self.describe(), None
        try:
            self._rundir.write_text(self._rundir.description, json_text(description))
            self._rundir.write_json(self._rundir.plan, self._plan.to_record())
        except (TypeError, ValueError) as error:
            raise DescriptionError(f"the experiment cannot be written down: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.shutdown()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await asyncio.to_thread(self.shutdown)


class _Judge:
    """Lets a user's failure manager decide, on a worker thread, what a failure means."""

    def __init__(self, manager: FailureManager, runner: Runner, dispatcher: Dispatcher) -> None:
        self._manager = manager
        self._runner = runner
        self._dispatcher = dispatcher

    def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
        """Look for failures."""
        for event in events:
            if isinstance(event, ev.Entered) and event.state == ResourceState.FAILED:
                for guid in event.guids:
                    self._dispatcher.workers.submit(functools.partial(self._judge, guid))

    def _judge(self, guid: int) -> None:
        self._manager.eval_failure(guid)
        if self._manager.abort:
            name = self._dispatcher.managers[guid].name
            self._runner.post(ev.AbortAsked(f"the failure manager aborted the run after {name} failed"))


def _settle(future: asyncio.Future[WaitResult], outcome: WaitResult) -> None:
    if not future.done():
        future.set_result(outcome)


def _listed(guids: Any) -> list[Any]:
    return list(guids) if isinstance(guids, list | tuple | set | frozenset | range) else [guids]


@functools.lru_cache(maxsize=256)
def _relative_s(text: str) -> float:
    return duration_s(text)


def _is_relative(date: str) -> bool:
    return isinstance(date, str) and len(date) != 20


def _call_later(loop: asyncio.AbstractEventLoop, delay_s: float, call: Callable[..., None], *args: Any) -> None:
    loop.call_later(delay_s, call, *args)
