"""GraphML, as the Topology Zoo and many tools write it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from nepi.errors import BadValueError
from nepi.topologies.drawn import Drawn
from nepi.topologies.networkx_graph import topology_of
from nepi.topologies.reading import check_xml

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

T = TypeVar("T", bound="Topology")


def from_graphml(kind: type[T], text: str, where: str) -> T:
    """Return the topology of a GraphML document.

    Raises:
        BadValueError: it is none.
    """
    check_xml(text, where)
    import networkx

    try:
        graph: Any = networkx.parse_graphml(text, force_multigraph=True)
    except (networkx.NetworkXError, KeyError, ValueError, TypeError, IndexError, StopIteration) as error:
        raise BadValueError(f"{where}: this is no GraphML that can be read: {error or type(error).__name__}") from None
    labels: dict[Hashable, str] = {node: str(data["label"]) for node, data in graph.nodes(data=True) if data.get("label")}
    return topology_of(kind, graph, Drawn(where), {}, {}, labels=labels)
