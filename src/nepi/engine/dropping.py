"""Taking members out of a condition, for the seed's `unregister_condition`."""

from __future__ import annotations

from dataclasses import replace

from nepi.model.conditions import After, AllOf, AnyOf, Condition, Exited, Reached, TraceMatched, Within


def without_members(condition: Condition, dropped: frozenset[int]) -> Condition | None:
    """Return the condition without what it says of `dropped`, or None when nothing is left of it."""
    match condition:
        case Reached(guids=guids, count=count):
            others = tuple(guid for guid in guids if guid not in dropped)
            return replace(condition, guids=others, count=None if count is None else min(count, len(others))) if others else None
        case Exited(guid=guid) | TraceMatched(guid=guid):
            return None if guid in dropped else condition
        case AllOf(parts=parts) | AnyOf(parts=parts):
            kept = tuple(left for part in parts if (left := without_members(part, dropped)) is not None)
            return type(condition)(kept) if kept else None
        case After(part=part) | Within(part=part):
            inner = without_members(part, dropped)
            return None if inner is None else replace(condition, part=inner)
    return condition
