"""Rehearsals: what simulations do is done once, before there is one, so that it is compiled when it is done in earnest."""

from __future__ import annotations

import sys
from typing import Any

from .world import World


def rehearse(world: World | None, operations: list[Any]) -> None:
    """Do operations, and take apart what they made: a process that is forked afterwards finds nothing of it."""
    if world is None:
        return
    for _ in range(2):  # some of it is compiled when it is used again
        for operation in operations:
            _do(world, operation)
        _end(world)
        _run_nothing(world)


def _run_nothing(world: World) -> None:
    """Let time pass where nothing is: with nodes there, they would send packets, and these are counted for good."""
    nepi = world.nepi
    nepi.Begin(-1, -1, 0, 0)
    for operation in (["run", 0], ["advance", 0, False]):
        _do(world, operation)
        if world.run_asked is not None:
            world.run_now()
    nepi.g_wall_s = nepi.g_cpu_s = 0.0
    _end(world)


def _do(world: World, operation: list[Any]) -> None:
    answer = world.do(operation)
    if isinstance(answer, dict):
        sys.stderr.write(f"not rehearsed: {operation}: {answer['error']}\n")


def _end(world: World) -> None:
    world.destroy()
    world.is_over = False
    world.ns.RngSeedManager.ResetNextStreamIndex()
