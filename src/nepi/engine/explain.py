"""What a resource waits for, in one sentence: `ec.why(x)` and `nepi why`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nepi.engine.gates import entered_strictly, reached_at
from nepi.model.conditions import After, AllOf, AnyOf, Condition, Exited, Reached, TraceMatched, Within
from nepi.model.states import ENDED, ResourceAction, ResourceState

if TYPE_CHECKING:
    from nepi.engine.core import Engine
    from nepi.engine.members import Member


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a resource is where it is.

    Attributes:
        guid: the resource.
        sentence: for people.
        waits_for: guids that have not done yet what it waits for.
    """

    guid: int
    sentence: str
    waits_for: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.sentence


def explain(engine: Engine, member: Member) -> Explanation:
    """Say what `member` waits for, or why it does not wait."""
    name = engine.label(member.guid)
    state = ResourceState(member.state)
    if state in ENDED:
        return Explanation(member.guid, f"{name} is {state.name}" + (f": {member.reason}" if member.reason else "") + ".")
    if member.renewing:
        return Explanation(member.guid, f"{name} waits for another candidate, because its {member.renewing}.")
    if member.doing is not None and member.repeat is None:
        return Explanation(member.guid, _what_is_done(member, name, state))
    if engine.aborted is not None:
        return Explanation(member.guid, f"{name} stays {state.name} because the run was aborted: {engine.aborted}.")
    if member.repeat is not None:
        action = ResourceAction(member.repeat).name.lower()
        return Explanation(member.guid, f"{name} is {state.name}; its {action} is repeated when a connected resource changes state.")
    if member.release_wanted:
        left = tuple(guid for guid in member.dependents or () if engine.members[guid].state != ResourceState.RELEASED)
        return Explanation(member.guid, f"{name} is released when {_names(engine, left)} have been released.", left)
    if member.pause is not None:
        pause = member.pause
        which = f"its {_ordinal(pause.attempt)} of {pause.attempts} attempts"
        why = f"because its {pause.what} failed: {pause.failure}"
        return Explanation(member.guid, f"{name} is {state.name}; it waits {pause.wait_s:g} s before {which}, {why}.")
    return _explain_gates(engine, member, name, state)


def _what_is_done(member: Member, name: str, state: ResourceState) -> str:
    action = ResourceAction(member.doing or 0)
    limit = member.profile.deadlines_s[action]
    bound = "" if limit is None else f", for which it has {limit:g} s"
    again = f", in its {_ordinal(member.attempts + 1)} attempt" if member.attempts else ""
    return f"{name} is {state.name}; its {action.name.lower()} is being carried out{again}{bound}."


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if 10 <= number % 100 <= 20 else endings.get(number % 10, 'th')}"


def _explain_gates(engine: Engine, member: Member, name: str, state: ResourceState) -> Explanation:
    for number in sorted(member.gates or {}):
        action = ResourceAction(number)
        if action == ResourceAction.STOP and state != ResourceState.STARTED:
            continue
        waits, guids = _open_parts(engine, member, action)
        return Explanation(member.guid, f"{name} is {state.name}; it waits to {action.name.lower()} until {' and '.join(waits)}.", guids)
    if not member.deploy_wanted:
        return Explanation(member.guid, f"{name} is {state.name}; nobody has asked to deploy it.")
    if state == ResourceState.READY:
        others = tuple(one.guid for one in engine.members.values() if one.group == member.group and one.state < ResourceState.READY)
        if others and engine.groups[member.group].holds_back(member.guid):
            group = engine.groups[member.group]
            whom = "all" if group.quorum is None else f"{group.needed} of the {group.total}"
            sentence = f"{name} is READY; it starts when {whom} of its deployment group are READY: {_names(engine, others)} is not yet."
            return Explanation(member.guid, sentence, others)
    for change in (member.changes or {}).values():
        text, waiting = _describe(engine, change.condition)
        return Explanation(member.guid, f"{name} is {state.name}; {' and '.join(change.names)} will be set when {text}.", tuple(waiting))
    return Explanation(member.guid, f"{name} is {state.name} and waits for nothing.")


def _open_parts(engine: Engine, member: Member, action: ResourceAction) -> tuple[list[str], tuple[int, ...]]:
    sentences: list[str] = []
    guids: list[int] = []
    if action == ResourceAction.DEPLOY:
        for provider, state in member.needs:
            if entered_strictly(engine.members[provider], state) is None:
                sentences.append(f"{engine.label(provider)} is {ResourceState(state).name}")
                guids.append(provider)
    for condition in (member.conditions or {}).get(action, []):
        text, waits = _describe(engine, condition)
        sentences.append(text)
        guids.extend(waits)
    return sentences or ["its conditions are met"], tuple(dict.fromkeys(guids))


def _describe(engine: Engine, condition: Condition) -> tuple[str, list[int]]:
    match condition:
        case Reached(guids=guids, state=state, mode=mode, count=count):
            waiting = [guid for guid in guids if reached_at(engine.members[guid], condition) is None]
            what = "has ended" if mode == "ended" else f"is {ResourceState(state).name}" + (" or beyond" if mode == "at_least" else "")
            some = f"{count} of " if count is not None else ""
            return f"{some}{_names(engine, tuple(waiting or guids))} {what}", waiting
        case Exited(guid=guid, status=status):
            return f"{engine.label(guid)} has exited with status {status}", [guid]
        case TraceMatched(guid=guid, trace=trace, pattern=pattern):
            return f"trace {trace!r} of {engine.label(guid)} matches {pattern!r}", [guid]
        case After(part=part, delay_s=delay_s):
            text, waits = _describe(engine, part)
            return f"{delay_s:g} s after {text}", waits
        case Within(part=part, deadline_s=deadline_s):
            text, waits = _describe(engine, part)
            return f"{text} (within {deadline_s:g} s)", waits
        case AllOf(parts=parts) | AnyOf(parts=parts):
            described = [_describe(engine, part) for part in parts]
            word = " and " if isinstance(condition, AllOf) else " or "
            return "(" + word.join(text for text, _ in described) + ")", [guid for _, waits in described for guid in waits]
    return repr(condition), []


def _names(engine: Engine, guids: tuple[int, ...]) -> str:
    shown = ", ".join(engine.label(guid) for guid in guids[:5])
    return shown + (f" and {len(guids) - 5} more" if len(guids) > 5 else "") or "nothing"
