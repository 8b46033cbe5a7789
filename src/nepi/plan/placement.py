"""Which node of a topology is on which machine: every machine gets its share, few links go from one to another. Pure and deterministic.

Regions are grown from several beginnings, each is refined by moves that may first make things worse (Fiduccia and Mattheyses, for more
than two parts), and the best is taken. Source: C. Fiduccia, R. Mattheyses, A linear-time heuristic for improving network partitions, 1982.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nepi.errors import BadValueError, did_you_mean
from nepi.plan.refining import refined
from nepi.plan.regions import grown, in_order

BEGINNINGS: Final = 8
"""From how many nodes regions are grown."""
MANY_NODES: Final = 2000
"""Beyond this, from fewer of them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be placed, by number.

    Attributes:
        costs: of each node, > 0.
        links: for each node, its neighbours and how bad it is to cut that link.
        limits: the most that each machine takes.
        fixed: for each node, the machine that the user has chosen, or -1.
    """

    costs: tuple[float, ...]
    links: tuple[tuple[tuple[int, float], ...], ...]
    limits: tuple[float, ...]
    fixed: tuple[int, ...]

    def cut(self, placed: Sequence[int]) -> float:
        """Return the weight of the links between machines."""
        return sum(
            weight for node, links in enumerate(self.links) for other, weight in links if node < other and placed[node] != placed[other]
        )

    def excess(self, placed: Sequence[int]) -> float:
        """Return by how much machines are beyond their limits, together."""
        loads = [0.0] * len(self.limits)
        for node, machine in enumerate(placed):
            loads[machine] += self.costs[node]
        return sum(max(load - limit, 0.0) for load, limit in zip(loads, self.limits, strict=True))


def place(
    costs: Mapping[str, float],
    links: Iterable[tuple[str, str]],
    machines: Mapping[str, float],
    fixed: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the machine of each node.

    A machine takes its share of the sum of all costs, rounded up to whole nodes when all cost the same, else plus the cost of the
    most expensive one: so there is always a way, and nobody gets more than one node too many. Only the user's own choices may exceed it.

    Args:
        costs: of each node by name, > 0: what it takes of a machine, compared with the others.
        links: pairs of names; several links between two nodes count as often.
        machines: by name, what each can do compared with the others (its cores), > 0.
        fixed: nodes whose machine the user has chosen.

    Raises:
        BadValueError: a weight is not positive, or a name is unknown.
    """
    fixed = fixed or {}
    _check(costs, machines, fixed)
    problem = _problem(costs, links, machines, fixed)
    names = list(machines)
    best = min(_candidates(problem), key=lambda placed: (problem.excess(placed), problem.cut(placed)))
    return {node: names[machine] for node, machine in zip(costs, best, strict=True)}


def _candidates(problem: Problem) -> Iterable[list[int]]:
    yield refined(problem, in_order(problem))
    count = len(problem.costs)
    if len(problem.limits) == 1:
        return
    starts = BEGINNINGS if count <= MANY_NODES else 2
    for number in range(min(starts, count)):
        yield refined(problem, grown(problem, number * count // starts))


def limits_of(costs: Sequence[float], machines: Sequence[float]) -> tuple[float, ...]:
    """Return the most that each machine takes; see `place`."""
    total, weights = sum(costs), sum(machines)
    shares = [total * weight / weights for weight in machines]
    most = max(costs, default=0.0)
    if len(set(costs)) == 1:
        return tuple(math.ceil(share / most - 1e-9) * most for share in shares)
    return tuple(share + most for share in shares)


def _problem(
    costs: Mapping[str, float], links: Iterable[tuple[str, str]], machines: Mapping[str, float], fixed: Mapping[str, str]
) -> Problem:
    number = {name: position for position, name in enumerate(costs)}
    weights: list[dict[int, float]] = [{} for _ in number]
    for one, other in links:
        if one != other:
            first, second = number[one], number[other]
            weights[first][second] = weights[first].get(second, 0.0) + 1.0
            weights[second][first] = weights[second].get(first, 0.0) + 1.0
    where = {name: position for position, name in enumerate(machines)}
    return Problem(
        tuple(costs.values()),
        tuple(tuple(sorted(one.items())) for one in weights),
        limits_of(list(costs.values()), list(machines.values())),
        tuple(where[fixed[name]] if name in fixed else -1 for name in costs),
    )


def _check(costs: Mapping[str, float], machines: Mapping[str, float], fixed: Mapping[str, str]) -> None:
    if not machines:
        raise BadValueError("there are no machines to place nodes on")
    for kind, weights in (("node", costs), ("machine", machines)):
        for name, weight in weights.items():
            if not 0 < weight < math.inf:
                raise BadValueError(f"{kind} {name!r} has the weight {weight!r}: it must be greater than 0")
    for node, machine in fixed.items():
        if node not in costs:
            raise BadValueError(f"there is no node {node!r} to place{did_you_mean(node, costs)}")
        if machine not in machines:
            near = did_you_mean(machine, machines)
            raise BadValueError(f"node {node!r} is to be on {machine!r}, which is none of the machines{near}: {', '.join(machines)}")
