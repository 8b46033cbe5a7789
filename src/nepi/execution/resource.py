"""The resource manager: where a resource meets the world, and the one extension point.

A resource manager overrides some of `deploy`, `start`, `stop`, `release` (plain or `async`), declares its attributes, traces and
needs, and announces states. Order, conditions, failures, times and the journal are the controller's business.
"""

from __future__ import annotations

import functools
import inspect
import traceback
import weakref
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, ParamSpec, TypeVar, overload

from nepi.errors import BadConnectionError, UsageError
from nepi.execution.factory import ResourceFactory, find_types, populate_factory
from nepi.execution.template import Template
from nepi.execution.trace import TraceAttr
from nepi.execution.tracefile import read_trace
from nepi.model.conditions import Condition, Reached, action_named, state_named
from nepi.model.policies import Policy
from nepi.model.states import ResourceAction, ResourceState, ResourceState2str
from nepi.model.typespec import Check, Inserted, Role
from nepi.units import duration_s
from nepi.util.redaction import without_secrets
from nepi.util.timefuncs import tdiffsec, tnow, wall_clock_s

if TYPE_CHECKING:
    from pathlib import Path

    from nepi.execution.ec import ExperimentController

__all__ = [
    "ResourceAction",
    "ResourceFactory",
    "ResourceManager",
    "ResourceState",
    "ResourceState2str",
    "clsinit",
    "clsinit_copy",
    "failtrap",
    "find_types",
    "populate_factory",
    "reschedule_delay",
]

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)
RM = TypeVar("RM", bound="ResourceManager")

reschedule_delay = "1s"
"""After this delay at the latest, a seed-style action that put itself off is called again."""


def clsinit(cls: C) -> C:
    """Give the class attributes and traces of its own: the common ones and those that it registers."""
    cls._clsinit()  # type: ignore[attr-defined]  # only resource managers are decorated
    return cls


def clsinit_copy(cls: C) -> C:
    """Give the class the attributes and traces of its parent, and those that it registers."""
    cls._clsinit_copy()  # type: ignore[attr-defined]  # only resource managers are decorated
    return cls


def failtrap(func: Callable[P, R]) -> Callable[P, R]:
    """Decorate a life-cycle method so that an exception sets the resource FAILED, is logged, and goes on to the caller."""

    def trap(manager: object, error: Exception) -> None:
        if isinstance(manager, ResourceManager):
            manager.error(traceback.format_exc())
            manager.explain_failure(error)
            manager.fail()

    @functools.wraps(func)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return func(*args, **kwargs)
        except Exception as error:
            trap(args[0], error)
            raise

    @functools.wraps(func)
    async def wrapped_async(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return await func(*args, **kwargs)  # type: ignore[misc]  # only taken for coroutine functions
        except Exception as error:
            trap(args[0], error)
            raise

    return wrapped_async if inspect.iscoroutinefunction(func) else wrapped  # type: ignore[return-value]  # R is its coroutine


class _Instant:
    """When a state was entered: a date for who reads it, kept as seconds, because there are many and few are read."""

    __slots__ = ("_key",)

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = name

    def __get__(self, manager: object, owner: type | None = None) -> datetime | None:
        instant: datetime | float | None = None if manager is None else manager.__dict__.get(self._key)
        return datetime.fromtimestamp(instant) if isinstance(instant, float) else instant

    def __set__(self, manager: object, instant: datetime | None) -> None:
        manager.__dict__[self._key] = instant


class ResourceManager(Template):
    """Base of all resource managers.

    A class says what it is by class variables::

        class Beacon(ResourceManager, rtype="demo::Beacon"):
            needs = {HostNode: READY}
            interval = Attribute.duration("100ms", help="Time between packets.")

    or in the seed's way, with `_rtype`, `@clsinit_copy` and `_register_attributes`. Both kinds mix freely.
    """

    _reschedule_delay: ClassVar[str | None] = None

    needs: ClassVar[Mapping[Any, int]] = {}
    """Kinds (classes or rtypes) of connected resources, at least one of each, and the state to wait for before deploying."""
    wants: ClassVar[Mapping[Any, int]] = {}
    """The same for kinds that may be missing."""
    service: ClassVar[bool] = False
    """Whether it runs until it is stopped, as nodes, links and servers do."""
    finds_routes: ClassVar[tuple[int, ...]] = ()
    """Versions of IP that it finds the routes of its node for, as routing daemons do."""
    across: ClassVar[Mapping[str, str]] = {}
    """By the backend of a resource that it is connected to when it is added by its short name: the type that is taken instead."""
    role: ClassVar[Role] = ""
    """What it is in a topology."""
    tools: ClassVar[tuple[str, ...]] = ()
    """Programs that must exist where it runs."""
    packages: ClassVar[Mapping[str, str]] = {}
    """The Debian packages that have them, by program; also of programs that only some attribute values need, which `check` looks at."""
    check: ClassVar[Check | None] = None
    """Finds at plan time the mistakes that only this type can know of; a pure function, declared with staticmethod."""
    inserted: ClassVar[Inserted | None] = None
    """Says for the plan's reader what else is made for it; a pure function, declared with staticmethod."""
    deadlines: ClassVar[Mapping[ResourceAction, str | float | None]] = {ResourceAction.STOP: 120.0, ResourceAction.RELEASE: 60.0}
    """How long each action may take; no entry means no limit."""
    replaceable: ClassVar[bool] = False
    """Whether `discover` can find another candidate, so that the policy `Replace` can be followed."""
    family: ClassVar[str] = ""
    """Which of many types of its backend it belongs with, in lists; those of "" come first."""

    deployment_group: int | None = None
    _current: ResourceState = ResourceState.NEW
    _own_conditions: dict[ResourceAction, list[tuple[Any, int, str | None]]] | None = None
    _when: list[tuple[ResourceAction, Condition]] | None = None
    candidate: str = ""
    """What `discover` has found, such as a host's name; set by it."""
    excluded: tuple[str, ...] = ()
    """Candidates on which this resource has failed; `discover` leaves them out."""
    _policy: Policy | None = None
    _own_deadlines: dict[ResourceAction, float | None] | None = None
    _failure: str = ""
    _name: str = ""
    _critical_change: bool = False
    _start_time = _Instant()
    _stop_time = _Instant()
    _discover_time = _Instant()
    _provision_time = _Instant()
    _ready_time = _Instant()
    _release_time = _Instant()
    _finish_time = _Instant()
    _failed_time = _Instant()

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        self._component = self._rtype
        self._guid = guid
        self._ec = weakref.ref(ec)
        self._connections: set[int] = set()

    @property
    def guid(self) -> int:
        """The resource's number within the experiment."""
        return self._guid

    @property
    def name(self) -> str:
        """The resource's name within the experiment: the user's, or "<type>-<guid>"."""
        return self._name or f"{self._rtype.rpartition('::')[2].lower()}-{self._guid}"

    @property
    def ec(self) -> ExperimentController:
        """The controller that this resource belongs to."""
        ec = self._ec()
        if ec is None:
            raise UsageError(f"the controller of {self._rtype} {self._guid} is gone")
        return ec

    @property
    def connections(self) -> set[int]:
        """Guids of the connected resources."""
        return self._connections

    @property
    def conditions(self) -> dict[ResourceAction, list[tuple[Any, int, str | None]]]:
        """The seed's conditions: by action, a list of (group, state, time)."""
        if self._own_conditions is None:
            self._own_conditions = {}
        return self._own_conditions

    _conditions = conditions

    @property
    def reschedule_delay(self) -> str:
        """The delay of this class, after which an action that put itself off is called again at the latest."""
        return self._reschedule_delay or reschedule_delay

    @property
    def start_time(self) -> datetime | None:
        """When it was started."""
        return self._start_time

    @property
    def stop_time(self) -> datetime | None:
        """When it was stopped."""
        return self._stop_time

    @property
    def discover_time(self) -> datetime | None:
        """When it was discovered."""
        return self._discover_time

    @property
    def provision_time(self) -> datetime | None:
        """When it was provisioned."""
        return self._provision_time

    @property
    def ready_time(self) -> datetime | None:
        """When its deployment was done."""
        return self._ready_time

    @property
    def release_time(self) -> datetime | None:
        """When it was given back."""
        return self._release_time

    @property
    def finish_time(self) -> datetime | None:
        """When it ended by itself."""
        return self._finish_time

    @property
    def failed_time(self) -> datetime | None:
        """When it failed."""
        return self._failed_time

    @property
    def failure(self) -> str:
        """Why it failed, or ""."""
        return self._failure

    def log_message(self, msg: object) -> str:
        """Return the text to log, with who speaks."""
        return f" {self._rtype} guid: {self._guid} - {msg}"

    # State.

    @property
    def state(self) -> int:
        """The present state. A class that overrides this is asked again every `reschedule_delay`."""
        return self._current

    @property
    def _state(self) -> ResourceState:
        return self._current

    @_state.setter
    def _state(self, state: int) -> None:
        # The seed's resource managers also assign it: whatever way a state is announced, it is a fact.
        if self._current == ResourceState.RELEASED:
            return
        self._current = state = ResourceState(state)
        ec = self._ec()
        if ec is not None:
            ec.announced(self._guid, state)

    def set_state(self, state: ResourceState, state_time_attr: str) -> None:
        """Announce a state and keep the time of it in the attribute `state_time_attr`. Nothing leaves RELEASED."""
        if self._current == ResourceState.RELEASED:
            return
        if state_time_attr in _INSTANTS:
            self.__dict__[state_time_attr] = wall_clock_s()
        else:
            setattr(self, state_time_attr, tnow())
        self._current = state
        ec = self._ec()
        if ec is not None:
            ec.announced(self._guid, state)

    def set_discovered(self) -> None:
        """Announce DISCOVERED."""
        self.set_state(ResourceState.DISCOVERED, "_discover_time")

    def set_provisioned(self) -> None:
        """Announce PROVISIONED."""
        self.set_state(ResourceState.PROVISIONED, "_provision_time")

    def set_ready(self) -> None:
        """Announce READY."""
        self.set_state(ResourceState.READY, "_ready_time")

    def set_started(self) -> None:
        """Announce STARTED."""
        self.set_state(ResourceState.STARTED, "_start_time")

    def set_stopped(self) -> None:
        """Announce STOPPED."""
        self.set_state(ResourceState.STOPPED, "_stop_time")

    def set_finished(self) -> None:
        """Announce FINISHED: it ended by itself, as it should."""
        self.set_state(ResourceState.FINISHED, "_finish_time")

    def set_failed(self) -> None:
        """Announce FAILED."""
        self.set_state(ResourceState.FAILED, "_failed_time")

    def set_released(self) -> None:
        """Announce RELEASED."""
        self.set_state(ResourceState.RELEASED, "_release_time")

    def explain_failure(self, error: BaseException | str) -> None:
        """Say why the resource fails, before announcing it; the first reason is kept."""
        if not self._failure:
            self._failure = text_of(error)
        ec = self._ec()
        if ec is not None:
            ec.failure_explained(self._guid, self._failure)

    # Life cycle; what subclasses override.

    def discover(self) -> Any:
        """Find a resource that fits."""
        self.set_discovered()

    def provision(self) -> Any:
        """Make the resource reachable."""
        self.set_provisioned()

    def deploy(self) -> Any:
        """Do everything that it takes to be READY."""
        if self.state > ResourceState.READY:
            self.error(f"Wrong state {self.state} for deploy")
            return
        self.set_ready()

    def start(self) -> Any:
        """Start what the resource does."""
        if self.state not in (ResourceState.READY, ResourceState.STOPPED):
            self.error(f"Wrong state {self.state} for start")
            return
        self.set_started()

    def stop(self) -> Any:
        """Interrupt what the resource does."""
        if self.state != ResourceState.STARTED:
            self.error(f"Wrong state {self.state} for stop")
            return
        self.set_stopped()

    def release(self) -> Any:
        """Give back what the resource uses. Its end is RELEASED whatever happens."""
        self.set_released()

    def finish(self) -> Any:
        """Announce that the resource ended by itself, as it should."""
        self.set_finished()

    def fail(self) -> Any:
        """Announce that the resource failed; its policy may try again, or replace it, before it is FAILED."""
        ec = self._ec()
        if ec is None or not ec.takes_failure(self):
            self.set_failed()

    def abandon(self) -> Any:
        """Give up what was made on a candidate that failed, before another one is looked for; subclasses undo there what deploy does."""

    # Values and traces that need the run.

    def resolved(self, name: str) -> Any:
        """Return the value of an attribute, with a reference to another resource turned into its address by the plan."""
        return self.ec.planned_values(self._guid).get(name, self.get(name))

    def trace(self, name: str, attr: str = TraceAttr.ALL, block: int = 512, offset: int = 0) -> Any:
        """Return what a trace holds so far.

        Args:
            name: the trace.
            attr: `TraceAttr.ALL` (text), STREAM (text of one block), PATH (of the local file) or SIZE (bytes).
            block: bytes in a block, for STREAM.
            offset: index of the block, for STREAM.

        Returns:
            What was asked for; None when nothing was recorded.
        """
        return read_trace(self.trace_path(name), attr, block, offset)

    def trace_path(self, name: str) -> Path:
        """Return the local file that a trace is written to."""
        return self.ec.trace_path(self._guid, name)

    async def follow_trace(self, name: str) -> None:
        """See to it that a trace's local file grows from now on, if it would not do so by itself; on the loop.

        Called again and again while somebody looks at the trace, so it must be cheap and harmless to repeat. What is written on
        another machine overrides this.
        """

    # Connections.

    def register_connection(self, guid: int) -> None:
        """Connect to a resource, if `valid_connection` agrees."""
        if self.valid_connection(guid):
            self.connect(guid)
            self._connections.add(guid)

    def unregister_connection(self, guid: int) -> None:
        """Undo a connection."""
        if guid in self._connections:
            self.disconnect(guid)
            self._connections.remove(guid)

    def connections_in_order(self) -> tuple[int, ...]:
        """Return the guids of connected resources in the order that the description has them; subclasses to whom it matters override it."""
        return tuple(sorted(self._connections))

    def connect(self, guid: int) -> Any:
        """Do what a connection takes; subclasses override it."""

    def disconnect(self, guid: int) -> Any:
        """Undo what `connect` did; subclasses override it."""

    def valid_connection(self, guid: int) -> bool:
        """Whether this resource can be connected to that one; subclasses override it."""
        return True

    def is_rm_instance(self, rtype: str) -> bool:
        """Whether this resource is of the type, or of one that inherits from it."""
        rclass = ResourceFactory.get_resource_type(rtype)
        return rclass is not None and isinstance(self, rclass)

    def get_connected(self, rtype: str | type | None = None) -> list[Any]:
        """Return the connected resource managers, in order of guid; those of a type (name or class) and its heirs only, if given."""
        rclass = ResourceFactory.get_resource_type(rtype) if isinstance(rtype, str) else rtype
        if isinstance(rtype, str) and rclass is None:
            return []
        get = self.ec.get_resource
        found = (get(guid) for guid in (sorted(self._connections) if len(self._connections) > 1 else self._connections))
        return [rm for rm in found if rm is not None and (rclass is None or isinstance(rm, rclass))]

    def peers(self, kind: type[RM]) -> list[RM]:
        """Return the connected resource managers of a class."""
        return self.get_connected(kind)

    @overload
    def peer(self, kind: type[RM]) -> RM: ...
    @overload
    def peer(self, kind: str) -> ResourceManager: ...
    def peer(self, kind: Any) -> Any:
        """Return the one connected resource manager of a class.

        Raises:
            BadConnectionError: there is none, or there are several.
        """
        found = self.get_connected(kind)
        if len(found) != 1:
            what = kind if isinstance(kind, str) else kind.__name__
            raise BadConnectionError(f"{self.name} must be connected to exactly one {what}; it is connected to {len(found)}")
        return found[0]

    # The seed's conditions.

    def register_condition(self, action: int, group: Any, state: int, time: str | None = None) -> None:
        """Let `action` wait until all of `group` are at or beyond `state`, and for `time` (such as "2s") after that."""
        action, state = action_named(action), state_named(state)
        group = list(group) if isinstance(group, list | tuple | set) else [group]
        self.conditions.setdefault(action, []).append((group, state, time))
        self.ec.condition_registered(self._guid, action, seed_condition(group, state, time))

    def unregister_condition(self, group: Any, action: int | None = None) -> None:
        """Wait no longer for the members of `group`, for `action` or for all actions."""
        gone = set(group) if isinstance(group, list | tuple | set) else {group}
        for act, conditions in self.conditions.items():
            if action is not None and act != action:
                continue
            conditions[:] = [(set(members) - gone if gone & set(members) else members, state, time) for members, state, time in conditions]
            self.ec.conditions_unregistered(self._guid, act, tuple(sorted(int(one) for one in gone)))

    def _needs_reschedule(self, group: Iterable[int], state: int, time: str | None) -> tuple[bool, str]:
        """Return whether a condition is unmet, and the delay after which to look again."""
        for guid in group:
            rm = self.ec.get_resource(guid)
            if rm is None or rm.state < state:
                return True, self.reschedule_delay
            if time is not None:
                since = rm.time_of(state)
                wait = duration_s(time) - tdiffsec(tnow(), since) if since is not None else 0.0
                if wait > 0.001:
                    return True, f"{wait:f}s"
        return False, self.reschedule_delay

    def time_of(self, state: int) -> datetime | None:
        """Return when this resource entered `state`, or the first later state that it entered instead."""
        times = (
            *(None, self.discover_time, self.provision_time, self.ready_time, self.start_time, self.stop_time),
            *(self.finish_time, self.failed_time, self.release_time),
        )
        if times[state] is not None:
            return times[state]
        return min((one for one in times[state:] if one is not None), default=None)

    def deploy_with_conditions(self) -> None:
        """Deploy as soon as the conditions of DEPLOY are met."""
        states = (ResourceState.NEW, ResourceState.DISCOVERED, ResourceState.PROVISIONED)
        self._when_met(ResourceAction.DEPLOY, states, self.deploy, self.deploy_with_conditions)

    def start_with_conditions(self) -> None:
        """Start as soon as it is READY or STOPPED and the conditions of START are met."""
        states = (ResourceState.READY, ResourceState.STOPPED)
        self._when_met(ResourceAction.START, states, self.start, self.start_with_conditions)

    def stop_with_conditions(self) -> None:
        """Stop as soon as it is STARTED and the conditions of STOP are met."""
        self._when_met(ResourceAction.STOP, (ResourceState.STARTED,), self.stop, self.stop_with_conditions)

    def _when_met(self, action: ResourceAction, states: tuple[int, ...], act: Callable[[], Any], again: Callable[[], None]) -> None:
        if self.ec.abort or self.state >= ResourceState.FINISHED:
            return
        unmet, delay = self.state not in states, self.reschedule_delay
        for group, state, wait in [] if unmet else self.conditions.get(action, []):
            unmet, delay = self._needs_reschedule(group, state, wait)
            if unmet:
                break
        if unmet:
            self.ec.schedule(delay, again)
        elif inspect.iscoroutinefunction(act):
            self.ec.act(action, self._guid)
        else:
            act()

    def set_with_conditions(self, name: str, value: Any, group: Any, state: int, time: str | None = None) -> None:
        """Set an attribute when all of `group` are at or beyond `state`, and `time` after that."""
        self.ec.set_with_conditions(name, value, self._guid, group, state, time)


def text_of(error: BaseException | str) -> str:
    """Return what an error says, or its kind when it says nothing; without credentials."""
    try:
        text = str(error).strip()
    except Exception:  # its __str__ is broken
        text = ""
    return without_secrets(text) or type(error).__name__


def seed_condition(group: Iterable[Any], state: int, time: str | None) -> Condition:
    """Return the seed's (group, state, time) as a condition value."""
    condition = Reached(tuple(int(getattr(one, "guid", one)) for one in group), int(state), "at_least")
    return condition if time is None else condition + time


_INSTANTS: Final = frozenset(name for name, value in vars(ResourceManager).items() if isinstance(value, _Instant))

ResourceManager._clsinit()
