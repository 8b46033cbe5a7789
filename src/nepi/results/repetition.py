"""One of several runs of the same description, as far as comparing needs it: what was measured, and whether that can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

NESTED: Final = ("backward",)
"""Fields of results that are results themselves: the way back of a bidirectional test."""
NO_FIGURES: Final = ("started_at",)


@dataclass(frozen=True, slots=True)
class Repetition:
    """A run.

    Attributes:
        backend: on which it was.
        number: which of the repetitions there, from 1.
        seed: what its random numbers were drawn from.
        figures: by metric ("client throughput_bps"), in the unit of its name; empty when it failed.
        marks: what must be known of it, such as that a simulation lagged behind the real time.
        failure: why it failed, or "".
        run_dir: its folder, or "" when there is none any more.
    """

    backend: str
    number: int
    seed: int
    figures: Mapping[str, float] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    failure: str = ""
    run_dir: str = ""

    def to_record(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return asdict(self)


def figures_of(name: str, result: Any) -> Iterator[tuple[str, float]]:
    """Yield the numbers in a typed result: ("client throughput_bps", 9.4e6).

    Args:
        name: of the resource.
        result: a dataclass; anything else has none.
    """
    for key in getattr(result, "__dataclass_fields__", ()):
        value = getattr(result, key)
        if key in NESTED:
            yield from figures_of(f"{name} {key}", value)
        elif isinstance(value, int | float) and not isinstance(value, bool) and key not in NO_FIGURES:
            yield f"{name} {key}", float(value)


def values_by_metric(repetitions: Sequence[Repetition], wanted: Sequence[str]) -> dict[str, list[float]]:
    """Return, by metric, what the repetitions have measured, of those whose names end with one of the wanted figures."""
    found: dict[str, list[float]] = {}
    for repetition in repetitions:
        for metric, value in repetition.figures.items():
            if metric.rpartition(" ")[2] in wanted:
                found.setdefault(metric, []).append(value)
    return found
