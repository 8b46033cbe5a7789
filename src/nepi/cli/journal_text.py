"""Lines of a journal for people: names instead of numbers, what happened and what was done about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from nepi.cli.progress import entered, shortened
from nepi.engine import events as ev
from nepi.engine.codec import event_from
from nepi.plan.wording import condition_text

SHOWN: Final = 8
_VERBS: Final = {"DEPLOY": "deploy", "START": "start", "STOP": "stop", "RELEASE": "release"}


class JournalText:
    """Turns journal lines into text.

    Args:
        name: names a resource.
        everything: also what only the framework itself asked to be told.
    """

    def __init__(self, name: Callable[[int], str], *, everything: bool = False) -> None:
        self._name = name
        self._everything = everything
        self._began: datetime | None = None

    def lines(self, record: dict[str, Any]) -> list[str]:
        """Return the text of one line of the journal."""
        if "journal" in record:
            return self._header(record)
        at = self._time(float(record["t"]))
        if "note" in record:
            return [f"{at}  note       " + ", ".join(f"{key}: {value}" for key, value in record["note"].items())]
        told = [text for one in record["ev"] for text in self._events(event_from(one))]
        told += [text for one in record["do"] if (text := self._decision(one)) is not None]
        return [f"{at}  {text}" for text in told]

    def _header(self, record: dict[str, Any]) -> list[str]:
        try:
            self._began = datetime.fromisoformat(str(record.get("began")))
        except ValueError:
            self._began = None
        began = f" began {self._began:%Y-%m-%d %H:%M:%S}" if self._began else ""
        return [f"run {record.get('exp_id')}/{record.get('run_id')}{began}"]

    def _time(self, seconds: float) -> str:
        clock = f"{self._began + timedelta(seconds=seconds):%H:%M:%S.%f}"[:-3] + " " if self._began else ""
        return f"{clock}{seconds:9.3f} s"

    def _names(self, guids: Any) -> str:
        return shortened([self._name(guid) for guid in guids[:SHOWN]], len(guids))

    def _events(self, event: ev.Event) -> list[str]:
        states = [_told(state.name, self._names(guids)) for state, guids in entered(event)]
        other = self._event(event)
        return states if other is None else [other]

    def _event(self, event: ev.Event) -> str | None:
        match event:
            case ev.Failed(guid=guid, action=action, reason=reason):
                return _told("error", f"{_VERBS[action.name]} of {self._name(guid)} failed: {reason}")
            case ev.Explained(guid=guid, reason=reason):
                return _told("error", f"{self._name(guid)}: {reason}")
            case ev.Exited(guid=guid, status=status):
                return _told("exited", f"{self._name(guid)} with status {status}")
            case ev.DeployAsked(group=group, guids=guids):
                return _told("asked", f"deploy group {group}: {self._names(guids)}")
            case ev.ActionAsked(action=action, guids=guids):
                return _told("asked", f"{_VERBS[action.name]} {self._names(guids)}")
            case ev.ReleaseAsked(guids=guids):
                return _told("asked", f"release {self._names(guids)}")
            case ev.SetAsked(change=change, guid=guid, condition=condition, values=values):
                what = ", ".join(f"{name}={value!r}" for name, value in values)
                return _told("asked", f"change {change}: set {what} of {self._name(guid)} when {condition_text(condition, self._name)}")
            case ev.SetFailed(change=change, guid=guid, reason=reason):
                return _told("error", f"change {change} of {self._name(guid)}: {reason}")
            case ev.Renewed(guid=guid):
                return _told("renewed", self._name(guid))
            case ev.Resumed(lost=lost):
                return _told("resumed", "by another controller" + (f"; lost: {self._names(lost)}" if lost else ""))
            case ev.AbortAsked(reason=reason):
                return _told("asked", f"abort: {reason}")
            case ev.TraceSeen(guid=guid, trace=trace, pattern=pattern, matched=matched):
                what = f"matches {pattern!r}" if matched else f"will not match {pattern!r} any more"
                return _told("trace", f"{trace} of {self._name(guid)} {what}")
        return self._detail(event) if self._everything else None

    def _detail(self, event: ev.Event) -> str | None:
        match event:
            case ev.Joined(guids=guids):
                return _told("joined", self._names(guids))
            case ev.ConditionAdded(guid=guid, action=action, condition=condition):
                return _told("condition", f"{_VERBS[action.name]} of {self._name(guid)} when {condition_text(condition, self._name)}")
            case ev.ConditionsDropped(guid=guid, action=action):
                return _told("condition", f"{_VERBS[action.name]} of {self._name(guid)} waits for less")
            case ev.Needed(dependents=dependents):
                return _told("needs", f"of {self._names(tuple(dict.fromkeys(dependents)))}")
            case ev.Waiting(guid=guid, action=action, delay_s=delay_s):
                return _told("waiting", f"{self._name(guid)} wants {_VERBS[action.name]} again within {delay_s:g} s")
            case ev.WatchAsked(watch=watch, condition=condition):
                return _told("watch", f"{watch}: {condition_text(condition, self._name)}")
            case ev.WatchDropped(watch=watch):
                return _told("watch", f"{watch} dropped")
        return None

    def _decision(self, record: list[Any]) -> str | None:
        match record:
            case ["perform", action, guids]:
                return _told("-> " + _VERBS[action], self._names(guids))
            case ["cancel", guid]:
                return _told("-> cancel", self._name(guid))
            case ["fail", guid, reason]:
                return _told("-> fail", f"{self._name(guid)}: {reason}")
            case ["go_on", guid, why]:
                return _told("-> go on", f"without {self._name(guid)}: {why}")
            case ["reset", guid, state, why]:
                return _told("-> retry", f"{self._name(guid)} from {state}: {why}")
            case ["renew", guid, exclude, why]:
                return _told("-> replace" if exclude else "-> renew", f"{self._name(guid)}: {why}")
            case ["change", change, guid]:
                return _told("-> set", f"change {change} of {self._name(guid)}")
            case ["leave_behind", guid, reason]:
                return _told("-> leave", f"{self._name(guid)} behind: {reason}")
            case ["abort", reason, *_]:
                return _told("-> abort", str(reason))
            case ["met" | "missed" as word, watch, *_] if self._everything:
                return _told(f"-> {word}", f"watch {watch}")
        return None


def _told(word: str, what: str) -> str:
    return f"{word:<10} {what}"
