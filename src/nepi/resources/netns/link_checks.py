"""What a link cannot be: mistakes of its attributes that can be found before anything is created, and at each change. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nepi.hosts.impairments import one_way, value_mistakes
from nepi.model.typespec import Remark
from nepi.resources.netns.implementation import KERNEL, REMEDY, USERSPACE, choose
from nepi.units import format_rate

FRAME_BYTES = 1514


def link_mistakes(
    values: Mapping[str, Any], facts: Mapping[str, Any], later: Iterable[Mapping[str, Any]] = (), *, traced: bool = False
) -> Iterator[str]:
    """Find what a link cannot be here, and remarks on what it will be.

    Args:
        values: the link's attributes.
        facts: the backend's.
        later: what they will be, as far as that is known.
        traced: whether a packet-delivery trace says when frames leave.
    """
    yield from value_mistakes(values)
    chosen, lacking = choose(values, later, facts, traced=traced)
    if lacking:
        yield impossible(chosen, lacking)
    elif chosen == USERSPACE:
        yield from _remarks(values, later, facts)


def impossible(chosen: str, lacking: Mapping[str, str]) -> str:
    """Say what an implementation cannot do: attributes to reasons."""
    names = ", ".join(lacking)
    them = "it" if len(lacking) == 1 else "them"
    reason = "; ".join(dict.fromkeys(lacking.values()))
    remedy = f", or write {REMEDY}" if chosen == KERNEL else ""
    return f"{names} cannot be had: {reason}; leave {them} out{remedy}, or see `nepi doctor`"


def _remarks(values: Mapping[str, Any], later: Iterable[Mapping[str, Any]], facts: Mapping[str, Any]) -> Iterator[str]:
    if values.get("implementation") != USERSPACE:
        yield Remark("links with delay, loss and the like are made in user space, because of what the kernel lacks; see `nepi doctor`")
    ceiling = facts["userspace_links"].get("packets_per_s")
    rates = [sum(one_way(each, back=back)["rate"] or 0 for back in (False, True)) for each in (values, *later)]
    if ceiling and max(rates) / 8 / FRAME_BYTES > ceiling:
        most = format_rate(ceiling * 8 * FRAME_BYTES, digits=2)
        yield Remark(
            f"a link is to carry {format_rate(max(rates), digits=3)}, both directions together, and a core of this machine moves about "
            f"{most} in user space: what is sent beyond that is late, and marks the run"
        )
