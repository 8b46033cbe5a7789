"""Takes a TypeSpec (plain data) from a resource manager's class."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from nepi.errors import DescriptionError
from nepi.model.states import ResourceState
from nepi.model.typespec import Need, TypeSpec

if TYPE_CHECKING:
    from nepi.execution.resource import ResourceManager


def spec_of(rclass: type[ResourceManager]) -> TypeSpec:
    """Return what plan, command line and files need to know of a class.

    Raises:
        DescriptionError: the class declares something impossible.
    """
    needs = [Need(_kind(rclass, kind), _state(rclass, state)) for kind, state in rclass.needs.items()]
    wants = [Need(_kind(rclass, kind), _state(rclass, state), required=False) for kind, state in rclass.wants.items()]
    return TypeSpec(
        rtype=rclass.rtype(),
        help=inspect.cleandoc(rclass.get_help() or ""),
        backend=rclass.get_backend() or rclass.rtype().rpartition("::")[0],
        attributes=rclass._attributes,
        traces=rclass._traces,
        needs=(*needs, *wants),
        lineage=frozenset(_lineage(rclass)),
        service=rclass.service,
        finds_routes=tuple(rclass.finds_routes),
        role=rclass.role,
        tools=tuple(rclass.tools),
        packages=rclass.packages,
        samples_state=samples_state(rclass),
        aliases=rclass._aliases,
        check=rclass.check,
        replaceable=rclass.replaceable,
        family=rclass.family,
        inserted=rclass.inserted,
        across=rclass.across,
    )


def samples_state(rclass: type[ResourceManager]) -> bool:
    """Whether the class overrides `state`, so that it has to be asked for it again and again."""
    from nepi.execution.resource import ResourceManager

    return rclass.state is not ResourceManager.state


def _lineage(rclass: type) -> list[str]:
    names = []
    for one in rclass.__mro__:
        names.append(_qualified(one))
        if "_rtype" in vars(one):
            names.append(vars(one)["_rtype"])
    return names


def _kind(rclass: type[ResourceManager], kind: Any) -> str:
    if isinstance(kind, str):
        return kind
    if isinstance(kind, type):
        return _qualified(kind)
    raise DescriptionError(f"{rclass.rtype()}: needs are classes or type names, not {kind!r}")


def _state(rclass: type[ResourceManager], state: Any) -> ResourceState:
    try:
        return ResourceState(state)
    except ValueError:
        raise DescriptionError(f"{rclass.rtype()}: {state!r} is no state") from None


def _qualified(one: type) -> str:
    return f"{one.__module__}.{one.__qualname__}"
