"""Those who wait outside of the engine: told once when what they wait for is met, or can no longer be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nepi.engine import events as ev
from nepi.engine.gates import Gate
from nepi.model.conditions import Within
from nepi.plan.wording import condition_text
from nepi.units import format_duration

if TYPE_CHECKING:
    from nepi.engine.core import Engine


class Watching:
    """The watches of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._gates: dict[int, tuple[Gate, bool]] = {}

    @property
    def numbers(self) -> list[int]:
        """Those that have not been told yet."""
        return list(self._gates)

    def asked(self, event: ev.WatchAsked) -> None:
        """Somebody wants to know when a condition is met."""
        engine = self._engine

        def done(gate: Gate) -> None:
            self._gates.pop(event.watch, None)
            if gate.met_at is None:
                engine.out.missed(event.watch, gate.reason)
            else:
                engine.out.met(event.watch)

        if engine.aborted is not None and not event.survives_abort:
            engine.out.missed(event.watch, engine.aborted)
            return
        gate = engine.gates.build([event.condition], done, engine.now)
        if not gate.closed:
            self._gates[event.watch] = (gate, event.survives_abort)
            if isinstance(event.condition, Within):
                self._bound(gate, event.condition)

    def _bound(self, gate: Gate, condition: Within) -> None:
        """Let the deadline of a wait pass in real time as well: who waits does so in reality, and a simulation's clock may stand still."""
        engine, began = self._engine, self._engine.now

        def over(_at: float) -> None:
            passed = format_duration(engine.now - began, digits=3)
            when = f"its deadline of {condition.deadline_s:g} s has passed in real time ({passed} of the run's own)"
            gate.fail(f"{when}, and {condition_text(condition.part, engine.label)} has not come true", 0)

        engine.real_timers.at(engine.real + condition.deadline_s, over)

    def dropped(self, watch: int) -> None:
        """Nobody waits for it any more."""
        gate, _ = self._gates.pop(watch, (None, False))
        if gate is not None:
            gate.closed = True

    def abort(self, reason: str, guid: int) -> None:
        """Tell all, but those who wait for what comes after an abort, that it will not come true."""
        for gate, survives in list(self._gates.values()):
            if not survives:
                gate.fail(reason, guid)
