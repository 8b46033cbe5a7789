"""The template of a resource type (its attributes and traces) and what one resource has of it.

A class's template is shared by all of its resources; a resource keeps copies of those attributes and traces only that were set.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from nepi.errors import UnknownAttributeError, UnknownTraceError, did_you_mean
from nepi.execution.attribute import Attribute, Flags, Types
from nepi.execution.factory import ResourceFactory
from nepi.execution.trace import Trace
from nepi.util.logger import Logger
from nepi.util.redaction import keep_secret

D = TypeVar("D", Attribute, Trace)


class Template(Logger):
    """What `ResourceManager` has of attributes and traces. Not for use by itself."""

    _rtype: ClassVar[str] = "Resource"
    _attributes: ClassVar[dict[str, Attribute]] = {}
    _traces: ClassVar[dict[str, Trace]] = {}
    _help: ClassVar[str | None] = None
    _backend: ClassVar[str | None] = None
    _backend_type: ClassVar[str | None] = None
    _platform: ClassVar[str | None] = None
    _registrars: ClassVar[tuple[Any, Any]] = (None, None)
    _aliases: ClassVar[tuple[str, ...]] = ()
    _own_attrs: dict[str, Attribute] | None = None
    _own_trcs: dict[str, Trace] | None = None

    def __init_subclass__(cls, rtype: str | None = None, aliases: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if rtype is not None:
            cls._rtype = rtype
            cls._backend = rtype.partition("::")[0] if "::" in rtype else cls._backend
            cls._aliases = tuple(aliases)
        attributes = {one.name: one for one in vars(cls).values() if isinstance(one, Attribute)}
        traces = {one.name: one for one in vars(cls).values() if isinstance(one, Trace)}
        if rtype is not None or attributes or traces:
            cls._attributes = {**cls._attributes, **attributes}
            cls._traces = {**cls._traces, **traces}
        if rtype is not None:
            ResourceFactory.register_type(cls)  # type: ignore[arg-type]  # only resource managers have an rtype

    # The class's template: attributes and traces.

    @classmethod
    def _register_attribute(cls, attr: Attribute) -> None:
        """Add an attribute; called by `_register_attributes` of subclasses."""
        cls._attributes[attr.name] = attr

    @classmethod
    def _remove_attribute(cls, name: str) -> None:
        """Remove an attribute that was inherited.

        Raises:
            UnknownAttributeError: there is none of this name.
        """
        cls._attribute(name)
        del cls._attributes[name]

    @classmethod
    def _register_trace(cls, trace: Trace) -> None:
        """Add a trace; called by `_register_traces` of subclasses."""
        cls._traces[trace.name] = trace

    @classmethod
    def _remove_trace(cls, name: str) -> None:
        """Remove a trace that was inherited.

        Raises:
            UnknownTraceError: there is none of this name.
        """
        cls._trace(name)
        del cls._traces[name]

    @classmethod
    def _register_attributes(cls) -> None:
        """Register the class's attributes; subclasses of the seed's style override it."""

    @classmethod
    def _register_traces(cls) -> None:
        """Register the class's traces; subclasses of the seed's style override it."""

    @classmethod
    def _clsinit(cls) -> None:
        cls._attributes = {**_common_attributes(), **_declared(cls, Attribute)}
        cls._traces = _declared(cls, Trace)
        cls._register((None, None))

    @classmethod
    def _clsinit_copy(cls) -> None:
        cls._attributes = copy.deepcopy(cls._attributes)
        cls._traces = copy.deepcopy(cls._traces)
        cls._register(cls._registrars)

    @classmethod
    def _register(cls, done: tuple[Any, Any]) -> None:
        """Call the class's `_register_*`, unless they are the parent's, whose work was copied: it may have removed something."""
        cls._registrars = (cls._register_attributes.__func__, cls._register_traces.__func__)  # type: ignore[attr-defined]  # class methods
        if cls._registrars[0] is not done[0]:
            cls._register_attributes()
        if cls._registrars[1] is not done[1]:
            cls._register_traces()

    @classmethod
    def rtype(cls) -> str:
        """Return the name of the resource type."""
        return cls._rtype

    get_rtype = rtype

    @classmethod
    def get_attributes(cls) -> list[Attribute]:
        """Return copies of the type's attributes."""
        return [attribute.copy() for attribute in cls._attributes.values()]

    @classmethod
    def get_attribute(cls, name: str) -> Attribute:
        """Return a copy of one of the type's attributes."""
        return cls._attribute(name).copy()

    @classmethod
    def get_traces(cls) -> list[Trace]:
        """Return copies of the type's traces."""
        return [trace.copy() for trace in cls._traces.values()]

    @classmethod
    def get_help(cls) -> str | None:
        """Return what the type is, for people."""
        return cls._help or cls.__doc__

    @classmethod
    def get_backend(cls) -> str | None:
        """Return the backend ("netns", "dummy", ...) of the type."""
        return cls._backend or cls._backend_type or cls._platform

    get_platform = get_backend

    @classmethod
    def get_global(cls, name: str) -> Any:
        """Return the value that all resources of the type share."""
        return cls._attribute(name).value

    @classmethod
    def set_global(cls, name: str, value: Any) -> None:
        """Set the value that all resources of the type share, those that set their own excepted."""
        cls._attribute(name).value = value

    @classmethod
    def _attribute(cls, name: str) -> Attribute:
        try:
            return cls._attributes[name]
        except KeyError:
            near = did_you_mean(name, cls._attributes)
            raise UnknownAttributeError(f"{cls._rtype} has no attribute {name!r}{near}; see `nepi types {cls._rtype}`") from None

    @classmethod
    def _trace(cls, name: str) -> Trace:
        try:
            return cls._traces[name]
        except KeyError:
            near = did_you_mean(name, cls._traces)
            raise UnknownTraceError(f"{cls._rtype} has no trace {name!r}{near}; see `nepi types {cls._rtype}`") from None

    # A resource's own values.

    @property
    def _attrs(self) -> dict[str, Attribute]:
        """All attributes of this resource; made from the class's template at the first look, since most resources set few."""
        own = self._own_attrs or {}
        for name, template in self._attributes.items():
            if name not in own:
                own[name] = template.copy()
        self._own_attrs = own
        return own

    @property
    def _trcs(self) -> dict[str, Trace]:
        """All traces of this resource, likewise."""
        own = self._own_trcs or {}
        for name, template in self._traces.items():
            if name not in own:
                own[name] = template.copy()
        self._own_trcs = own
        return own

    def set(self, name: str, value: Any) -> None:
        """Set an attribute. Type, range, allowed values and hook are enforced; flags bind users, not resource managers.

        Raises:
            UnknownAttributeError: there is no such attribute.
            BadValueError: it cannot have this value.
        """
        own = self._own_attrs
        attribute = own.get(name) if own is not None else None
        if attribute is None:
            attribute = self._attribute(name).copy()
            attribute.value = value
            if attribute.flags & Flags.Credential:
                keep_secret(attribute.value)
            if own is None:
                own = self._own_attrs = {}
            own[name] = attribute
            return
        attribute.value = value
        if attribute.flags & Flags.Credential:
            keep_secret(attribute.value)

    def get(self, name: str) -> Any:
        """Return the value of an attribute, in the attribute's own unit.

        Raises:
            UnknownAttributeError: there is no such attribute.
        """
        own = self._own_attrs
        if own is not None and name in own:
            return own[name].value
        return self._attribute(name).value

    def has_changed(self, name: str) -> bool:
        """Whether the attribute differs from its default."""
        return self._present(name).has_changed

    def has_flag(self, name: str, flag: int) -> bool:
        """Whether the attribute has all bits of `flag`."""
        return self._present(name).has_flag(flag)

    def has_attribute(self, name: str) -> bool:
        """Whether there is an attribute of this name."""
        return name in self._attributes or (self._own_attrs is not None and name in self._own_attrs)

    def _present(self, name: str) -> Attribute:
        """Return the attribute as it is now: this resource's copy if it has one (or one that the type has not), else the type's."""
        own = self._own_attrs
        return own[name] if own is not None and name in own else self._attribute(name)

    def values_set(self) -> dict[str, Any]:
        """Return the attributes that were set, with their values."""
        own = self._own_attrs
        # A copy first: another thread may be setting one.
        return {name: one.value for name, one in list(own.items()) if one.has_changed} if own else {}

    def enable_trace(self, name: str) -> None:
        """Record a trace."""
        self._trace_named(name).enabled = True

    def trace_enabled(self, name: str) -> bool:
        """Whether a trace is recorded."""
        return self._trace_named(name).enabled

    def _trace_named(self, name: str) -> Trace:
        own = self._own_trcs
        if own is None or name not in own:
            trace = self._trace(name).copy()
            if own is None:
                own = self._own_trcs = {}
            own[name] = trace
        return own[name]


def _declared(cls: type, kind: type[D]) -> dict[str, D]:
    """Return the members of this kind that the class and its parents declare in their bodies."""
    return {one.name: one for rclass in reversed(cls.__mro__) for one in vars(rclass).values() if isinstance(one, kind)}


def _common_attributes() -> dict[str, Attribute]:
    critical = Attribute("critical", "A failure of this resource aborts the experiment.", Types.Bool, Flags.ExecReadOnly, True)
    hard_release = Attribute("hardRelease", "Release also removes what later runs could use again.", Types.Bool, Flags.ExecReadOnly, False)
    return {one.name: one for one in (critical, hard_release)}
