"""Which implementation of links a link gets: the kernel's queues, or frames moved in user space. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nepi.hosts.impairments import DIRECTIONAL, shape_of
from nepi.hosts.namespace import Shape

AUTO: Final = "auto"
KERNEL: Final = "kernel"
USERSPACE: Final = "userspace"
IMPLEMENTATIONS: Final = (AUTO, KERNEL, USERSPACE)
_OF_NETEM: Final = ("delay", "jitter", "loss", "gemodel", "duplicate", "reorder", "corrupt")
REMEDY: Final = 'implementation="userspace"'


def kernel_lacks(values: Mapping[str, Any], features: Mapping[str, bool]) -> dict[str, str]:
    """Return which attributes cannot be had from the kernel: their names to the reason.

    Args:
        values: the link's attributes.
        features: queueing disciplines to whether the kernel has them; one that is not named is taken to be there.
    """
    lacking: dict[str, str] = {}
    for name in DIRECTIONAL:
        if any(values.get(each) for each in (name, f"{name}Back")):
            reason = _lacks(name, values, features)
            if reason:
                lacking[name] = reason
    for back in (False, True):
        shape = _shape(values, back=back)
        if shape is not None and shape.reorder and shape.rate_bps and not shape.is_fifo:
            lacking["reorder"] = f"the kernel's netem lets what overtakes pass by {shape.discipline}, too"
    return lacking


def _lacks(name: str, values: Mapping[str, Any], features: Mapping[str, bool]) -> str:
    if name in _OF_NETEM and not features.get("netem", True):
        return "this kernel has no netem"
    if name == "rate" and not features.get("tbf", True):
        return "this kernel has no TBF queue"
    if name == "queueDiscipline":
        for kind in (values.get(name), values.get(f"{name}Back")):
            if kind not in (None, "fifo") and not features.get(kind, True):
                return f"this kernel has no {kind}"
    return ""


def _shape(values: Mapping[str, Any], *, back: bool) -> Shape | None:
    try:
        return shape_of(values, back=back)
    except ValueError:  # said by the checks of values
        return None


def choose(
    values: Mapping[str, Any], later: Iterable[Mapping[str, Any]], facts: Mapping[str, Any], *, traced: bool = False
) -> tuple[str, dict[str, str]]:
    """Return the implementation that a link gets, and what cannot be had from it: attribute to reason, "" for all of it.

    Args:
        values: the link's attributes.
        later: what they will be, as far as that is known before it is made.
        facts: the backend's, with `features` and `userspace_links`.
        traced: whether a packet-delivery trace says when frames leave.
    """
    userspace = facts.get("userspace_links", {})
    asked = values.get("implementation") or AUTO
    lacking: dict[str, str] = {}
    for present in (values, *later):
        lacking.update(kernel_lacks(present, facts.get("features", {})))
    if traced:
        lacking["timeline"] = "the kernel does not know packet-delivery traces"
    if asked == KERNEL or (asked == AUTO and not lacking):
        return KERNEL, lacking
    if userspace.get("available", False):
        return USERSPACE, {}
    why = userspace.get("why", "links in user space cannot be made here")
    return USERSPACE, {name: f"{reason}, and {why}" for name, reason in lacking.items()} or {"implementation": why}
