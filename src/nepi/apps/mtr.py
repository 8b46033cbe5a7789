"""Mtr: loss and round-trip times of every router on the way to a target, by mtr. Source: mtr(8), 0.95."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from nepi.apps.option_kinds import HOST, PORT, Seconds, Size, Switch, Whole, Word
from nepi.apps.options import CommandOptions, option
from nepi.apps.output_text import decode, excerpt
from nepi.apps.repeating import repeated, runs_in
from nepi.apps.tool_application import ToolApplication
from nepi.errors import TraceError
from nepi.hosts.port import Exit
from nepi.units import format_duration, format_fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class MtrOptions(CommandOptions):
    """What mtr is asked to do; the names that the original had are the original's."""

    tool: ClassVar[str] = "mtr"
    package: ClassVar[str] = "mtr-tiny"

    target: str = field(metadata=option("target", "", HOST, "Host to find the way to, by name or address."))
    report_cycles: int | None = field(
        default=None, metadata=option("reportCycles", "-c", Whole(1, 1_000_000), "Probes to each router; 10 unless told.")
    )
    no_dns: bool = field(default=True, metadata=option("noDns", "-n", Switch(), "No names for addresses."))
    address: str | None = field(default=None, metadata=option("address", "-a", HOST, "Source address."))
    interval_s: float | None = field(
        default=None, metadata=option("interval", "-i", Seconds(0.01, 3600), "Time between probes; below 1s only as root.")
    )
    max_hops: int | None = field(default=None, metadata=option("maxHops", "-m", Whole(1, 255), "Last hop to look at; 30 unless told."))
    patience_s: float | None = field(
        default=None, metadata=option("patience", "-G", Seconds(0.1, 60), "Wait for answers after the last probe; 5s unless told.")
    )
    protocol: str = field(default="icmp", metadata=option("protocol", "", Word("icmp|udp|tcp", "icmp, udp or tcp"), "Kind of probes."))
    port: int | None = field(default=None, metadata=option("port", "-P", PORT, "Target's port, for TCP and UDP."))
    packet_size_bytes: int | None = field(default=None, metadata=option("packetSize", "-s", Size(28, 4470), "Bytes of each packet."))
    ipv6: bool = field(default=False, metadata=option("ipv6", "-6", Switch(), "IPv6 only."))
    continuous: bool = field(default=False, metadata=option("continuous", "", Switch(), "Again and again until it is stopped."))
    print_timestamp: bool = field(default=False, metadata=option("printTimestamp", "", Switch(), "Wall-clock time before each run."))

    def argv(self) -> list[str]:
        """Return the command line; the target is an operand, and the report is JSON."""
        protocol = {"icmp": [], "udp": ["-u"], "tcp": ["-T"]}[self.protocol]
        argv = [self.tool, "--json", *self.words(), *protocol, self.target]
        return repeated(argv, continuous=self.continuous, timestamp=self.print_timestamp)


@dataclass(frozen=True, slots=True)
class MtrHop:
    """One router (or the target), by its distance. `host` is "" when nobody answered; the times are then None.

    Attributes:
        loss: a fraction of `sent`.
        last_s, avg_s, best_s, worst_s, stdev_s: round-trip times.
    """

    hop: int
    host: str
    sent: int
    loss: float
    last_s: float | None = None
    avg_s: float | None = None
    best_s: float | None = None
    worst_s: float | None = None
    stdev_s: float | None = None


@dataclass(frozen=True, slots=True)
class MtrResult:
    """The report of one run; mtr prints it at its end, so a run that is stopped has none.

    Attributes:
        target: as it was asked for; "" when there is no report.
        hops: nearest first.
        error: mtr's complaint, or "".
        at: when the run began, seconds since the epoch; None unless asked for.
        runs: with `continuous`, all reports, this (the last) included; else empty.
    """

    target: str = ""
    hops: tuple[MtrHop, ...] = ()
    error: str = ""
    at: float | None = None
    runs: tuple[MtrResult, ...] = ()


def parse_mtr(output: bytes | str) -> MtrResult:
    """Return mtr's report; of several the last, with all of them in `runs`.

    Raises:
        TraceError: it is no report of mtr.
    """
    found = [_run(at, text) for at, text in runs_in(decode(output, "mtr"))]
    told = [one for one in found if one.target or one.error]
    last = told[-1] if told else found[-1]
    return MtrResult(last.target, last.hops, last.error, last.at, tuple(told)) if len(told) > 1 else last


def _run(at: float | None, text: str) -> MtrResult:
    text = text.strip()
    if not text:
        return MtrResult(at=at)
    if text.startswith("mtr: "):
        return MtrResult(error=text.splitlines()[0].removeprefix("mtr: "), at=at)
    try:
        report: Any = json.loads(text)["report"]
        return MtrResult(report["mtr"]["dst"], tuple(_hop(hub) for hub in report["hubs"]), "", at)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) - 1 and text.startswith("{"):
            return MtrResult(at=at)  # cut: it was ended while it printed
        raise TraceError(f"mtr output: {excerpt(text)} is no JSON: {error.msg} at character {error.pos}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise TraceError(f"mtr output: not a report as mtr 0.95 writes it: {type(error).__name__}: {error}") from None


def _hop(hub: dict[str, Any]) -> MtrHop:
    host = "" if hub["host"] == "???" else str(hub["host"])
    head = int(hub["count"]), host, int(hub["Snt"]), float(hub["Loss%"]) / 100
    if not host or head[3] >= 1:
        return MtrHop(*head)
    return MtrHop(*head, *(round(float(hub[name]) / 1000, 9) for name in ("Last", "Avg", "Best", "Wrst", "StDev")))


class Mtr(ToolApplication[MtrResult]):
    """Measures loss and round-trip times to each router on the way to `target`."""

    options = MtrOptions

    def read_result(self, stdout: bytes) -> MtrResult:
        """Return its report."""
        return parse_mtr(stdout)

    def failure_of(self, exit_: Exit) -> str:
        """Say why there is no report: mtr's status is 0 also when the target cannot be resolved."""
        reason = super().failure_of(exit_)
        result = self.result
        if not reason and result is not None and not result.target:
            return f"{self._command()}: {self.last_words() or result.error or 'it printed no report'}"
        return reason

    def measured(self) -> list[tuple[str, str, str]]:
        """Return rows (what, asked, measured) for the run's table: the target's figures."""
        result = self.result
        if result is None or not result.hops:
            return []
        hop = result.hops[-1]
        rows = [("loss to the last hop", "-", f"{format_fraction(hop.loss, digits=3)} of {hop.sent} packets")]
        if hop.avg_s is not None:
            rows.append(("round-trip time", "-", f"{format_duration(hop.avg_s, digits=3)}, hop {hop.hop}"))
        return rows
