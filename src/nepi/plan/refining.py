"""Making a placement better by moving nodes one after the other, also when a single move makes it worse, and keeping the best state."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nepi.plan.placement import Problem

MOST_PASSES: Final = 12
FRUITLESS: Final = 60
"""Moves in a row that made nothing better, after which a pass is over; more for larger topologies."""
ROUNDING: Final = 1e-9

Score = tuple[float, float]
"""How far machines are beyond their limits, and the weight of the cut: less is better."""


def refined(problem: Problem, placed: list[int]) -> list[int]:
    """Return a placement that is as good, or better."""
    best = list(placed)
    score = (problem.excess(best), problem.cut(best))
    for _ in range(MOST_PASSES if len(problem.limits) > 1 else 0):
        found, better = _Pass(problem, list(best), score).run()
        if found >= score:
            break
        best, score = better, found
    return best


class _Pass:
    """One pass: each node moves once at most.

    While it goes on, a machine may have one node more than its limit: when all are full, that is how two nodes change places.
    """

    def __init__(self, problem: Problem, placed: list[int], score: Score) -> None:
        self._problem = problem
        self._placed = placed
        self._excess, self._cut = score
        self._loads = [0.0] * len(problem.limits)
        for node, machine in enumerate(placed):
            self._loads[machine] += problem.costs[node]
        self._slack = max(problem.costs, default=0.0)
        self._free = [machine < 0 for machine in problem.fixed]
        self._version = [0] * len(placed)
        self._moves: list[tuple[float, int, int, int]] = []
        for node in range(len(placed)):
            self._offer(node)

    def _offer(self, node: int) -> None:
        """Put all moves of a node among those to choose from; what was offered of it before does not count any more."""
        self._version[node] += 1
        if not self._free[node]:
            return
        ties = [0.0] * len(self._loads)
        for other, weight in self._problem.links[node]:
            ties[self._placed[other]] += weight
        here = self._placed[node]
        for machine, tie in enumerate(ties):
            if machine != here:
                heapq.heappush(self._moves, (ties[here] - tie, node, machine, self._version[node]))

    def run(self) -> tuple[Score, list[int]]:
        """Move; return the best state that was reached."""
        best, state = (self._excess, self._cut), list(self._placed)
        fruitless = 0
        patience = max(FRUITLESS, len(self._placed) // 5)
        while fruitless < patience and (move := self._next()) is not None:
            self._make(*move)
            fruitless += 1
            if (self._excess, self._cut) < (best[0] - ROUNDING, best[1]) or (
                self._excess <= best[0] + ROUNDING and self._cut < best[1] - ROUNDING
            ):
                best, state, fruitless = (self._excess, self._cut), list(self._placed), 0
        return best, state

    def _next(self) -> tuple[float, int, int] | None:
        """Return the best move that a machine has room for; the others are kept for later."""
        kept: list[tuple[float, int, int, int]] = []
        found = None
        overfull = self._most_beyond()
        while self._moves:
            move = heapq.heappop(self._moves)
            loss, node, machine, version = move
            if version != self._version[node]:
                continue
            room = self._problem.limits[machine] - self._loads[machine] - self._problem.costs[node] >= -ROUNDING
            # When one is beyond its limit, that one gives first.
            if (room and overfull is None) or (overfull is not None and self._placed[node] == overfull and self._takes(node, machine)):
                found = (loss, node, machine)
                break
            if overfull is None and self._takes(node, machine):
                found = (loss, node, machine)
                break
            kept.append(move)
        for move in kept:
            heapq.heappush(self._moves, move)
        return found

    def _takes(self, node: int, machine: int) -> bool:
        return self._loads[machine] + self._problem.costs[node] <= self._problem.limits[machine] + self._slack + ROUNDING

    def _most_beyond(self) -> int | None:
        beyond = [(load - limit, -machine) for machine, (load, limit) in enumerate(zip(self._loads, self._problem.limits, strict=True))]
        most, machine = max(beyond)
        return -machine if most > ROUNDING else None

    def _beyond(self, machine: int) -> float:
        return max(self._loads[machine] - self._problem.limits[machine], 0.0)

    def _make(self, loss: float, node: int, machine: int) -> None:
        here, cost = self._placed[node], self._problem.costs[node]
        before = self._beyond(here) + self._beyond(machine)
        self._loads[here] -= cost
        self._loads[machine] += cost
        self._excess = max(self._excess + self._beyond(here) + self._beyond(machine) - before, 0.0)
        self._cut += loss
        self._placed[node] = machine
        self._free[node] = False
        self._offer(node)
        for other, _ in self._problem.links[node]:
            self._offer(other)
