"""What a link, or an interface of a host, can be asked to do to packets: attributes for both directions, and what they mean as a `Shape`.

An attribute counts for both directions; its sibling with `Back` at the end of its name, if set, for the direction from the second end to
the first. Both are made from one declaration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from nepi.errors import BadValueError
from nepi.execution.attribute import Attribute
from nepi.execution.resource import ResourceManager
from nepi.hosts.agent.queues import Shape
from nepi.model.loss_bursts import GilbertElliott, bursts_of_mean_length
from nepi.units import format_duration

BACK: Final = "Back"
DISTRIBUTIONS: Final = ("uniform", "normal", "pareto", "paretonormal")
DISCIPLINES: Final = ("fifo", "fq_codel", "red")
C = TypeVar("C", bound=type[ResourceManager])


def each_direction(rclass: C) -> C:
    """Give each attribute that a class declares in its body a sibling for the way back."""
    declared = [one for one in vars(rclass).values() if isinstance(one, Attribute)]
    for one in declared:
        sibling = one.copy()
        sibling._name = one.name + BACK
        sibling._help = f"`{one.name}` from the second end to the first; as in the other direction when not set."
        setattr(rclass, sibling.name, sibling)
        rclass._register_attribute(sibling)
    return rclass


@each_direction
class Impairments(ResourceManager):
    """Attributes that say what becomes of packets; for links and interfaces to inherit."""

    rate = Attribute.rate(help="Bit/s of Ethernet frames; not limited when not set.", range=(8, 10**13))
    burst = Attribute.size(help="Bytes that may leave at once after a pause; chosen when not set.", range=(64, 10**9))
    queue = Attribute.integer(help="Frames that may wait; by default what 100 ms of the rate hold.", range=(1, 10**7))
    queueDiscipline = Attribute.choice(DISCIPLINES, help="What becomes of frames that wait; fifo when not set.")
    ecn = Attribute.boolean(help="Whether fq_codel and red mark packets instead of dropping them; they do not when not set.")
    delay = Attribute.duration(help="Delay of the way.", range=(0, 3600))
    jitter = Attribute.duration(help="The delay varies by plus or minus this; see jitterDistribution.", range=(0, 3600))
    jitterDistribution = Attribute.choice(DISTRIBUTIONS, help="How the delay varies; uniform when not set.")
    loss = Attribute.fraction(help="Part of the packets that is lost.")
    lossBurst = Attribute.number(help="Packets lost in a row, on average; losses are independent when not set.", range=(1, 10**6))
    gemodel = GilbertElliott(help='Loss by the model of Gilbert and Elliott, like "p 1% r 20% bad 100% good 0.1%", instead of loss.')
    duplicate = Attribute.fraction(help="Part of the packets that comes twice.")
    reorder = Attribute.fraction(help="Part of the packets that skips the delay and so overtakes those before.")
    corrupt = Attribute.fraction(help="Part of the packets with one flipped bit.")

    def shapes(self) -> tuple[Shape, Shape]:
        """Return what the attributes ask for, of the first end and of the second."""
        values = {name: self.get(name) for name in (*DIRECTIONAL, *BACKWARD)}
        return shape_of(values, back=False), shape_of(values, back=True)


DIRECTIONAL: Final = tuple(name for name in Impairments._attributes if name + BACK in Impairments._attributes)
"""The attributes that have a sibling for the way back."""
_GOES_WITH: Final = (("jitter", "delay"), ("reorder", "delay"), ("jitterDistribution", "jitter"), ("lossBurst", "loss"))
"""What there is only with something else: a way back without that has not the first either, unless it says so."""
BACKWARD: Final = tuple(name + BACK for name in DIRECTIONAL)


def one_way(values: Mapping[str, Any], *, back: bool) -> dict[str, Any]:
    """Return what is asked of one direction, by the names without `Back`.

    Args:
        values: attributes that were set.
        back: whether the way from the second end to the first is meant.
    """
    found: dict[str, Any] = {}
    for name in DIRECTIONAL:
        value = values.get(name + BACK) if back else None
        found[name] = values.get(name) if value is None else value
    # The two ways to describe loss exclude each other; what was said of the way back alone goes first.
    if back and values.get("gemodelBack") is not None:
        found.update({name: values.get(name + BACK) for name in ("loss", "lossBurst")})
    elif back and values.get("lossBack") is not None:
        found["gemodel"] = None
    if back:
        for name, of in _GOES_WITH:
            if not found[of] and values.get(name + BACK) is None:
                found[name] = None
    return found


def shape_of(values: Mapping[str, Any], *, back: bool) -> Shape:
    """Return what attributes ask for in one direction."""
    asked = one_way(values, back=back)
    bursts = None
    if asked["gemodel"] is not None:
        bursts = GilbertElliott.parse(asked["gemodel"])
    elif asked["loss"] and asked["loss"] < 1 and asked["lossBurst"] is not None:
        bursts = bursts_of_mean_length(asked["loss"], asked["lossBurst"])
    return Shape(
        rate_bps=asked["rate"],
        burst_bytes=asked["burst"],
        queue_packets=asked["queue"],
        delay_s=asked["delay"],
        jitter_s=asked["jitter"],
        loss=None if bursts else asked["loss"],
        duplicate=asked["duplicate"],
        reorder=asked["reorder"],
        corrupt=asked["corrupt"],
        distribution=asked["jitterDistribution"],
        bursts=bursts,
        discipline=asked["queueDiscipline"],
        ecn=asked["ecn"],
    )


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
