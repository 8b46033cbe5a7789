"""What a link cannot be: mistakes of its attributes that can be found before anything is created, and at each change. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nepi.errors import BadValueError
from nepi.model.typespec import Remark
from nepi.resources.netns.impairments import BACK, BACKWARD, one_way, shape_of
from nepi.resources.netns.implementation import KERNEL, REMEDY, USERSPACE, choose
from nepi.units import format_duration, format_rate

FRAME_BYTES = 1514

_NEEDS = (
    # (attribute, one of these must be there, what to say)
    ("jitter", ("delay",), "needs a delay, which it varies: set delay, too"),
    ("reorder", ("delay",), "needs a delay, which it varies: set delay, too"),
    ("jitterDistribution", ("jitter",), "needs a jitter, whose values it distributes: set jitter, too"),
    ("lossBurst", ("loss",), "needs a loss, which then comes in bursts: set loss, too"),
    ("queue", ("rate", "timeline"), "needs a rate: without one, nothing ever waits"),
    ("queueDiscipline", ("rate", "timeline"), "needs a rate: without one, nothing ever waits"),
    ("burst", ("rate",), "needs a rate: without one, everything may leave at once"),
)


def value_mistakes(values: Mapping[str, Any]) -> Iterator[str]:
    """Find values that do not go together, in either direction.

    Args:
        values: attributes that were set.
    """
    found = list(_one_way_mistakes(values, back=False))
    if not found and any(values.get(name) is not None for name in (*BACKWARD, f"timeline{BACK}")):
        found += _one_way_mistakes(values, back=True)
    yield from dict.fromkeys(found)


def _one_way_mistakes(values: Mapping[str, Any], *, back: bool) -> Iterator[str]:
    asked = one_way(values, back=back)
    timeline = values.get(f"timeline{BACK}") or values.get("timeline") if back else values.get("timeline")

    def name_of(name: str) -> str:
        return name + BACK if back and values.get(name + BACK) is not None else name

    there = {**asked, "timeline": timeline}
    for name, needed, why in _NEEDS:
        if asked[name] and not any(there[one] for one in needed):
            yield f"{name_of(name)} {why}"
    if asked["jitter"] and asked["delay"] and asked["jitter"] > asked["delay"]:
        jitter, delay = (format_duration(asked[name], digits=6) for name in ("jitter", "delay"))
        where = " from the second end to the first" if back else ""
        yield f"{name_of('jitter')} {jitter} is more than the delay of {delay}{where}: no packet arrives before it was sent"
    if asked["ecn"] and asked["queueDiscipline"] not in ("fq_codel", "red"):
        yield f"{name_of('ecn')} needs a queue that can mark packets: set queueDiscipline to fq_codel or red"
    if asked["gemodel"] is not None and (asked["loss"] or asked["lossBurst"]):
        yield f"{name_of('gemodel')} says everything about loss: leave loss and lossBurst out"
    try:
        shape_of(values, back=back)
    except BadValueError as error:
        yield f"{name_of('lossBurst')}: {error}"


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
