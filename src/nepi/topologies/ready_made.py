"""Topologies of well-known shapes, made by class methods of `Topology`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from nepi.errors import BadValueError
from nepi.topologies import shapes
from nepi.topologies.elements import Kind, checked_attributes, checked_kind


class ReadyMade:
    """What `Topology` makes by itself. Not for use by itself."""

    @classmethod
    def _of_sketch(cls, name: str, sketch: shapes.Sketch, more: Mapping[str, Any]) -> Self:
        """Return what was drawn."""
        raise NotImplementedError

    @classmethod
    def linear(cls, nodes: int, *, hosts: int = 0, access: Mapping[str, Any] | None = None, **link: Any) -> Self:
        """Return a chain n1 - n2 - n3.

        Args:
            nodes: how many.
            hosts: how many hosts each of them gets; they are routers then.
            access: attributes of the links to those hosts, beside `link`.
            link: attributes of all links (rate="10Mbit"), and `name`, `networks`, `routing` as above. This holds for all shapes.
        """
        sketch, more = _begun(link, access=access)
        shapes.linear(sketch, nodes, shapes.checked_count(hosts, "hosts", 0))
        return cls._of_sketch("linear", sketch, more)

    @classmethod
    def ring(cls, nodes: int, *, hosts: int = 0, access: Mapping[str, Any] | None = None, **link: Any) -> Self:
        """Return a chain whose ends are joined; arguments as for `linear`."""
        sketch, more = _begun(link, access=access)
        shapes.ring(sketch, nodes, shapes.checked_count(hosts, "hosts", 0))
        return cls._of_sketch("ring", sketch, more)

    @classmethod
    def mesh(cls, nodes: int, *, hosts: int = 0, access: Mapping[str, Any] | None = None, **link: Any) -> Self:
        """Return nodes of which each is linked to each; arguments as for `linear`."""
        sketch, more = _begun(link, access=access)
        shapes.mesh(sketch, nodes, shapes.checked_count(hosts, "hosts", 0))
        return cls._of_sketch("mesh", sketch, more)

    @classmethod
    def ladder(cls, rungs: int, *, hosts: int = 0, access: Mapping[str, Any] | None = None, **link: Any) -> Self:
        """Return two chains a1 - a2 - ... and b1 - b2 - ... with a rung between each pair; other arguments as for `linear`."""
        sketch, more = _begun(link, access=access)
        shapes.ladder(sketch, rungs, shapes.checked_count(hosts, "hosts", 0))
        return cls._of_sketch("ladder", sketch, more)

    @classmethod
    def grid(cls, rows: int, columns: int, *, hosts: int = 0, access: Mapping[str, Any] | None = None, **link: Any) -> Self:
        """Return nodes "n<row>-<column>", each linked to its neighbours; other arguments as for `linear`."""
        sketch, more = _begun(link, access=access)
        shapes.grid(sketch, rows, columns, shapes.checked_count(hosts, "hosts", 0))
        return cls._of_sketch("grid", sketch, more)

    @classmethod
    def star(cls, hosts: int, *, inner: Kind = "switch", **link: Any) -> Self:
        """Return hosts h1, h2, ... around a "hub".

        Args:
            hosts: how many.
            inner: what the hub is: "switch" or "router".
            link: as for `linear`.
        """
        sketch, more = _begun(link)
        shapes.star(sketch, hosts, _inner(inner))
        return cls._of_sketch("star", sketch, more)

    @classmethod
    def tree(cls, depth: int, fanout: int = 2, *, inner: Kind = "router", access: Mapping[str, Any] | None = None, **link: Any) -> Self:
        """Return a "root" with `depth` levels below it; the lowest are hosts h1, h2, ...

        Args:
            depth: levels below the root.
            fanout: children of each node.
            inner: what all but the hosts are: "router" or "switch".
            access: attributes of the links of the hosts, beside `link`.
            link: as for `linear`.
        """
        sketch, more = _begun(link, access=access)
        shapes.tree(sketch, depth, fanout, _inner(inner))
        return cls._of_sketch("tree", sketch, more)

    @classmethod
    def fat_tree(
        cls,
        k: int,
        *,
        core: Mapping[str, Any] | None = None,
        aggregation: Mapping[str, Any] | None = None,
        access: Mapping[str, Any] | None = None,
        **link: Any,
    ) -> Self:
        """Return the fat tree of k-port routers: k pods with (k / 2)**2 hosts each.

        Args:
            k: ports of each router, an even number.
            core: attributes of the links above the pods.
            aggregation: those of the links between routers of a pod.
            access: those of the links of hosts.
            link: as for `linear`.
        """
        sketch, more = _begun(link, core=core, aggregation=aggregation, access=access)
        shapes.fat_tree(sketch, k)
        return cls._of_sketch("fat-tree", sketch, more)

    @classmethod
    def dumbbell(
        cls,
        hosts: int,
        right: int | None = None,
        *,
        inner: Kind = "router",
        bottleneck: Mapping[str, Any] | None = None,
        access: Mapping[str, Any] | None = None,
        **link: Any,
    ) -> Self:
        """Return left-1, left-2, ... and right-1, right-2, ..., joined by "west" and "east" with the link "bottleneck" between them.

        Args:
            hosts: how many on each side.
            right: how many on the right, where that is another number.
            inner: what west and east are: "router" or "switch".
            bottleneck: attributes of the link in the middle.
            access: attributes of all others.
            link: as for `linear`.
        """
        sketch, more = _begun(link, bottleneck=bottleneck, access=access)
        shapes.dumbbell(sketch, hosts, right, _inner(inner))
        return cls._of_sketch("dumbbell", sketch, more)


_WHOLE = ("name", "networks", "routing")


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (attributes of links, what is about the whole)."""
    return {name: value for name, value in options.items() if name not in _WHOLE}, {
        name: value for name, value in options.items() if name in _WHOLE
    }


def _begun(options: Mapping[str, Any], **by_role: object) -> tuple[shapes.Sketch, dict[str, Any]]:
    link, more = split_options(options)
    return shapes.Sketch(checked_attributes(link, "links"), shapes.checked_links(by_role)), more


def _inner(kind: object) -> Kind:
    checked = checked_kind(kind, "inner")
    if checked == "host":
        raise BadValueError("inner='host': use 'router' or 'switch'")
    return checked
