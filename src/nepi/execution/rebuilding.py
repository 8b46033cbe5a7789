"""From the record of a run to the resource managers that it had, in the states and with the values that they had."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from nepi.engine.members import Member
from nepi.errors import UnknownTypeError
from nepi.execution.factory import ResourceFactory
from nepi.execution.resource import ResourceManager
from nepi.execution.restoring import in_order, restore_policy
from nepi.execution.run_record import RunRecord
from nepi.execution.setting import foresee, values_from
from nepi.model.attributes import FromEnvironment
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController

_INSTANTS: Final = {
    ResourceState.DISCOVERED: "_discover_time",
    ResourceState.PROVISIONED: "_provision_time",
    ResourceState.READY: "_ready_time",
    ResourceState.STARTED: "_start_time",
    ResourceState.STOPPED: "_stop_time",
    ResourceState.FINISHED: "_finish_time",
    ResourceState.FAILED: "_failed_time",
    ResourceState.RELEASED: "_release_time",
}


def rebuild(ec: ExperimentController, record: RunRecord) -> None:
    """Fill a new controller with what a run had.

    Raises:
        UnknownTypeError: one of its types is not known here.
    """
    described = record.description.resources
    for one in described:
        _create(ec, one)
    for one in described:
        _describe(ec, one, record)
    for guid, peer in in_order(ec, described):
        ec.registry.connect(guid, peer)
    for change in record.changes.values():
        if change.guid in ec.registry.managers:
            foresee(ec.registry.managers[change.guid], values_from(change.values))
    ec._plan = record.plan
    ec._groups = max(record.engine.groups, default=0)
    for guid, manager in ec.registry.managers.items():
        _note(ec, manager, record.engine.members.get(guid), record)


def _create(ec: ExperimentController, one: ResourceDescription) -> None:
    try:
        rclass = ResourceFactory.find(one.rtype)
    except UnknownTypeError as error:
        how = "what a program defines must be imported, or found by NEPI_SEARCH_PATH, to take up its run"
        raise UnknownTypeError(f"{error}; {how}") from None
    manager = ec.registry.create(rclass, one.guid)
    if manager.name != one.name:
        ec.registry.rename(manager, one.name)


def _describe(ec: ExperimentController, one: ResourceDescription, record: RunRecord) -> None:
    manager = ec.registry.managers[one.guid]
    changed, _ = record.changed.get(one.guid, ({}, 0.0))
    for name, value in {**one.attributes, **values_from(changed)}.items():
        if not isinstance(value, FromEnvironment):
            manager.set(name, value)
        elif value.variable in os.environ:
            manager.set(name, os.environ[value.variable])
        else:
            ec.lost.append(f"attribute {name} of {one.name}, a credential: set the environment variable {value.variable}, or ec.set it")
    restore_policy(ec, one)
    for trace in one.traces:
        manager.enable_trace(trace)
    if one.conditions:
        manager._when = list(one.conditions)


def _note(ec: ExperimentController, manager: ResourceManager, member: Member | None, record: RunRecord) -> None:
    guid = manager.guid
    if member is None:
        ec._unjoined[guid] = None
    else:
        _restore(manager, member, record)
        if member.deploy_wanted:
            ec._deployed[guid] = None
            manager.deployment_group = member.group
    if guid not in record.plan.needs:
        ec._unplanned[guid] = None
    elif record.plan.needs[guid] and not (member is not None and member.needs):
        ec._untold[guid] = None


def _restore(manager: ResourceManager, member: Member, record: RunRecord) -> None:
    manager._current = ResourceState(member.state)
    for state, name in _INSTANTS.items():
        at = member.entered[state]
        if at is not None:
            manager.__dict__[name] = record.date_of(at).timestamp()
    if member.state == ResourceState.FAILED or member.given_up:
        manager._failure = member.reason
    if manager.guid in record.changed and hasattr(manager, "changed_at"):
        manager.changed_at = record.date_of(record.changed[manager.guid][1])
