"""NPing: probes of any kind (TCP, UDP, ICMP, ARP) to a target, by Nmap's nping. Source: nping(1), 0.7.93."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from nepi.apps.option_kinds import HOST, INTERFACE, Seconds, Switch, Whole, Word
from nepi.apps.options import CommandOptions, option
from nepi.apps.output_text import decode, ended_lines, excerpt
from nepi.apps.repeating import repeated, runs_in
from nepi.apps.tool_application import ToolApplication
from nepi.errors import TraceError
from nepi.units import format_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class NPingOptions(CommandOptions):
    """What nping is asked to do; the names are the original's."""

    tool: ClassVar[str] = "nping"
    package: ClassVar[str] = "nmap"

    target: str = field(metadata=option("target", "", HOST, "Host to probe, by name or address."))
    c: int | None = field(default=None, metadata=option("c", "-c", Whole(1, 10**9), "Probes to send; 5 unless told."))
    e: str | None = field(default=None, metadata=option("e", "-e", INTERFACE, "Interface to send by."))
    delay_s: float | None = field(
        default=None, metadata=option("delay", "--delay", Seconds(0, 3600), "Time between probes; 1s by default.")
    )
    rate: int | None = field(default=None, metadata=option("rate", "--rate", Whole(1, 10**6), "Probes in a second, instead of delay."))
    ttl: int | None = field(default=None, metadata=option("ttl", "--ttl", Whole(0, 255), "IP time to live."))
    p: int | None = field(default=None, metadata=option("p", "-p", Whole(0, 65_535), "Target's port, for TCP and UDP."))
    tcp: bool = field(default=False, metadata=option("tcp", "--tcp", Switch(), "TCP SYN probes."))
    udp: bool = field(default=False, metadata=option("udp", "--udp", Switch(), "UDP probes."))
    icmp: bool = field(default=False, metadata=option("icmp", "--icmp", Switch(), "ICMP echo probes; also when no kind is told."))
    arp: bool = field(default=False, metadata=option("arp", "--arp", Switch(), "ARP requests."))
    traceroute: bool = field(default=False, metadata=option("traceroute", "--tr", Switch(), "One hop more with each probe."))
    data: str | None = field(default=None, metadata=option("data", "--data", Word("([0-9a-fA-F]{2})+", "hexadecimal digits"), "Payload."))
    continuous: bool = field(default=False, metadata=option("continuous", "", Switch(), "Again and again until it is stopped."))
    print_timestamp: bool = field(default=False, metadata=option("printTimestamp", "", Switch(), "Wall-clock time before each run."))

    def conflicts(self) -> list[str]:
        """Name options that exclude each other."""
        mistakes = []
        if sum((self.tcp, self.udp, self.icmp, self.arp)) > 1:
            mistakes.append("tcp, udp, icmp, arp: only one of them")
        if self.delay_s is not None and self.rate is not None:
            mistakes.append("rate: cannot be combined with delay")
        return mistakes

    def argv(self) -> list[str]:
        """Return the command line; raw packets also for an ordinary user, who may send them inside of the user namespace."""
        kind = [] if self.tcp or self.udp or self.icmp or self.arp else ["--icmp"]
        argv = [self.tool, "--privileged", *self.words(), *kind, self.target]
        if self.delay_s is not None:
            argv[argv.index("--delay") + 1] += "s"
        return repeated(argv, continuous=self.continuous, timestamp=self.print_timestamp)


@dataclass(frozen=True, slots=True)
class NPingPacket:
    """One packet that was sent or that came: when (seconds since the start), and nping's words for it."""

    at_s: float
    sent: bool
    what: str


@dataclass(frozen=True, slots=True)
class NPingResult:
    """What came back. The counts are None until nping has printed them, at its end or at SIGINT.

    Attributes:
        sent, received: probes and answers; an ICMP error counts as an answer. nping's own count: compare the packets in doubt.
        rtt_max_s, rtt_min_s, rtt_avg_s: None when nothing came back; ARP has no times.
        packets: all lines, in order.
        at: when the run began, seconds since the epoch; None unless asked for.
        runs: with `continuous`, all runs, this (the last) included; else empty.
    """

    sent: int | None = None
    received: int | None = None
    rtt_max_s: float | None = None
    rtt_min_s: float | None = None
    rtt_avg_s: float | None = None
    packets: tuple[NPingPacket, ...] = ()
    at: float | None = None
    runs: tuple[NPingResult, ...] = ()


_PACKET: Final = re.compile(r"(SENT|RCVD) \((\d{1,9}\.\d{4})s\) (\S.*?) *", re.ASCII)
_TIMES: Final = re.compile(r"Max rtt: (\S+) \| Min rtt: (\S+) \| Avg rtt: (\S+)", re.ASCII)
_COUNTS: Final = re.compile(r"Raw packets sent: (\d+) \(\S+\) \| Rcvd: (\d+) \(\S+\) \| Lost: .*", re.ASCII)
_OTHERS: Final = ("Starting Nping ", "Nping done: ", "Failed to ", "Cannot ", "WARNING: ", "Warning: ")


def parse_nping(output: bytes | str) -> NPingResult:
    """Return what came back; of several runs the last, with all of them in `runs`.

    Raises:
        TraceError: a line is not what nping prints; says which.
    """
    found = [_run(at, text) for at, text in runs_in(decode(output, "nping"))]
    told = [one for one in found if one.packets or one.sent is not None]
    last = told[-1] if told else found[-1]
    return replace(last, runs=tuple(told)) if len(told) > 1 else last


def _run(at: float | None, text: str) -> NPingResult:
    result, packets = NPingResult(at=at), []
    for number, line in ended_lines(text):
        if match := _PACKET.fullmatch(line):
            packets.append(NPingPacket(float(match[2]), match[1] == "SENT", match[3]))
        elif match := _TIMES.fullmatch(line):
            most, least, mean = (_milliseconds(word) for word in match.groups())
            result = replace(result, rtt_max_s=most, rtt_min_s=least, rtt_avg_s=mean)
        elif match := _COUNTS.fullmatch(line):
            result = replace(result, sent=int(match[1]), received=int(match[2]))
        elif line.strip() and not line.startswith(_OTHERS):
            raise TraceError(f"nping output, line {number}: {excerpt(line)} is nothing that nping prints")
    return replace(result, packets=tuple(packets))


def _milliseconds(word: str) -> float | None:
    return None if word == "N/A" else float(word.removesuffix("ms") + "e-3")


class NPing(ToolApplication[NPingResult]):
    """Sends probes to `target` and counts what comes back; ICMP echo unless told."""

    options = NPingOptions
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # at TERM it would print no counts

    def read_result(self, stdout: bytes) -> NPingResult:
        """Return what came back."""
        return parse_nping(stdout)

    def measured(self) -> list[tuple[str, str, str]]:
        """Return rows (what, asked, measured) for the run's table."""
        result = self.result
        if result is None or result.sent is None:
            return []
        rows = [("answers", f"{result.sent} probes", f"{result.received}")]
        if result.rtt_avg_s is not None:
            rows.append(("round-trip time", "-", format_duration(result.rtt_avg_s, digits=3)))
        return rows
