"""What tc(8) is told to let an interface behave as a `Shape` says, line by line. Pure functions.

Traffic to some networks only can be shaped: then the disciplines hang below one class of an HTB, and everything else goes through another
class that does nothing. What arrives is shaped on its way through an interface of the kind ifb.

Sources: tc(8), tc-htb(8), tc-u32(8), tc-mirred(8).
"""

from __future__ import annotations

from collections.abc import Sequence

from nepi.hosts.agent.queues import Shape, Stage, Stages, written_stages
from nepi.hosts.devices import tc_options
from nepi.hosts.devices.words import Line

ETHERNET_HEADER = 14
_KINDS = ("tbf", "netem", "pfifo", "fq_codel", "red")
_NO_LIMIT = ("htb", "rate", "100gbit", "quantum", "60000")


def shaped(shape: Shape, mtu: int) -> Stages[tuple[str, ...]]:
    """Return the disciplines, from the root downwards; none when nothing is asked for."""
    return written_stages(shape, mtu + ETHERNET_HEADER, tc_options)


def root(ifname: str, stages: Stages[tuple[str, ...]], networks: Sequence[str] = (), *, arriving: bool = False) -> list[Line]:
    """Return what gives an interface without disciplines these.

    Args:
        ifname: the interface.
        stages: from `shaped`.
        networks: those whose packets are shaped; empty for all packets.
        arriving: whether the packets come from these networks instead of going there.
    """
    if not stages:
        return []
    lines: list[Line] = []
    if networks:
        lines.append(("qdisc", "add", "dev", ifname, "root", "handle", "1:", "htb", "default", "2"))
        lines += [("class", "add", "dev", ifname, "parent", "1:", "classid", f"1:{number}", *_NO_LIMIT) for number in (1, 2)]
    lines += chain(ifname, stages, networks)
    return lines + [_filter(ifname, network, arriving=arriving) for network in networks]


def chain(ifname: str, stages: Stages[tuple[str, ...]], networks: Sequence[str] = ()) -> list[Line]:
    """Return what sets the disciplines themselves; where they are of the same kinds already, what waits in them stays."""
    lines: list[Line] = []
    parent = ("parent", "1:1") if networks else ("root",)
    for position, stage in enumerate(stages):
        handle = f"{0x10 * (position + 1) + _KINDS.index(stage.kind):x}"
        lines.append(("qdisc", "replace", "dev", ifname, *parent, "handle", f"{handle}:", stage.kind, *stage.options))
        parent = ("parent", f"{handle}:1")
    return lines


def _filter(ifname: str, network: str, *, arriving: bool) -> Line:
    protocol, match, order = ("ipv6", "ip6", "2") if ":" in network else ("ip", "ip", "1")
    where = "src" if arriving else "dst"
    head = ("filter", "add", "dev", ifname, "parent", "1:", "prio", order, "protocol", protocol)
    return (*head, "u32", "match", match, where, network, "flowid", "1:1")


def divert(ifname: str, through: str) -> list[Line]:
    """Return what leads everything that arrives through another interface first."""
    redirect = ("action", "mirred", "egress", "redirect", "dev", through)
    return [
        ("qdisc", "add", "dev", ifname, "handle", "ffff:", "ingress"),
        ("filter", "add", "dev", ifname, "parent", "ffff:", "protocol", "all", "u32", "match", "u32", "0", "0", *redirect),
    ]


def can_be_changed(before: Stages[tuple[str, ...]], after: Stages[tuple[str, ...]]) -> bool:
    """Whether disciplines can be turned into others where they are; else they are taken away first."""
    if not before or len(before) != len(after):
        return False
    # netem keeps what a change does not name, and two of them that duplicate cannot be beside each other: the same words, or all anew.
    return all(_names(old) == _names(new) for old, new in zip(before, after, strict=True))


def _names(stage: Stage[tuple[str, ...]]) -> tuple[str, ...]:
    return (stage.kind, *(word for word in stage.options if word.isalpha()))


def remove(ifname: str, *, ingress: bool = False) -> Line:
    """Take the disciplines away."""
    return ("qdisc", "del", "dev", ifname, "ingress" if ingress else "root")
