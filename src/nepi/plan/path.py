"""The way from one resource to another over the connections: which links a packet takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable


def shortest_path(start: int, goal: int, neighbours: Callable[[int], Iterable[int]]) -> tuple[int, ...]:
    """Return the guids on a shortest way, both ends included; () when there is none.

    Args:
        start: guid to begin at.
        goal: guid to reach.
        neighbours: the guids that a packet can go on to, in a fixed order; of ways of equal length the first one counts.
    """
    came_from: dict[int, int | None] = {start: None}
    todo = deque([start])
    while todo:
        here = todo.popleft()
        if here == goal:
            return _back(here, came_from)
        for there in neighbours(here):
            if there not in came_from:
                came_from[there] = here
                todo.append(there)
    return ()


def _back(end: int, came_from: dict[int, int | None]) -> tuple[int, ...]:
    path: list[int] = []
    here: int | None = end
    while here is not None:
        path.append(here)
        here = came_from[here]
    return tuple(reversed(path))
