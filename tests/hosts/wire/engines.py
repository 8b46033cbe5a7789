"""Each test of the model is made with both models, the one in Python and the compiled one, where that was built."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol

import pytest

from nepi.hosts.wire.compiled import CompiledDirection, load
from nepi.hosts.wire.direction import Direction
from nepi.hosts.wire.parameters import Parameters, parameters
from nepi.hosts.wire.tally import COUNTED

MODELS = ("python", "compiled")
MS = 1_000_000


class Model(Protocol):
    """What both models offer."""

    arrive: Callable[[int, bytes], None]
    next_at: Callable[[], int | None]
    due: Callable[[int], list[tuple[int, bytes]]]
    change: Callable[[int, Parameters], None]
    set_trace: Callable[[int, list[int] | None, int], None]


@contextmanager
def direction(model: str, seed: int = 1, **shape: Any) -> Generator[Any]:
    """A direction with the shape that is asked for."""
    if model == "python":
        yield Direction(seed, parameters(shape))
        return
    library = load()
    if library is None:
        pytest.skip("needs the compiled part of the user-space link: a C compiler when nepi is installed")
    compiled = CompiledDirection(library, seed, parameters(shape))
    yield compiled
    compiled.close()


def counters(model: Any) -> dict[str, int]:
    """Return what was counted, zeros left out."""
    values = model.tally.values() if isinstance(model, Direction) else model.counted
    return {name: value for name, value in zip(COUNTED, values, strict=True) if value}


def departures(model: Any, until: int = 1 << 60) -> list[int]:
    """Return the times at which frames are delivered."""
    return [at for at, _ in model.due(until)]
