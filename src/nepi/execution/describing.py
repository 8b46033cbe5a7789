"""The part of the controller that describes: resources, connections, conditions, attributes, traces. No run is needed for it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from nepi.errors import BadValueError, UnknownResourceError, UsageError
from nepi.execution.deployment import describe
from nepi.execution.factory import ResourceFactory
from nepi.execution.handle import Handle
from nepi.execution.part import Part
from nepi.execution.registry import Guid, listed
from nepi.execution.resource import ResourceManager, seed_condition
from nepi.execution.rundir import RunDir
from nepi.execution.setting import set_checked
from nepi.model.attributes import Attribute, Flags
from nepi.model.conditions import Condition, action_named, as_condition, members_of, state_named
from nepi.model.experiment import ExperimentDescription
from nepi.model.states import ResourceAction, ResourceState, ResourceState2str
from nepi.model.traces import Trace, TraceAttr
from nepi.model.type_choice import chosen_type


class Describing(Part):
    """What `ExperimentController` can do before anything runs, and while it runs. Not for use by itself."""

    # Resources.

    substitute: Callable[[type[ResourceManager]], type[ResourceManager]] = staticmethod(lambda rclass: rclass)
    """What stands in for a class; for tests, which run an experiment without its world."""

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
        number = self._create(rtype, guid, None, [] if connectedTo is None else listed(connectedTo), attributes)
        if autoDeploy:
            self.deploy([number])
        return number

    def _create(self, rtype: str, guid: int | None, name: str | None, connect_to: Iterable[Guid], values: Mapping[str, Any]) -> int:
        """Add a resource as a whole, or not at all. It has its name first, so that messages about the rest can use it."""
        connect_to = list(connect_to)
        rclass = self.substitute(self._class_between(rtype, connect_to))
        with self._lock:
            self._refuse_when_over("register_resource")
            if name is not None:
                self.registry.checked_name(name)
            manager = self.registry.create(rclass, guid)
            self._registered(manager)
            try:
                if name is not None:
                    self.registry.rename(manager, name)
                for attribute, value in values.items():
                    set_checked(self._controller, manager, attribute, value)
                for other in connect_to:
                    self.registry.connect(manager.guid, other)
            except BaseException:
                self.remove_resource(manager.guid)
                raise
            return manager.guid

    def _class_between(self, rtype: str, peers: Iterable[Guid]) -> type[ResourceManager]:
        """Return the class of a type; of one without a backend perhaps another one, which joins its backend with that of a peer."""
        return chosen_type(ResourceFactory.find, rtype, self.backend, (self.resource(peer).rtype() for peer in peers))

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
        guid = self._create(rtype, None, name, connect_to, {**(attributes or {}), **values})
        return Handle(self._controller, guid)

    def handle(self, resource: Guid) -> Handle:
        """Return the handle of a resource given by guid or name."""
        return Handle(self._controller, self.guid_of(resource))

    def guid_of(self, resource: Guid) -> int:
        """Return the guid of a resource given by guid, name or handle.

        Raises:
            UnknownResourceError: there is none.
        """
        return self.registry.guid_of(resource)

    def resource(self, resource: Guid) -> ResourceManager:
        """Return a resource manager.

        Raises:
            UnknownResourceError: there is none.
        """
        return self.registry.manager(resource)

    @property
    def resources(self) -> list[int]:
        """Guids of all resources."""
        return list(self.registry.managers)

    def get_resource(self, guid: Guid) -> ResourceManager | None:
        """Return a resource manager, or None."""
        if type(guid) is int:
            return self.registry.managers.get(guid)
        try:
            return self.registry.managers.get(self.registry.guid_of(guid))
        except UnknownResourceError:
            return None

    def get_resources_by_type(self, rtype: str) -> list[ResourceManager]:
        """Return the resource managers of exactly this type."""
        return [one for one in self.registry.managers.values() if one.rtype() == rtype]

    def filter_resources(self, rtype: str) -> list[int]:
        """Return the guids of the resources of exactly this type."""
        return [one.guid for one in self.registry.managers.values() if one.rtype() == rtype]

    def remove_resource(self, resource: Guid) -> None:
        """Forget a resource that is not deployed, or has been released.

        Raises:
            UsageError: it is in use.
        """
        manager = self.resource(resource)
        with self._lock:
            if self.is_deployed(manager.guid) and manager.state != ResourceState.RELEASED:
                raise UsageError(f"{manager.name} is deployed; release it before removing it")
            self.registry.forget(manager)
            self._removed(manager)

    def register_connection(self, guid1: Guid, guid2: Guid) -> None:
        """Connect two resources; either side may refuse, and then neither is connected.

        Raises:
            UnknownResourceError: one of them does not exist.
            BadConnectionError: a resource cannot be connected to itself, or one side refuses.
        """
        self.registry.connect(guid1, guid2)

    # Conditions and policies.

    def register_condition(self, guids1: Any, action: int, guids2: Any, state: int, time: str | None = None) -> None:
        """Let `action` of every one of guids1 wait until all of guids2 are at or beyond `state`, and for `time` after that.

        Raises:
            UnknownResourceError: a resource does not exist.
            BadValueError: no such state or action, or `time` is no duration.
        """
        group = [self.resource(one).guid for one in listed(guids2)]
        action, state = action_named(action), state_named(state)
        seed_condition(group, state, time)
        for one in listed(guids1):
            self.resource(one).register_condition(action, group, state, time)

    def add_condition(self, resource: Guid, action: ResourceAction, condition: Condition) -> None:
        """Let an action of a resource wait for a condition value."""
        manager = self.resource(resource)
        for guid in members_of(as_condition(condition)):
            self.resource(guid)
        manager._when = [*(manager._when or []), (action, condition)]
        self.condition_registered(manager.guid, action, condition)

    def describe(self) -> ExperimentDescription:
        """Return the whole description as data, credentials left out."""
        return self._completed(
            describe(self._controller.exp_id, self.backend, list(self.registry.managers.values()), default=self.default_policy)
        )

    # Attributes and traces.

    def get(self, guid: Guid, name: str) -> Any:
        """Return the value of an attribute.

        Raises:
            UnknownAttributeError: there is no such attribute.
            BadValueError: it cannot be read.
        """
        manager = self.resource(guid)
        if manager.has_flag(name, Flags.NoRead):
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
        manager = self.resource(guid)
        bring = getattr(manager, "bring_trace", None)  # of resources whose traces are written somewhere else
        if bring is not None and manager.state == ResourceState.STARTED:
            runner = self._running().runner
            if not runner.on_loop:
                runner.call(bring(name))
        return manager.trace(name, attr, block, offset)

    def trace_path(self, guid: int, name: str) -> Path:
        """Return the local file that a trace is written to."""
        return RunDir(Path(self._controller.run_dir)).trace(self.resource(guid).name, name)

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
