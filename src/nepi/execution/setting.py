"""Setting attributes for the user: flags are enforced, and a change on a deployed resource takes effect as a whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nepi.errors import BadValueError
from nepi.execution.handle import Handle
from nepi.execution.resource import ResourceManager
from nepi.model.attributes import Flags, Reference
from nepi.model.states import ResourceState

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController

_NEVER: Final = Flags.ReadOnly | Flags.NoWrite
_BEFORE_DEPLOY: Final = Flags.ExecReadOnly | Flags.Design | Flags.Construct


def set_checked(ec: ExperimentController, manager: ResourceManager, name: str, value: Any) -> None:
    """Set one attribute as a user may.

    Raises:
        UnknownAttributeError: there is no such attribute.
        BadValueError: it cannot have this value, or cannot be set by users, or not any more.
    """
    flags = manager._present(name).flags
    if flags:
        if flags & _NEVER:
            raise BadValueError(f"attribute {name!r} of {manager.name} ({manager.rtype()}) can be read only; the resource sets it")
        if flags & _BEFORE_DEPLOY and (ec.is_deployed(manager.guid) or manager.state != ResourceState.NEW):
            raise BadValueError(f"attribute {name!r} of {manager.name} ({manager.rtype()}) can be set before it is deployed only")
    if isinstance(value, Handle) and value._ec is not ec:
        raise BadValueError(f"attribute {name!r} of {manager.name}: {value!r} belongs to another experiment")
    try:
        manager.set(name, value)
    except BadValueError as error:
        raise BadValueError(f"{manager.name} ({manager.rtype()}): {error}") from None


def takes_effect(manager: ResourceManager) -> bool:
    """Whether setting an attribute of this resource changes the world now."""
    return hasattr(manager, "apply") and ResourceState.READY <= manager.state < ResourceState.STOPPED


def foresee(manager: ResourceManager, values: Mapping[str, Any]) -> None:
    """Tell a resource that wants to know (it has `foresee(values)`) what is to be set later, when a condition is met."""
    if hasattr(manager, "foresee"):
        manager.foresee({name: manager.get_attribute(name).converted(value) for name, value in values.items()})


async def set_now(ec: ExperimentController, manager: ResourceManager, values: Mapping[str, Any], *, change: int = 0) -> None:
    """Set attributes, and let the resource manager's `apply(values)` carry the change out; undone if that fails.

    It is in the journal before it is done; who takes the run up finds the values there.

    Args:
        ec: the controller.
        manager: the resource.
        values: by name.
        change: its number, if it waited for a condition; else 0.
    """
    before = {name: manager.get(name) for name in values}
    for name, value in values.items():
        set_checked(ec, manager, name, value)
    runner = ec._running().runner
    runner.note_now(set=change_record(manager, values), **({"change": change} if change else {}))
    if not takes_effect(manager):
        return
    try:
        await manager.apply(values)  # type: ignore[attr-defined]  # `takes_effect` has looked
    except BaseException:
        for name, value in before.items():
            manager.set(name, value)
        runner.note_now(set=change_record(manager, before))
        raise


def change_record(manager: ResourceManager, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a change of attributes as plain JSON data, without credentials."""
    open_values = {name: value for name, value in values.items() if not manager.has_flag(name, Flags.Credential)}
    return {
        "guid": manager.guid,
        "values": {name: {"resource": value.guid} if isinstance(value, Reference) else value for name, value in open_values.items()},
    }


def values_from(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a change that `change_record` wrote."""
    return {name: Reference(value["resource"]) if isinstance(value, dict) else value for name, value in record.items()}
