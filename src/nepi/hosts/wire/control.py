"""What the agent asks of the wire process, and the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .engine import Engine
from .parameters import parameters

Message = dict[str, Any]
MOST_OPPORTUNITIES = 10_000_000


class Control:
    """Carries out requests on an engine; a request is `{"id": ..., "do": [step, ...]}`, and each step has its own result."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._steps: dict[str, Callable[[Message], Message]] = {
            "add": self._add,
            "remove": self._remove,
            "shape": self._shape,
            "trace": self._trace,
            "counters": self._counters,
        }

    def answer(self, request: Message) -> Message:
        """Return the answer to a request."""
        return {"id": request["id"], "results": [self._do(step) for step in request["do"]]}

    def _do(self, step: Message) -> Message:
        try:
            return self._steps[step["do"]](step)
        except KeyError as error:
            return {"error": f"no user-space link at interface {error}", "errno": 0}
        except (ValueError, TypeError, MemoryError) as error:
            return {"error": str(error), "errno": 0}
        except OSError as error:
            return {"error": error.strerror or str(error), "errno": error.errno or 0}

    def _add(self, step: Message) -> Message:
        first, second = step["ends"]
        for one, other, seed in ((first, second, step["seeds"][0]), (second, first, step["seeds"][1])):
            self._engine.add(one, other, seed, parameters(None))
        return {}

    def _remove(self, step: Message) -> Message:
        for ifindex in step["ends"]:
            self._engine.remove(ifindex)
        return {}

    def _shape(self, step: Message) -> Message:
        self._engine.change(step["end"], parameters(step["shape"]))
        return {}

    def _trace(self, step: Message) -> Message:
        times_s = step["times_s"]
        if times_s is None:
            self._engine.set_trace(step["end"], None, 1)
            return {}
        times_ns = [round(at * 1e9) for at in times_s]
        if not 0 < len(times_ns) <= MOST_OPPORTUNITIES or times_ns[0] < 0 or times_ns[-1] <= 0 or times_ns != sorted(times_ns):
            raise ValueError(f"a trace has 1 to {MOST_OPPORTUNITIES} instants from 0 on that never go back, the last one later than 0")
        if not 1 <= step["packet_bytes"] <= 1 << 20:
            raise ValueError(f"packet_bytes {step['packet_bytes']}: from 1 to {1 << 20}")
        self._engine.set_trace(step["end"], times_ns, step["packet_bytes"])
        return {}

    def _counters(self, step: Message) -> Message:
        return {"counters": [self._engine.counted(ifindex) for ifindex in step["ends"]]}
