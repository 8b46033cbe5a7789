"""The child that has ns-3 in it: takes requests as lines of JSON, carries them out in the simulation, tells what happened in it.

It imports nothing of nepi, so that it starts in a neutral place. What it may call is what the headers beside it declare in `nepi::`.

A request is {"id": 1, "op": "begin", "args": {...}}, its answer {"id": 1, "result": ...} or {"id": 1, "error": "..."}. The operations are
the methods `op_...`. It begins when it reads "go". By itself it says {"ready": true}, and in real time
{"rows": [...], "now": nanoseconds, "lag": nanoseconds}.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HEADERS = ("building.h", "media.h", "measuring.h")
FIRST_SLICE_NS, LONGEST_SLICE_NS = 10_000_000, 1_000_000_000  # long ones would not come back in time when traffic begins
PULSE_NS = 2_000_000
HARD_LIMIT_NS = 100_000_000


class Child:
    """The simulation, its clock, and the two pipes.

    Args:
        requests: descriptor that lines of requests are read from.
        answers: descriptor that lines of answers are written to.
    """

    def __init__(self, requests: int, answers: int) -> None:
        self._requests = requests
        self._answers = answers
        self._data = b""
        self._slice_ns = FIRST_SLICE_NS
        self._in_real_time = False
        self._serving: Callable[[], None] | None = None
        ns = importlib.import_module("ns").ns

        self.ns = ns
        for header in HEADERS:
            if not ns.cppyy.cppdef((Path(__file__).parent / header).read_text(encoding="utf-8")):
                raise RuntimeError(f"{header} does not fit this version of ns-3")
        self.nepi = ns.cppyy.gbl.nepi

    # Pipes.

    def say(self, **message: Any) -> None:
        """Write a line."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        while data:
            data = data[os.write(self._answers, data) :]

    def hear(self) -> dict[str, Any] | None:
        """Return the next request; None when nobody will ask any more."""
        while b"\n" not in self._data:
            more = os.read(self._requests, 1 << 16)
            if not more:
                return None
            self._data += more
        line, _, self._data = self._data.partition(b"\n")
        request: dict[str, Any] = json.loads(line)
        return request

    def serve(self) -> None:
        """Answer until nobody asks any more."""
        self.say(ready=True)
        while (request := self.hear()) is not None:
            self._answer(request)
            if self._in_real_time and b"\n" not in self._data:  # what has been read already would not wake the pulse
                self.nepi.RunOn()  # does not come back: requests are answered in an event, by `_pulse`
                return

    def _answer(self, request: dict[str, Any]) -> None:
        try:
            self.say(id=request["id"], result=getattr(self, "op_" + request["op"])(**request.get("args", {})))
        except Exception as error:
            self.say(id=request["id"], error=f"{type(error).__name__}: {error}")

    def _pulse(self) -> None:
        """Answer what was asked, and tell what programs told, in real time."""
        while b"\n" in self._data or self._readable():
            request = self.hear()
            if request is None:
                os._exit(0)
            self._answer(request)
        self.say(rows=self.rows(), now=self.now(), lag=int(self.nepi.Pulse.lag))

    def _readable(self) -> bool:
        return bool(select.select([self._requests], [], [], 0)[0])

    # The simulation.

    def now(self) -> int:
        """Return the simulated time in nanoseconds."""
        return int(self.ns.Simulator.Now().GetNanoSeconds())

    def rows(self) -> list[list[Any]]:
        """Return what programs told since the last call."""
        found = [[one.program, one.kind, one.at, one.a, one.b, one.c, one.d, str(one.text)] for one in self.nepi.g_rows]
        self.nepi.g_rows.clear()
        return found

    def op_begin(self, *, realtime: bool, seed: int, run: int, defaults: dict[str, str]) -> dict[str, Any]:
        """Choose the simulator and the generators of chance; before anything is made."""
        ns = self.ns
        if realtime:
            ns.GlobalValue.Bind("SimulatorImplementationType", ns.StringValue("ns3::RealtimeSimulatorImpl"))
            ns.GlobalValue.Bind("ChecksumEnabled", ns.BooleanValue(True))
        ns.RngSeedManager.SetSeed(seed)
        ns.RngSeedManager.SetRun(run)
        for name, value in defaults.items():
            ns.Config.SetDefault(name, ns.StringValue(value))
        self.nepi.g_realtime = realtime
        if realtime:
            self._warm_up()
        return {"now": self.now()}

    def _warm_up(self) -> None:
        """Use once, for no time at all, what is used while time passes, so that it is compiled: later that would hold up the real time."""
        nepi = self.nepi
        first, second = nepi.AddNode(True, ""), nepi.AddNode(True, "")
        nepi.StartPing(-1, first, "10.0.0.1", 1, 1, 56, 1, 0, 0, 0)
        nepi.PrepareFlow(-2, first, 1, 1, 1)
        nepi.AddStream(-2, first, second, "10.0.0.1", 1, "", False, 0, 1, 0, False)
        nepi.StartFlow(-2)
        for program in (-1, -2):
            nepi.Interrupt(program)
        nepi.Unplug(first)
        nepi.CloseFiles()
        self.rows()
        self._serving = self._pulse  # C++ does not keep it alive
        nepi.Pulse.Begin(self._requests, PULSE_NS, HARD_LIMIT_NS, self._serving)
        nepi.EndWarmUp()
        nepi.RunOn()

    def op_call(self, *, calls: list[list[Any]]) -> list[Any]:
        """Call functions of the headers, in order; one that fails ends the request."""
        results = []
        for name, *values in calls:
            result = getattr(self.nepi, name)(*values)
            results.append(result if isinstance(result, int | float | bool | None) else str(result))
        return results

    def op_advance(self, *, until: int | None, budget_s: float) -> dict[str, Any]:
        """Let simulated time go on until an instant, until a program ends, or until so much real time has passed.

        Args:
            until: nanoseconds; None for as long as there is anything to happen.
            budget_s: real seconds after which it comes back in any case.
        """
        began, dry = time.monotonic(), False
        while not self.nepi.g_ended:
            now, before = self.now(), time.monotonic()
            if until is not None and now >= until:
                break
            if until is None and self.nepi.IsDry():
                dry = True
                break
            slice_ns = self._slice_ns if until is None else min(self._slice_ns, until - now)
            self.nepi.RunFor(slice_ns)
            spent = time.monotonic() - before
            if spent < budget_s / 4:
                self._slice_ns = min(self._slice_ns * 2, LONGEST_SLICE_NS)
            elif spent > budget_s:
                self._slice_ns = max(self._slice_ns // 2, 1000)
            if time.monotonic() - began > budget_s:
                break
        self.nepi.g_ended = False
        return {"now": self.now(), "rows": self.rows(), "dry": dry}

    def op_run(self) -> dict[str, Any]:
        """Let simulated time follow the real one from now on."""
        self.nepi.Pulse.Begin(self._requests, PULSE_NS, HARD_LIMIT_NS, self._serving)
        self._in_real_time = True
        return {"now": self.now()}

    def op_take_descriptor(self, *, channel: int) -> int:
        """Take a descriptor that is being passed on a socket; return its number here."""
        with socket.socket(fileno=os.dup(channel)) as passing:
            _, descriptors, _, _ = socket.recv_fds(passing, 1, 1)
        return descriptors[0]

    def op_status(self) -> dict[str, Any]:
        """Return the time and what programs told."""
        return {"now": self.now(), "rows": self.rows(), "lag": int(self.nepi.Pulse.lag)}


def main() -> None:
    """Keep standard output for answers, whatever ns-3 prints, and serve."""
    answers = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    if os.read(0, 3) == b"go\n":  # it is in the ledger; else whoever started it has gone
        Child(0, answers).serve()
    sys.stderr.flush()
    os._exit(0)  # ns-3 may fail when it is taken down in order, and nobody needs that order here


if __name__ == "__main__":
    main()
