"""What a topology must be to be built: names that differ, links with two ends, and one piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from nepi.errors import did_you_mean
from nepi.topologies.elements import TopologyLink, TopologyNode

SHOWN = 5


def parts_of(nodes: Sequence[TopologyNode], links: Iterable[TopologyLink]) -> list[list[str]]:
    """Return the names of the nodes of each part that hangs together, the largest part first, each in the order of `nodes`."""
    leader = {one.name: one.name for one in nodes}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for link in links:
        first, second = link.ends
        if first in leader and second in leader:
            leader[find(second)] = find(first)
    found: dict[str, list[str]] = {}
    for one in nodes:
        found.setdefault(find(one.name), []).append(one.name)
    return sorted(found.values(), key=len, reverse=True)


def mistakes_of(nodes: Sequence[TopologyNode], links: Sequence[TopologyLink], traffic: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong, one sentence each."""
    if not nodes:
        yield "it has no nodes"
        return
    yield from _name_mistakes(nodes, links)
    known = {one.name for one in nodes}
    for link in links:
        for end in dict.fromkeys(link.ends):
            if end not in known:
                yield f"link {link.name!r} ends at {end!r}, and there is no such node{did_you_mean(end, known)}"
        if link.ends[0] == link.ends[1]:
            yield f"link {link.name!r} has both ends at {link.ends[0]!r}: join two different nodes"
    for name in dict.fromkeys(traffic):
        if name not in known:
            yield f"traffic comes from or goes to {name!r}, and there is no such node{did_you_mean(name, known)}"
    found = parts_of(nodes, links)
    if len(found) > 1:
        yield (
            f"it is in {len(found)} parts without a link between them ({_parts_text(found)}): "
            "join them by links, or build one of `parts()`, of which the first is the largest"
        )


def _name_mistakes(nodes: Sequence[TopologyNode], links: Sequence[TopologyLink]) -> Iterator[str]:
    of_nodes, of_links = Counter(one.name for one in nodes), Counter(one.name for one in links)
    for name, count in of_nodes.items():
        if count > 1:
            yield f"{count} nodes are called {name!r}: give each a name of its own"
    for name, count in of_links.items():
        if count > 1:
            yield f"{count} links are called {name!r}: give each a name of its own"
        elif name in of_nodes:
            yield f"a node and a link are called {name!r}: give one of them another name"


def _parts_text(parts: Sequence[Sequence[str]]) -> str:
    shown = ["{" + _names_text(part) + "}" for part in parts[:SHOWN]]
    return ", ".join(shown) + (f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else "")


def _names_text(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
