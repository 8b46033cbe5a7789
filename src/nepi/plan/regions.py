"""First placements, to be refined: nodes in the order in which they were written down, and regions that grow along links."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nepi.plan.placement import Problem

ROUNDING = 1e-9


def in_order(problem: Problem) -> list[int]:
    """Fill one machine after the other, in the order of the nodes: what somebody would do by hand."""
    return _filled(problem, range(len(problem.costs)))


def grown(problem: Problem, start: int) -> list[int]:
    """Fill one machine after the other, each with a region of nodes that hang together.

    Args:
        start: the search for the first node begins here: it is the node that is farthest away.
    """
    placed = list(problem.fixed)
    loads = _loads(problem, placed)
    for machine, limit in enumerate(problem.limits):
        ties = {node: _tie(problem, placed, node, machine) for node, where in enumerate(placed) if where < 0}
        while ties:
            fitting = [node for node in ties if loads[machine] + problem.costs[node] <= limit + ROUNDING]
            if not fitting:
                break
            if all(ties[node] <= 0 for node in fitting):
                node = _far_from(problem, fitting, start)
            else:
                # Most links into the region for those that it has; of equals, the one that was written down first.
                node = max(fitting, key=lambda one: (ties[one], -_open_links(problem, placed, one), -one))
            placed[node] = machine
            loads[machine] += problem.costs[node]
            del ties[node]
            for other, weight in problem.links[node]:
                if other in ties:
                    ties[other] += weight
    return _filled(problem, range(len(placed)), placed)


def _filled(problem: Problem, order: range, placed: list[int] | None = None) -> list[int]:
    """Place what is not placed: on the first machine with room, or on that which is least beyond its limit."""
    placed = list(problem.fixed) if placed is None else placed
    loads = _loads(problem, placed)
    machine = 0
    for node in order:
        if placed[node] >= 0:
            continue
        cost = problem.costs[node]
        while machine < len(loads) and loads[machine] + cost > problem.limits[machine] + ROUNDING:
            machine += 1
        if machine == len(loads):
            where = min(range(len(loads)), key=lambda one: (loads[one] + cost - problem.limits[one], one))
            machine = 0
        else:
            where = machine
        placed[node] = where
        loads[where] += cost
    return placed


def _loads(problem: Problem, placed: list[int]) -> list[float]:
    loads = [0.0] * len(problem.limits)
    for node, machine in enumerate(placed):
        if machine >= 0:
            loads[machine] += problem.costs[node]
    return loads


def _tie(problem: Problem, placed: list[int], node: int, machine: int) -> float:
    return sum(weight for other, weight in problem.links[node] if placed[other] == machine)


def _open_links(problem: Problem, placed: list[int], node: int) -> float:
    """Return the weight of the links to nodes that are nowhere yet."""
    return sum(weight for other, weight in problem.links[node] if placed[other] < 0)


def _far_from(problem: Problem, among: list[int], start: int) -> int:
    """Return one of some nodes that is as far as can be from the first of them at or after `start`: the rim of a grid."""
    left = set(among)
    first = next((node for node in among if node >= start), among[0])
    seen, waiting, last = {first}, deque([first]), first
    while waiting:
        last = waiting.popleft()
        for other, _ in problem.links[last]:
            if other in left and other not in seen:
                seen.add(other)
                waiting.append(other)
    return last
