"""Traceroute: the routers on the way to a target, by Debian's traceroute (the Butskoy one). Source: traceroute(8)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final

from nepi.apps.option_kinds import HOST, INTERFACE, PORT, Seconds, Size, Switch, Whole, Word
from nepi.apps.options import CommandOptions, option
from nepi.apps.output_text import decode, ended_lines, excerpt
from nepi.apps.repeating import repeated, runs_in
from nepi.apps.tool_application import ToolApplication
from nepi.errors import TraceError

_METHODS: Final = {"udp": [], "icmp": ["-I"], "tcp": ["-T"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class TracerouteOptions(CommandOptions):
    """What a traceroute is asked to do; the names that the original had are the original's."""

    tool: ClassVar[str] = "traceroute"

    target: str = field(metadata=option("target", "", HOST, "Host to find the way to, by name or address."))
    use_ip: bool = field(default=False, metadata=option("useIP", "-n", Switch(), "No names for addresses."))
    method: str = field(default="udp", metadata=option("method", "", Word("udp|icmp|tcp", "udp, icmp or tcp"), "Kind of probes."))
    port: int | None = field(default=None, metadata=option("port", "-p", PORT, "UDP: port of the first probe; TCP: of all."))
    first_ttl: int | None = field(default=None, metadata=option("firstTtl", "-f", Whole(1, 255), "Hop to begin with."))
    max_hops: int | None = field(default=None, metadata=option("maxHops", "-m", Whole(1, 255), "Last hop to look at; 30 unless told."))
    queries: int | None = field(default=None, metadata=option("queries", "-q", Whole(1, 10), "Probes for each hop; 3 unless told."))
    wait_s: float | None = field(default=None, metadata=option("wait", "-w", Seconds(0.001, 60), "Wait for an answer; 5s by default."))
    source: str | None = field(default=None, metadata=option("source", "-s", HOST, "Source address."))
    interface: str | None = field(default=None, metadata=option("interface", "-i", INTERFACE, "Interface to send by."))
    ipv6: bool = field(default=False, metadata=option("ipv6", "-6", Switch(), "IPv6 only."))
    packet_size_bytes: int | None = field(default=None, metadata=option("packetSize", "", Size(28, 65_000), "Bytes of each packet."))
    continuous: bool = field(default=False, metadata=option("continuous", "", Switch(), "Again and again until it is stopped."))
    print_timestamp: bool = field(default=False, metadata=option("printTimestamp", "", Switch(), "Wall-clock time before each run."))

    def argv(self) -> list[str]:
        """Return the command line; the target is an operand, and the size follows it."""
        size = [str(self.packet_size_bytes)] if self.packet_size_bytes else []
        argv = [self.tool, *self.words(), *_METHODS[self.method], self.target, *size]
        return repeated(argv, continuous=self.continuous, timestamp=self.print_timestamp)


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe: who answered, how soon, and what else it said ("!X": prohibited, as traceroute(8) has it). All empty: nobody did."""

    address: str = ""
    name: str = ""
    rtt_s: float | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class TracerouteResult:
    """The way to a target as one run found it.

    Attributes:
        target, address: as it was asked for, and what it was resolved to; "" when it did not get so far.
        hops: by number from the first asked for: (number, its probes).
        reached: whether the target itself answered.
        at: when the run began, seconds since the epoch; None unless asked for.
        runs: with `continuous`, all runs, this (the last that printed anything) included; else empty.
    """

    target: str = ""
    address: str = ""
    hops: tuple[tuple[int, tuple[Probe, ...]], ...] = ()
    reached: bool = False
    at: float | None = None
    runs: tuple[TracerouteResult, ...] = ()


_HEADER: Final = re.compile(r"traceroute to (\S+) \((\S+)\), \d+ hops max, \d+ byte packets")
_HOP: Final = re.compile(r" ?(\d{1,3})  ?(\S.*?) *")
_TIME: Final = re.compile(r"\d{1,9}\.\d{3}", re.ASCII)


def parse_traceroute(output: bytes | str) -> TracerouteResult:
    """Return the way; of several runs the last one that found anything, with all of them in `runs`.

    Raises:
        TraceError: a line is not what traceroute prints; says which.
    """
    found = [_run(at, text) for at, text in runs_in(decode(output, "traceroute"))]
    told = [one for one in found if one.target]
    last = told[-1] if told else found[-1]
    if len(told) < 2:
        return last
    return TracerouteResult(last.target, last.address, last.hops, last.reached, last.at, tuple(told))


def _run(at: float | None, text: str) -> TracerouteResult:
    target, address = "", ""
    hops: list[tuple[int, tuple[Probe, ...]]] = []
    for number, line in ended_lines(text):
        if match := _HEADER.fullmatch(line):
            target, address = match[1], match[2]
        elif target and (match := _HOP.fullmatch(line)):
            hops.append((int(match[1]), _probes(match[2], f"traceroute output, line {number}: {excerpt(line)}")))
        elif target and line and not line.startswith(("connect: ", "send: ", "sendto: ")):
            raise TraceError(f"traceroute output, line {number}: {excerpt(line)} is nothing that traceroute prints")
    reached = any(probe.address == address and probe.rtt_s is not None and not probe.mark for _, probes in hops for probe in probes)
    return TracerouteResult(target, address, tuple(hops), reached, at)


def _probes(words: str, place: str) -> tuple[Probe, ...]:
    probes: list[Probe] = []
    name = address = ""
    parts = iter(words.split())
    for part in parts:
        if part == "*":
            probes.append(Probe())
        elif part.startswith("!") and probes:
            last = probes[-1]
            probes[-1] = Probe(last.address, last.name, last.rtt_s, f"{last.mark} {part}".strip())
        elif part.startswith("(") and part.endswith(")"):
            address = part[1:-1]
        elif _TIME.fullmatch(part):
            if next(parts, "") != "ms" or not address:
                raise TraceError(f"{place} has a time without a host or a unit")
            probes.append(Probe(address, name, float(part + "e-3")))
        else:
            name = address = part
    return tuple(probes)


class Traceroute(ToolApplication[TracerouteResult]):
    """Finds the routers on the way to `target`. It FINISHES also when the target does not answer: look at `result.reached`."""

    options = TracerouteOptions

    def read_result(self, stdout: bytes) -> TracerouteResult:
        """Return the way that it found."""
        return parse_traceroute(stdout)

    def measured(self) -> list[tuple[str, str, str]]:
        """Return a row (what, asked, measured) for the run's table."""
        result = self.result
        if result is None or not result.hops:
            return []
        return [("hops", "-", f"{result.hops[-1][0]}, {'' if result.reached else 'not '}reached")]
