"""What a simulation process can be asked for: operations as plain JSON, built here and nowhere else. docs/design/ns3.md lists them.

Objects go by numbers that the asking side chooses, whole ones other than 0; a number is never given twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Value = Any
"""A JSON scalar, or one of `ref`, `new_value`, `enum_value`."""
Operation = list[Any]
"""A name, then its arguments."""


def ref(number: int) -> dict[str, Any]:
    """Return a value that stands for an object."""
    return {"ref": number}


def new_value(class_: str, *args: Value) -> dict[str, Any]:
    """Return a value that is made on the spot, such as `new_value("Ipv4Address", "10.0.0.1")`."""
    return {"new": class_, "args": list(args)}


def enum_value(name: str) -> dict[str, Any]:
    """Return a constant of namespace ns3, such as "WIFI_STANDARD_80211a" or "WifiPhyBand::WIFI_PHY_BAND_5GHZ"."""
    return {"enum": name}


def create(number: int, typeid: str, attributes: Mapping[str, Value] | None = None) -> Operation:
    """Make an object by its TypeId; attributes are text as ns-3 writes it, or references."""
    return ["create", number, typeid, dict(attributes or {})]


def new(number: int, class_: str, *args: Value) -> Operation:
    """Make a C++ object that is no ns-3 Object: a helper, a container."""
    return ["new", number, class_, list(args)]


def invoke(number: int, method: str, *args: Value, store: int = 0) -> Operation:
    """Call a method. Plain results are answered, others kept under `store` when it is not 0."""
    return ["invoke", number, method, list(args), store]


def static(function: str, *args: Value, store: int = 0) -> Operation:
    """Call "Class::Method" or a free function, of namespace ns3 or, after `load`, of nepi."""
    return ["static", function, list(args), store]


def check(function: str, *args: Value) -> Operation:
    """Call a function that returns "" or, as the operation's problem, why it cannot."""
    return ["check", function, list(args)]


def load(header: str) -> Operation:
    """Compile a header that lies beside the process's own files; once, however often it is asked for."""
    return ["load", header]


def get(number: int, attribute: str) -> Operation:
    """Answer an attribute as text."""
    return ["get", number, attribute]


def set_(number: int, attribute: str, value: Value) -> Operation:
    """Set an attribute."""
    return ["set", number, attribute, value]


def aggregate(number: int, other: int) -> Operation:
    """Make two objects parts of one."""
    return ["aggregate", number, other]


def forget(number: int) -> Operation:
    """Let go of an object; what else holds it keeps it."""
    return ["forget", number]


def rows(number: int, source: str, path: str, context: str) -> Operation:
    """Write a row for each firing of a trace source: nanoseconds, context, values, separated by tabs."""
    return ["rows", number, source, path, context]


def packets(number: int, path: str, *, kind: str) -> Operation:
    """Write a device's packets; kind is "pcap", "promiscPcap" or "ascii"."""
    return ["packets", number, path, kind]


def global_value(name: str, value: str) -> Operation:
    """Bind a GlobalValue."""
    return ["global", name, value]


def default(name: str, value: str) -> Operation:
    """Set the default of an attribute, "ns3::TcpSocket::SegmentSize", for objects made later."""
    return ["default", name, value]


def log(component: str, level: str) -> Operation:
    """Let a component log to standard error; level is a constant such as "LOG_LEVEL_INFO"."""
    return ["log", component, level]


def seed(seed_: int, run: int) -> Operation:
    """Set what random numbers are drawn from, before the first object."""
    return ["seed", seed_, run]


def output(stdout: str, stderr: str) -> Operation:
    """Let the process's own standard output and error go to files, appended to."""
    return ["output", stdout, stderr]


def notify(after_ns: int, token: int) -> Operation:
    """Tell `{"event": "reached", "token": token}` so many nanoseconds of simulation time from now."""
    return ["notify", after_ns, token]


def run(stop_ns: int | None = None) -> Operation:
    """Run until that moment of simulation time, until nothing is left, or until `stop`; answered at once, the end is an event."""
    return ["run", stop_ns]


def advance(until_ns: int | None = None, *, until_dry: bool = False) -> Operation:
    """Run a step: to that moment, or to where something has to be decided; the end is an event, `paused`.

    Without a moment, or with `until_dry`, it ends where nothing is left to happen, and says so.
    """
    return ["advance", until_ns, until_dry]


def rehearse() -> Operation:
    """Run for no time at all, so that what was called before is compiled before time goes on."""
    return ["rehearse"]


def stop() -> Operation:
    """End the run, or the step, after the present event."""
    return ["stop"]


def descriptor(path: str) -> Operation:
    """Take an open file that is passed on the UNIX socket at `path`; answer its number."""
    return ["descriptor", path]


def now() -> Operation:
    """Answer the simulation's time in nanoseconds."""
    return ["now"]


def statistics() -> Operation:
    """Answer what is known of the run: `now_ns`, `events`, `wall_s` and `run_cpu_s` of running alone, `cpu_s`, `lag_s`, and others."""
    return ["statistics"]


def flush() -> Operation:
    """Let the files of traces hold what has happened so far."""
    return ["flush"]


def destroy() -> Operation:
    """Close the files of traces and let go of everything."""
    return ["destroy"]


def catalogue() -> Operation:
    """Answer what ns-3 says of its own types; `nepi.resources.ns3.catalogue` reads it."""
    return ["catalogue"]


def stop_application(number: int) -> Operation:
    """End an application now, as its StopTime would."""
    return static("nepi::StopApplication", ref(number))


def close_files() -> Operation:
    """Close the files of traces: nothing is recorded any more."""
    return ["close_files"]
