"""Events and instructions as journal records (plain JSON lists) and back. The format is documented in docs/reference/journal.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from nepi.engine import events as ev
from nepi.errors import RunError
from nepi.model.conditions import from_record as condition_from
from nepi.model.conditions import to_record as condition_record
from nepi.model.states import ResourceAction, ResourceState

_DIGITS = tuple(str(int(state)) for state in ResourceState)
_BY_DIGIT = dict(zip(_DIGITS, ResourceState, strict=True))
_STATES = {state.name: state for state in ResourceState}


def event_record(event: ev.Event) -> list[Any]:
    """Return an event as plain JSON data."""
    match event:
        case ev.Entered(state=state, guids=guids):
            return ["entered", state.name, guids]
        case ev.Announced(guids=guids, states=states):
            return ["announced", guids, "".join([_DIGITS[state] for state in states])]
        case ev.Joined(profile=profile, guids=guids):
            return ["joined", _profile_record(profile), _ranges(guids)]
        case ev.Needed(dependents=dependents, providers=providers, states=states):
            return ["needed", dependents, providers, _runs(states)]
        case ev.ConditionAdded(guid=guid, action=action, condition=condition):
            return ["condition_added", guid, action.name, condition_record(condition)]
        case ev.ConditionsDropped(guid=guid, action=action, members=members):
            return ["conditions_dropped", guid, action.name, members]
        case ev.DeployAsked(group=group, guids=guids, barrier=barrier, quorum=quorum):
            return ["deploy_asked", group, _ranges(guids), barrier, *(() if quorum is None else (quorum,))]
        case ev.SetAsked(change=change, guid=guid, condition=condition, values=values):
            return ["set_asked", change, guid, condition_record(condition), dict(values)]
        case ev.SetFailed(change=change, guid=guid, reason=reason):
            return ["set_failed", change, guid, reason]
        case ev.Renewed(guid=guid):
            return ["renewed", guid]
        case ev.ActionAsked(action=action, guids=guids):
            return ["action_asked", action.name, guids]
        case ev.Failed(guid=guid, action=action, reason=reason):
            return ["failed", guid, action.name, reason]
        case ev.Explained(guid=guid, reason=reason):
            return ["explained", guid, reason]
        case ev.Exited(guid=guid, status=status):
            return ["exited", guid, status]
        case ev.TraceSeen(guid=guid, trace=trace, pattern=pattern, matched=matched):
            return ["trace_seen", guid, trace, pattern, matched]
        case ev.Waiting(guid=guid, action=action, peers=peers, delay_s=delay_s):
            return ["waiting", guid, action.name, peers, delay_s]
        case ev.WatchAsked(watch=watch, condition=condition, survives_abort=survives_abort):
            return ["watch_asked", watch, _watch_condition(condition), survives_abort]
        case ev.WatchDropped(watch=watch):
            return ["watch_dropped", watch]
        case ev.ReleaseAsked(guids=guids):
            return ["release_asked", _ranges(guids)]
        case ev.AbortAsked(reason=reason):
            return ["abort_asked", reason]
        case ev.Resumed(lost=lost, reasons=reasons):
            return ["resumed", [list(pair) for pair in zip(lost, reasons, strict=True)]]
        case ev.Ticked():
            return ["ticked"]


def event_from(record: list[Any]) -> ev.Event:
    """Return the event that `event_record` wrote.

    Raises:
        RunError: it is no such record.
    """
    try:
        return _event_from(record)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise RunError(f"not an event of the journal: {record!r} ({error!r})") from None


def _event_from(record: list[Any]) -> ev.Event:
    reader = _READERS.get(record[0])
    if reader is None:
        raise ValueError("unknown kind")
    return reader(*record[1:])


def _dropped(guid: int, action: str, members: list[int] | None) -> ev.ConditionsDropped:
    return ev.ConditionsDropped(guid, ResourceAction[action], None if members is None else tuple(members))


_READERS: dict[str, Callable[..., ev.Event]] = {
    "entered": lambda state, guids: ev.Entered(_STATES[state], tuple(guids)),
    "announced": lambda guids, digits: ev.Announced(tuple(guids), tuple([_BY_DIGIT[digit] for digit in digits])),
    "joined": lambda profile, ranges: ev.Joined(_profile_from(profile), _guids(ranges)),
    "needed": lambda dependents, providers, runs: ev.Needed(tuple(dependents), tuple(providers), _unrun(runs)),
    "condition_added": lambda guid, action, condition: ev.ConditionAdded(guid, ResourceAction[action], condition_from(condition)),
    "conditions_dropped": _dropped,
    "deploy_asked": lambda group, ranges, barrier, quorum=None: ev.DeployAsked(group, _guids(ranges), barrier, quorum),
    "set_asked": lambda change, guid, condition, values: ev.SetAsked(change, guid, condition_from(condition), tuple(values.items())),
    "set_failed": ev.SetFailed,
    "renewed": ev.Renewed,
    "action_asked": lambda action, guids: ev.ActionAsked(ResourceAction[action], tuple(guids)),
    "failed": lambda guid, action, reason: ev.Failed(guid, ResourceAction[action], reason),
    "explained": ev.Explained,
    "exited": ev.Exited,
    "trace_seen": ev.TraceSeen,
    "waiting": lambda guid, action, peers, delay_s: ev.Waiting(guid, ResourceAction[action], tuple(peers), delay_s),
    "watch_asked": lambda watch, condition, survives_abort: ev.WatchAsked(watch, _unwatch(condition), survives_abort),
    "watch_dropped": ev.WatchDropped,
    "release_asked": lambda ranges: ev.ReleaseAsked(_guids(ranges)),
    "abort_asked": ev.AbortAsked,
    "resumed": lambda pairs: ev.Resumed(tuple(int(guid) for guid, _ in pairs), tuple(str(reason) for _, reason in pairs)),
    "ticked": ev.Ticked,
}
"""By the name of a record: what takes the rest of it. A dictionary, because a long journal has a million."""


def instruction_record(instruction: ev.Instruction) -> list[Any]:
    """Return an instruction as plain JSON data."""
    match instruction:
        case ev.Perform(action=action, guids=guids):
            return ["perform", action.name, guids]
        case ev.Cancel(guid=guid):
            return ["cancel", guid]
        case ev.Fail(guid=guid, reason=reason):
            return ["fail", guid, reason]
        case ev.GoOn(guid=guid, why=why):
            return ["go_on", guid, why]
        case ev.Reset(guid=guid, state=state, why=why):
            return ["reset", guid, state.name, why]
        case ev.Renew(guid=guid, exclude=exclude, why=why):
            return ["renew", guid, exclude, why]
        case ev.Change(change=change, guid=guid):
            return ["change", change, guid]
        case ev.LeaveBehind(guid=guid, reason=reason):
            return ["leave_behind", guid, reason]
        case ev.Abort(reason=reason, guid=guid):
            return ["abort", reason, guid]
        case ev.Met(watch=watch):
            return ["met", watch]
        case ev.Missed(watch=watch, reason=reason):
            return ["missed", watch, reason]
        case ev.WatchTrace(guid=guid, trace=trace, pattern=pattern):
            return ["watch_trace", guid, trace, pattern]


def _profile_record(profile: ev.Profile) -> dict[str, Any]:
    record: dict[str, Any] = {"critical": profile.critical, "deadlines_s": profile.deadlines_s}
    if profile.retry is not None:
        record["retry"] = list(astuple(profile.retry))
    if profile.replacements:
        record["replacements"] = profile.replacements
    return record


def _profile_from(record: dict[str, Any]) -> ev.Profile:
    deploy, start, stop, release = record["deadlines_s"]
    retry = ev.Retry(*record["retry"]) if "retry" in record else None
    return ev.Profile(record["critical"], retry, (deploy, start, stop, release), record.get("replacements", 0))


def _ranges(guids: ev.Guids) -> list[Any]:
    """Write runs of consecutive guids as [first, last], others as they are: [[1, 5000], 7]."""
    record: list[Any] = []
    first = last = -2
    for guid in guids:
        if guid == last + 1:
            last = guid
            continue
        if last >= 0:
            record.append([first, last] if last > first else first)
        first = last = guid
    if last >= 0:
        record.append([first, last] if last > first else first)
    return record


def _guids(record: list[Any]) -> ev.Guids:
    guids: list[int] = []
    for one in record:
        if isinstance(one, int):
            guids.append(one)
        else:
            guids.extend(range(one[0], one[1] + 1))
    return tuple(guids)


def _runs(values: tuple[int, ...]) -> list[list[int]]:
    """Write equal neighbours as [value, how many]."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([int(value), 1])
    return runs


def _unrun(runs: list[list[int]]) -> tuple[int, ...]:
    return tuple(value for value, count in runs for _ in range(count))


def _watch_condition(condition: Any) -> list[Any]:
    record = condition_record(condition)
    if record[0] == "reached":
        record[1] = {"ranges": _ranges(tuple(record[1]))}
    return record


def _unwatch(record: list[Any]) -> Any:
    if record[0] == "reached":
        record = [record[0], list(_guids(record[1]["ranges"])), *record[2:]]
    return condition_from(record)
