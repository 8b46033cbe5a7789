"""The resources of an experiment: by guid, by name, by type, and how they are connected."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import TYPE_CHECKING, Any, SupportsIndex

from nepi.errors import BadConnectionError, BadValueError, UnknownResourceError, did_you_mean
from nepi.execution.handle import Handle
from nepi.execution.resource import ResourceManager
from nepi.execution.rundir import checked_name
from nepi.model.promises import FIRST_GATE, unnamed
from nepi.util.guid import GuidGenerator

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController

Guid = SupportsIndex | str
"""A guid, a handle or a name."""


class Registry:
    """What is registered.

    Attributes:
        managers: by guid, in the order in which they were registered; shared with those who carry out.
    """

    def __init__(self, ec: ExperimentController) -> None:
        self._ec = ec
        self._guids = GuidGenerator()
        self._names: dict[str, int] = {}
        self.managers: dict[int, ResourceManager] = {}

    def create(self, rclass: type[ResourceManager], guid: int | None) -> ResourceManager:
        """Make a resource manager and keep it.

        Raises:
            BadValueError: the guid is taken.
        """
        number: int = self._guids.next(guid)
        if number in self.managers:
            raise BadValueError(f"guid {number} is taken by {self.managers[number].name!r}")
        manager = rclass(self._ec, number)
        if self._names and manager.name in self._names:  # somebody was given the name that this one would have by itself
            self.rename(manager, f"{manager.name}.2")
        self.managers[number] = manager
        return manager

    def checked_name(self, name: str) -> str:
        """Return a name that a resource can be given.

        Raises:
            BadValueError: it is taken, or is no name.
        """
        checked_name("resource name", name)
        if name in self._names or self._named_by_itself(name) is not None:
            raise BadValueError(f"resource name {name!r} is taken; names are unique within an experiment")
        return name

    def _named_by_itself(self, name: str) -> ResourceManager | None:
        """Return the resource that was given no name and goes by this one."""
        _, _, number = name.rpartition("-")
        manager = self.managers.get(int(number)) if number.isdecimal() and number.isascii() and len(number) < 10 else None
        return manager if manager is not None and manager.name == name else None

    def rename(self, manager: ResourceManager, name: str) -> None:
        """Give a resource its name."""
        manager._name = self.checked_name(name)
        self._names[name] = manager.guid

    def forget(self, manager: ResourceManager) -> None:
        """Undo the connections of a resource and forget it."""
        for other in list(manager.connections):
            peer = self.managers.get(other)
            if peer is not None:
                peer.unregister_connection(manager.guid)
        del self.managers[manager.guid]
        self._names.pop(manager.name, None)

    def guid_of(self, resource: Guid) -> int:
        """Return the guid of a resource given by guid, name or handle.

        Raises:
            UnknownResourceError: there is none of this name, or it belongs to another experiment.
        """
        if type(resource) is int:
            return resource
        if isinstance(resource, str):
            return self._guid_named(resource)
        if isinstance(resource, Handle) and resource._ec is not self._ec:
            raise UnknownResourceError(f"{resource!r} belongs to another experiment")
        try:
            return index(resource)
        except TypeError:
            raise UnknownResourceError(f"expected a guid, a name or a handle, got {resource!r}") from None

    def _guid_named(self, name: str) -> int:
        guid = self._names.get(name)
        if guid is None:
            guid = next((one.guid for one in self.managers.values() if one.name == name), None)
        if guid is None:
            near = did_you_mean(name, [one.name for one in self.managers.values()])
            raise UnknownResourceError(f"there is no resource named {name!r}{near}")
        return guid

    def manager(self, resource: Guid) -> ResourceManager:
        """Return a resource manager.

        Raises:
            UnknownResourceError: there is none.
        """
        guid = self.guid_of(resource)
        try:
            return self.managers[guid]
        except KeyError:
            raise UnknownResourceError(f"there is no resource with guid {guid}") from None

    def guids_of(self, resources: Any) -> tuple[int, ...]:
        """Return the guids of one resource or of many; there may be very many.

        Raises:
            UnknownResourceError: one of them does not exist.
        """
        wanted = listed(resources)
        if set(wanted) <= self.managers.keys():
            return tuple(wanted)
        return tuple(self.manager(one).guid for one in wanted)

    def name_of(self, guid: int) -> str:
        """Return the name of a resource, also of one that is gone."""
        manager = self.managers.get(guid)
        if manager is None:
            return f"resource {guid}" if guid <= FIRST_GATE else unnamed(guid)
        return manager.name

    def connect(self, guid1: Guid, guid2: Guid) -> None:
        """Connect two resources; either side may refuse, and then neither is connected.

        Raises:
            UnknownResourceError: one of them does not exist.
            BadConnectionError: a resource cannot be connected to itself, or one side refuses.
        """
        one, other = self.manager(guid1), self.manager(guid2)
        if one is other:
            raise BadConnectionError(f"{one.name} cannot be connected to itself")
        try:
            one.register_connection(other.guid)
            other.register_connection(one.guid)
        except BaseException:
            one.unregister_connection(other.guid)
            other.unregister_connection(one.guid)
            raise
        refusing = [rm.name for rm, peer in ((one, other), (other, one)) if peer.guid not in rm.connections]
        if refusing:
            one.unregister_connection(other.guid)
            other.unregister_connection(one.guid)
            who = " and ".join(refusing) + (" refuses" if len(refusing) == 1 else " refuse")
            raise BadConnectionError(f"{one.name} ({one.rtype()}) and {other.name} ({other.rtype()}) cannot be connected: {who}")
        self._ec.connected(one.guid, other.guid)


def listed(resources: Any) -> list[Any]:
    """Return what was given as one or as many, as a list."""
    if isinstance(resources, Iterable) and not isinstance(resources, str | Handle):
        return list(resources)
    return [resources]
