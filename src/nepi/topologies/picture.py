"""The picture of a topology, drawn by matplotlib (the extra `results`)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nepi.errors import BadValueError, UsageError
from nepi.topologies.elements import Position, TopologyLink, TopologyNode
from nepi.topologies.layout import positions_of
from nepi.units import duration_s, format_duration, format_fraction, format_rate, fraction, rate_bps

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

FORMATS: Final = (".svg", ".png", ".pdf")
MOST_LABELLED: Final = 80
"""Links; in a larger picture nobody could read what is written on each."""
MOST_COMPARED: Final = 500
"""Nodes; in a larger picture names stand in each other's way anyhow."""
DOTS_PER_INCH: Final = 150

_LOOKS: Final[Mapping[str, tuple[str, str, str]]] = {
    "host": ("o", "#cfe3f5", "host"),
    "router": ("s", "#f6dcae", "router"),
    "switch": ("D", "#d5d5d5", "switch"),
}
"""Kind of a node: marker, colour, name in the legend."""
_SOURCE, _TARGET, _PLAIN = "#2a7a2a", "#b02a2a", "#404040"


def draw(topology: Topology, path: Path, *, labels: bool | None = None) -> None:
    """Draw a topology.

    Args:
        topology: what to draw.
        path: the file to write; its suffix says the format: .svg, .png or .pdf.
        labels: whether links say their rate, delay and loss; by default where there is room.

    Raises:
        BadValueError: no such format.
        UsageError: matplotlib is missing, or the file cannot be written.
    """
    if path.suffix not in FORMATS:
        raise BadValueError(f"{path}: a picture is written as {', '.join(FORMATS)}")
    try:
        import matplotlib
    except ImportError:
        raise UsageError("pictures are drawn by matplotlib, which is missing: pip install 'nepi[results]'") from None
    # Text stays text, and without a date and with the same salt the same topology is the same file.
    with matplotlib.rc_context({"svg.hashsalt": "nepi", "svg.fonttype": "none"}):
        figure = _figure(topology, len(topology.links) <= MOST_LABELLED if labels is None else labels)
        dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        try:
            figure.savefig(path, dpi=DOTS_PER_INCH, bbox_inches="tight", metadata=dates.get(path.suffix))
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def _figure(topology: Topology, labels: bool) -> Any:
    from matplotlib.figure import Figure

    places = positions_of(topology)
    axes = Figure(figsize=_size(topology, places), layout="constrained").add_subplot()
    axes.set_axis_off()
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)
    small = 9.0 if len(topology.nodes) <= 40 else max(4.0, 9.0 * math.sqrt(40 / len(topology.nodes)))
    _draw_links(axes, topology, places, small if labels else 0.0)
    _draw_nodes(axes, topology, places, small)
    if topology.name:
        axes.set_title(topology.name, fontsize=12)
    return axes.figure


def _size(topology: Topology, places: Mapping[str, Position]) -> tuple[float, float]:
    """Return width and height in inches: as large as there is to draw, and of the drawing's own proportions."""
    xs, ys = zip(*places.values(), strict=True)
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    proportion = min(2.2, max(0.5, (width or 1e-9) / (height or width or 1.0)))
    area = min(900.0, 30.0 + 4.0 * len(topology.nodes))
    return math.sqrt(area * proportion), math.sqrt(area / proportion)


def _draw_links(axes: Any, topology: Topology, places: Mapping[str, Position], small: float) -> None:
    from matplotlib.patches import FancyArrowPatch

    widths = _widths(topology)
    bends = _bends(topology)
    for link, width, bend in zip(topology.links, widths, bends, strict=True):
        first, second = places[link.ends[0]], places[link.ends[1]]
        style = "--" if link.attributes.get("up") is False else "-"
        arc = f"arc3,rad={bend}"
        axes.add_patch(
            FancyArrowPatch(first, second, arrowstyle="-", connectionstyle=arc, linewidth=width, linestyle=style, color="#909090", zorder=1)
        )
        text = label_of(link) if small else ""
        if text:
            turn = (math.degrees(math.atan2(second[1] - first[1], second[0] - first[0])) + 90) % 180 - 90
            looks = {"fontsize": small * 0.7, "color": "#303030", "ha": "center", "va": "center", "rotation": turn}
            axes.annotate(text, _middle(first, second, bend), zorder=2, bbox=_PAPER, **looks)


_PAPER: Final = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}


def _bends(topology: Topology) -> list[float]:
    """Return how much each link is bent, so that those between the same two nodes lie beside each other."""
    pairs = [frozenset(link.ends) for link in topology.links]
    counts, seen = Counter(pairs), Counter[frozenset[str]]()
    bends = []
    for link, pair in zip(topology.links, pairs, strict=True):
        side = seen[pair] - (counts[pair] - 1) / 2
        seen[pair] += 1
        bends.append(side * 0.25 * (1 if link.ends[0] < link.ends[1] else -1))
    return bends


def _middle(first: Position, second: Position, bend: float) -> Position:
    """Return the middle of a link that is bent: matplotlib's arc goes half as far aside as its control point."""
    (x1, y1), (x2, y2) = first, second
    return (x1 + x2) / 2 + bend * (y2 - y1) / 2, (y1 + y2) / 2 - bend * (x2 - x1) / 2


def _widths(topology: Topology) -> list[float]:
    """Return the width of each link's line in points: the fastest are the thickest."""
    rates = [_rate_of(link) for link in topology.links]
    known = [math.log10(rate) for rate in rates if rate]
    least, most = (min(known), max(known)) if known else (0.0, 0.0)
    if most - least < 0.01:
        return [1.5] * len(rates)
    return [1.5 if not rate else 0.8 + 2.7 * (math.log10(rate) - least) / (most - least) for rate in rates]


def _rate_of(link: TopologyLink) -> int:
    try:
        return rate_bps(link.attributes.get("rate", 0))
    except BadValueError:
        return 0


def _draw_nodes(axes: Any, topology: Topology, places: Mapping[str, Position], small: float) -> None:
    for kind, (marker, colour, word) in _LOOKS.items():
        some = [one for one in topology.nodes if one.kind == kind]
        if not some:
            continue
        xs, ys = zip(*(places[one.name] for one in some), strict=True)
        edges = [_edge(topology, one) for one in some]
        looks = {"s": small**2 * 2.5, "marker": marker, "color": colour, "linewidths": 1.4}
        axes.scatter(xs, ys, edgecolors=edges, zorder=3, **looks)
        axes.scatter([], [], edgecolors=_PLAIN, label=word, **looks)  # for the legend
    for name, (right, up) in free_sides(topology, places).items():
        where = {"xytext": (right * small * 1.1, up * small * 1.1), "textcoords": "offset points"}
        align = {"ha": _HORIZONTALLY[right], "va": _VERTICALLY[up]}
        axes.annotate(name, places[name], fontsize=small, zorder=4, bbox=_PAPER, **where, **align)
    _draw_legend(axes, topology, small)


_SIDES: Final = ((0, -1), (0, 1), (1, 0), (-1, 0))
"""Where a name may stand beside its node, the best places first: (to the right, up)."""
_HORIZONTALLY: Final = {-1: "right", 0: "center", 1: "left"}
_VERTICALLY: Final = {-1: "top", 0: "center", 1: "bottom"}
_NEAR: Final = 0.12
"""Nodes that are nearer than this part of the picture are in the way of a name."""


def free_sides(topology: Topology, places: Mapping[str, Position]) -> dict[str, tuple[int, int]]:
    """Return on which side of each node its name stands: where the fewest links and other nodes are."""
    busy: dict[str, list[float]] = {name: [] for name in places}
    for link in topology.links:
        for here, there in (link.ends, link.ends[::-1]):
            busy[here].append(_direction(places[here], places[there]))
    xs, ys = zip(*places.values(), strict=True)
    near = _NEAR * max(max(xs) - min(xs), max(ys) - min(ys))
    if len(places) <= MOST_COMPARED:
        for name, place in places.items():
            busy[name] += [_direction(place, one) for other, one in places.items() if other != name and math.dist(place, one) < near]
    return {name: max(_SIDES, key=lambda side: _room(side, busy[name]) - 0.2 * _SIDES.index(side)) for name in places}


def _direction(here: Position, there: Position) -> float:
    return math.atan2(there[1] - here[1], there[0] - here[0])


def _room(side: tuple[int, int], busy: list[float]) -> float:
    """Return the angle between a side and what is nearest to it."""
    angle = math.atan2(side[1], side[0])
    return min((abs((angle - one + math.pi) % (2 * math.pi) - math.pi) for one in busy), default=math.pi)


def _edge(topology: Topology, one: TopologyNode) -> str:
    return _SOURCE if one.name in topology.sources else _TARGET if one.name in topology.targets else _PLAIN


def _draw_legend(axes: Any, topology: Topology, small: float) -> None:
    """Explain what is not the same everywhere."""
    for colour, word, names in ((_SOURCE, "source", topology.sources), (_TARGET, "target", topology.targets)):
        if names:
            axes.scatter([], [], s=small**2 * 2.5, color="white", edgecolors=colour, linewidths=1.4, label=word)
    if len(axes.get_legend_handles_labels()[0]) > 1:
        axes.legend(fontsize=small, loc="upper left", bbox_to_anchor=(1.0, 1.0), markerscale=0.7, labelspacing=0.8)


def label_of(link: TopologyLink) -> str:
    """Return what is written on a link: "10Mbit 20ms 1% loss"; "" when nothing was asked of it."""
    words = []
    for name, form in _FORMS.items():
        value = link.attributes.get(name)
        if value:
            words.append(form(value))
    return " ".join(words)


def _rate_text(value: Any) -> str:
    return format_rate(rate_bps(value), digits=4)


def _delay_text(value: Any) -> str:
    return format_duration(duration_s(value), digits=3)


def _loss_text(value: Any) -> str:
    return f"{format_fraction(fraction(value), digits=3)} loss"


_FORMS: Final = {"rate": _rate_text, "delay": _delay_text, "loss": _loss_text}
