"""The objects of a simulation by number, and the operations on them."""

from __future__ import annotations

import json
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .signatures import function_type
from .values import Names, Problem, cpp_value, known, member, text_of

HERE = Path(__file__).parent


class World:
    """What this process holds.

    Args:
        ns: namespace ns3, as the wheel presents it.
        cppyy: the module that it is made with.
        version: of ns-3.

    Attributes:
        run_asked: what carries out the running that was asked for, and returns the event of its end; None when none was.
        runs: whether the simulation runs at this moment.
    """

    def __init__(self, ns: Any, cppyy: Any, version: str) -> None:
        self._cppyy = cppyy
        self._version = version
        self._loaded: set[str] = set()
        self._signatures: dict[str, Any] = {}
        self.run_asked: Callable[[], dict[str, Any]] | None = None
        self.runs = self.is_over = self._is_stopped = False
        self.objects: dict[int, Any] = {}
        self._held: dict[int, Any] = {}
        self.ns = ns
        for header in ("objects.h", "running.h", "tracing.h", "joining.h"):
            self.load(header)
        self.nepi = cppyy.gbl.nepi
        self._names = Names(ns, self.nepi, nothing=cppyy.nullptr)
        self._verbs: dict[str, Callable[..., Any]] = {
            "create": self.create,
            "new": self.new,
            "invoke": self.invoke,
            "static": self.static,
            "check": self.check,
            "load": self.load,
            "get": self.get,
            "set": self.set,
            "aggregate": self.aggregate,
            "forget": self.forget,
            "rows": self.rows,
            "packets": self.packets,
            "global": self.global_value,
            "default": self.default,
            "log": self.log,
            "seed": self.seed,
            "output": self.output,
            "notify": self.nepi.Notify,
            "run": self.run,
            "advance": self.advance,
            "rehearse": self.nepi.Rehearse,
            "stop": self.stop,
            "now": self.now,
            "statistics": self.statistics,
            "catalogue": self.catalogue,
            "descriptor": self.descriptor,
            "flush": self.nepi.FlushFiles,
            "close_files": self.nepi.CloseFiles,
            "destroy": self.destroy,
        }

    def do(self, operation: list[Any]) -> list[Any] | dict[str, str]:
        """Carry an operation out; return [answer], or {"error": why not}."""
        try:
            verb = self._verbs.get(operation[0])
            if verb is None:
                raise Problem(f"there is no operation {operation[0]!r}")
            answer = verb(*operation[1:])
        except Problem as problem:
            return {"error": str(problem)}
        except Exception as error:  # what cppyy raises of wrong arguments has many kinds
            return {"error": f"{type(error).__name__}: {error}".strip()}
        return [answer]

    # Objects.

    def _keep(self, number: int, pointer: Any) -> None:
        """Keep an object: the pointer that holds it, and itself as what it is."""
        self._held[number] = pointer
        self.objects[number] = pointer.__deref__() if hasattr(pointer, "__deref__") else pointer

    def create(self, number: int, typeid: str, attributes: dict[str, Any]) -> None:
        """Make an object by its TypeId."""
        plain = {name: text_of(value) for name, value in attributes.items() if not isinstance(value, dict)}
        made = self.nepi.Make(typeid, list(plain), list(plain.values()))
        if not made:
            raise Problem(str(self.nepi.g_problem))
        self._keep(number, made)
        for name, value in attributes.items():
            if isinstance(value, dict):
                self.set(number, name, value)

    def new(self, number: int, class_: str, args: list[Any]) -> None:
        """Make a C++ object that is no ns-3 Object."""
        self._keep(number, self._names.find(class_)(*self._values(args)))

    def invoke(self, number: int, method: str, args: list[Any], store: int = 0) -> Any:
        """Call a method."""
        return self._told(member(known(self.objects, number), method)(*self._values(args)), store)

    def static(self, function: str, args: list[Any], store: int = 0) -> Any:
        """Call a static method or a free function."""
        self.nepi.g_problem = ""
        return self._told(self._names.find(function)(*self._values(args)), store)

    def check(self, function: str, args: list[Any]) -> None:
        """Call a function that returns "" or why it cannot."""
        problem = str(self._names.find(function)(*self._values(args)))
        if problem:
            raise Problem(problem)

    def _values(self, args: list[Any]) -> list[Any]:
        return [cpp_value(one, self.objects, self._names) for one in args]

    def _told(self, answer: Any, store: int) -> Any:
        if store:
            if answer is None or (hasattr(answer, "__deref__") and not answer):
                raise Problem(str(self.nepi.g_problem) or "nothing was returned")
            self._keep(store, answer)
            return None
        if answer is None or isinstance(answer, bool | int | float | str):
            return answer
        try:
            return str(self.nepi.Text(answer))
        except TypeError:
            return str(answer)

    def load(self, header: str) -> None:
        """Compile a header of this folder."""
        if header in self._loaded:
            return
        if not header.removesuffix(".h").isidentifier() or not (HERE / header).is_file():
            raise Problem(f"there is no header {header!r}")
        self._cppyy.cppdef((HERE / header).read_text(encoding="utf-8"))
        self._loaded.add(header)

    def get(self, number: int, attribute: str) -> str:
        """Return an attribute as text."""
        value = self._cppyy.gbl.std.string()
        if not self.nepi.Get(known(self.objects, number), attribute, value):
            raise Problem(f"attribute {attribute} cannot be read")
        return str(value)

    def set(self, number: int, attribute: str, value: Any) -> None:
        """Set an attribute."""
        target = known(self.objects, number)
        if isinstance(value, dict):
            done = self.nepi.Point(target, attribute, cpp_value(value, self.objects, self._names))
        else:
            done = self.nepi.Set(target, attribute, text_of(value))
        if not done:
            raise Problem(str(self.nepi.g_problem) or f"attribute {attribute} cannot be set to {value!r}")

    def aggregate(self, number: int, other: int) -> None:
        """Make two objects parts of one."""
        known(self.objects, number).AggregateObject(known(self.objects, other))

    def forget(self, number: int) -> None:
        """Let go of an object."""
        self.objects.pop(number, None)
        self._held.pop(number, None)

    # Traces.

    def rows(self, number: int, source: str, path: str, context: str) -> None:
        """Write a row for each firing of a trace source."""
        target = known(self.objects, number)
        signature = self._signature(target.GetInstanceTypeId(), source)
        if not self._connector(signature)(target, source, path, context):
            raise Problem(f"trace source {source} cannot be recorded in {path}: its values are not those of {signature}, or no such folder")

    def _signature(self, typeid: Any, source: str) -> str:
        while True:
            for index in range(typeid.GetTraceSourceN()):
                one = typeid.GetTraceSource(index)
                if str(one.name) == source:
                    return function_type(str(typeid.GetName()), source, str(one.callback))
            if not typeid.HasParent():
                raise Problem(f"there is no trace source {source}")
            typeid = typeid.GetParent()

    def _connector(self, signature: str) -> Any:
        found = self._signatures.get(signature)
        if found is None:
            name = f"Rows{len(self._signatures)}"
            text = (
                f"namespace nepi {{ bool {name}(Ptr<Object> object, const std::string& source, const std::string& path, "
                f"const std::string& context) {{ "
                f"return ConnectRows(static_cast<{signature}>(nullptr), object, source, path, context); }} }}"
            )
            try:
                self._cppyy.cppdef(text)
            except SyntaxError:
                raise Problem(f"its values, {signature}, cannot be written down") from None
            found = self._signatures[signature] = getattr(self.nepi, name)
        return found

    def packets(self, number: int, path: str, kind: str) -> None:
        """Write a device's packets."""
        device = known(self.objects, number)
        done = self.nepi.WriteAscii(device, path) if kind == "ascii" else self.nepi.WritePcap(device, path, kind == "promiscPcap")
        if not done:
            raise Problem(f"a {device.GetInstanceTypeId().GetName()} has no trace {kind}")

    # The whole.

    def global_value(self, name: str, value: str) -> None:
        """Bind a GlobalValue."""
        if not self.ns.GlobalValue.BindFailSafe(name, self.ns.StringValue(value)):
            raise Problem(f"global value {name} cannot be {value!r}")

    def default(self, name: str, value: str) -> None:
        """Set the default of an attribute."""
        if not self.ns.Config.SetDefaultFailSafe(name, self.ns.StringValue(value)):
            raise Problem(f"the default of {name} cannot be {value!r}")

    def log(self, component: str, level: str) -> None:
        """Let a component log."""
        if not any(str(name) == component for name in _first(self.ns.LogComponent.GetComponentList())):
            raise Problem(f"there is no log component {component!r}")
        self.ns.LogComponentEnable(component, self._names.find(level))

    def seed(self, seed: int, run: int) -> None:
        """Set what random numbers are drawn from."""
        self.ns.RngSeedManager.SetSeed(seed)
        self.ns.RngSeedManager.SetRun(run)

    def output(self, stdout: str, stderr: str) -> None:
        """Let this process's own outputs go to files."""
        for path, target in ((stdout, 1), (stderr, 2)):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            os.dup2(fd, target)
            os.close(fd)

    def run(self, stop_ns: int | None) -> None:
        """Run after this message has been answered."""
        self._ask_to_run(lambda: self._run(stop_ns))

    def advance(self, until_ns: int | None, until_dry: bool) -> None:
        """Run a step after this message has been answered."""
        self._ask_to_run(lambda: self._advance(until_ns, until_dry))

    def _ask_to_run(self, running: Callable[[], dict[str, Any]]) -> None:
        if self.runs or self.run_asked is not None:
            raise Problem("the simulation runs already")
        if self.is_over:
            raise Problem("the simulation has been destroyed")
        self.run_asked = running

    def run_now(self) -> dict[str, Any]:
        """Run as was asked; return the event of its end."""
        asked, self.run_asked = self.run_asked, None
        assert asked is not None
        self.runs = True
        try:
            return asked()
        finally:
            self.runs = self._is_stopped = False

    def _left(self, until_ns: int | None) -> int:
        if self._is_stopped:  # in the same breath in which it was asked for
            return 0
        return -1 if until_ns is None else max(until_ns - self.now(), 0)

    def _run(self, until_ns: int | None) -> dict[str, Any]:
        self.nepi.Run(self._left(until_ns))
        self.nepi.FlushFiles()
        return {"event": "ended", "now_ns": self.now(), "statistics": self.statistics()}

    def _advance(self, until_ns: int | None, until_dry: bool) -> dict[str, Any]:
        is_dry = bool(self.nepi.Advance(self._left(until_ns), until_dry))
        return {"event": "paused", "now_ns": self.now(), "dry": is_dry}

    def stop(self) -> None:
        """End the run, or the step, after the present event."""
        if self.runs:
            self.nepi.g_paused = True
            self.ns.Simulator.Stop()
        self._is_stopped = self.run_asked is not None

    def descriptor(self, path: str) -> int:
        """Take an open file that somebody of this machine passes on a socket; return its number here."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as passing:
            passing.connect(path)
            _, descriptors, _, _ = socket.recv_fds(passing, 1, 1)
        return descriptors[0]

    def now(self) -> int:
        """Return the simulation's time in nanoseconds."""
        return int(self.ns.Simulator.Now().GetNanoSeconds())

    def statistics(self) -> dict[str, Any]:
        """Return what is known of the run."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "now_ns": self.now(),
            "events": int(self.ns.Simulator.GetEventCount()),
            "wall_s": float(self.nepi.g_wall_s),
            "run_cpu_s": float(self.nepi.g_cpu_s),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
            "rss_kb": usage.ru_maxrss,
            "lag_s": self.nepi.g_lag.GetSeconds(),
            "version": self._version,
        }

    def catalogue(self) -> Any:
        """Return what ns-3 says of its own types."""
        self.load("catalogue.h")
        return json.loads(str(self.nepi.Catalogue()))

    def destroy(self) -> None:
        """Close the files of traces and let go of everything."""
        self.nepi.CloseFiles()
        self.objects.clear()
        self._held.clear()
        self.is_over = True
        self.ns.Simulator.Destroy()


def _first(components: Any) -> list[Any]:
    return [pair.first for pair in components]
