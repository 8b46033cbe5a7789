"""Draws the life-cycle table as an SVG picture: solid arrows are moves by order, dashed ones moves that are announced."""

from __future__ import annotations

from typing import Final

from nepi.engine import lifecycle
from nepi.model.states import ResourceAction, ResourceState

Place = tuple[int, int]

PLACES: Final[dict[str, Place]] = {
    "NEW": (80, 120),
    "DISCOVERED": (250, 120),
    "PROVISIONED": (430, 120),
    "READY": (610, 120),
    "STARTED": (780, 120),
    "STOPPED": (610, 270),
    "FINISHED": (780, 270),
    "FAILED": (165, 270),
    "RELEASED": (340, 270),
}
WIDTH, HEIGHT, HALF_X, HALF_Y = 880, 350, 58, 17
_STYLE: Final = """<style>
  text { font: 13px sans-serif; text-anchor: middle; fill: #222 }
  .small { font-size: 11px; fill: #555 }
  rect { fill: #f4f6f8; stroke: #456; rx: 6 }
  .ordered, .announced { fill: none; stroke: #456; marker-end: url(#head) }
  .announced { stroke-dasharray: 4 3; stroke: #999 }
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
  <path d="M0 0L8 4L0 8z" style="fill: #456"/></marker></defs>"""


def picture() -> str:
    """Return the picture. Moves into FAILED and RELEASED, which come from nearly everywhere, are a line of text below those."""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">', _STYLE]
    parts.append(f'<rect x="0" y="0" width="{WIDTH}" height="{HEIGHT}" style="fill: white; stroke: none"/>')
    labels = {(source.name, target.name): action.name.lower() for (source, action), target in lifecycle.ORDERED.items()}
    for source, targets in lifecycle.ANNOUNCED.items():
        for target in sorted(targets):
            move = source.name, target.name
            if target < ResourceState.FAILED and move not in labels:
                parts.append(arrow(*move, "announced", ""))
    parts += [arrow(*move, "ordered", label) for move, label in labels.items() if label != ResourceAction.RELEASE.name.lower()]
    parts += [box(name) for name in PLACES]
    failing = [source.name for source, targets in lifecycle.ANNOUNCED.items() if ResourceState.FAILED in targets]
    released = [source.name for source, action in lifecycle.ORDERED if action is ResourceAction.RELEASE]
    parts.append(note("FAILED", f"from {every(failing)}"))
    parts.append(note("RELEASED", f"by release, from {every(released)}"))
    return "\n".join([*parts, "</svg>", ""])


def every(names: list[str]) -> str:
    """Return "every state but A, B" for all states but those."""
    others = [state.name for state in ResourceState if state.name not in names]
    return f"every state but {', '.join(others)}"


def box(name: str) -> str:
    """Return the box of a state, with its number."""
    x, y = PLACES[name]
    number = ResourceState[name].value
    rect = f'<rect x="{x - HALF_X}" y="{y - HALF_Y}" width="{2 * HALF_X}" height="{2 * HALF_Y}"/>'
    return f'{rect}<text x="{x}" y="{y + 5}">{name} {number}</text>'


def note(name: str, text: str) -> str:
    """Return lines below a box."""
    x, y = PLACES[name]
    middle = text.find(" ", len(text) // 2)
    lines = [text[:middle], text[middle + 1 :]]
    return "".join(f'<text class="small" x="{x}" y="{y + 34 + 14 * number}">{line}</text>' for number, line in enumerate(lines))


def arrow(source: str, target: str, kind: str, label: str) -> str:
    """Return an arrow: straight to a neighbour, an arc over (by order) or under (announced) what stands between."""
    (x1, y1), (x2, y2) = PLACES[source], PLACES[target]
    if y1 == y2 and abs(x1 - x2) < 200:
        left = x1 < x2
        start, end = (x1 + HALF_X, x2 - HALF_X) if left else (x1 - HALF_X, x2 + HALF_X)
        shift = -5 if kind == "ordered" else 6
        d, at = f"M{start} {y1 + shift}L{end} {y2 + shift}", ((start + end) // 2, y1 - 9)
    elif y1 == y2:
        side = -1 if kind == "ordered" else 1
        top = y1 + side * (35 + abs(x2 - x1) // 8)
        d, at = f"M{x1} {y1 + side * HALF_Y}C{x1} {top} {x2} {top} {x2} {y2 + side * HALF_Y}", (x1 + (x2 - x1) // 3, top + 14)
    else:
        shift = (8 if y1 < y2 else -8) if abs(x1 - x2) < 10 else (20 if y1 < y2 else -20)
        down = 1 if y1 < y2 else -1
        d, at = (
            f"M{x1 + shift} {y1 + down * HALF_Y}L{x2 + shift} {y2 - down * HALF_Y}",
            ((x1 + x2) // 2 + shift, (y1 + y2) // 2 + 12 * down),
        )
    text = f'<text class="small" x="{at[0]}" y="{at[1]}">{label}</text>' if label else ""
    return f'<path class="{kind}" d="{d}"/>{text}'
