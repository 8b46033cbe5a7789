"""IrttServer and IrttClient: round-trip times, one-way delays, jitter and loss of UDP packets at a steady pace, by irtt.

Source: irtt-client(1), 0.9.
"""

from __future__ import annotations

import gzip
import json
import signal
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from nepi.apps.asked import Asked, asked_of_links
from nepi.apps.option_kinds import HOST, PORT, Seconds, Size, Switch, Whole
from nepi.apps.options import CommandOptions, option
from nepi.apps.output_text import decode, excerpt
from nepi.apps.tool_application import ToolApplication
from nepi.errors import TraceError
from nepi.hosts.port import Exit, Process
from nepi.hosts.roles import HostNode
from nepi.units import format_duration, format_fraction

DEFAULT_PORT: Final = 2112
REPORT: Final = "report.json.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class IrttServerOptions(CommandOptions):
    """How an irtt server waits."""

    tool: ClassVar[str] = "irtt"

    port: int = field(default=DEFAULT_PORT, metadata=option("port", "", PORT, "UDP port to listen on."))

    def argv(self) -> list[str]:
        """Return the command line."""
        return [self.tool, "server", "-b", f":{self.port}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IrttClientOptions(CommandOptions):
    """What a measurement is asked to do."""

    tool: ClassVar[str] = "irtt"

    target: str = field(metadata=option("target", "", HOST, "Host of the IrttServer, by name or address."))
    port: int = field(default=DEFAULT_PORT, metadata=option("port", "", PORT, "The server's port."))
    duration_s: float = field(default=10.0, metadata=option("duration", "", Seconds(0.001, 86_400), "How long to send."))
    interval_s: float = field(default=0.1, metadata=option("interval", "", Seconds(0.0001, 60), "Time between packets."))
    length_bytes: int | None = field(
        default=None, metadata=option("length", "-l", Size(40, 65_507), "UDP data in each packet; 48B unless told.")
    )
    dscp: int | None = field(default=None, metadata=option("tos", "--dscp", Whole(0, 255, True), "Type of service (traffic class) byte."))
    ttl: int | None = field(default=None, metadata=option("ttl", "--ttl", Whole(1, 255), "IP time to live."))
    ipv6: bool = field(default=False, metadata=option("ipv6", "-6", Switch(), "IPv6 only."))

    def argv(self) -> list[str]:
        """Return the command line; the report is one JSON document in a file, since irtt prints none when it is interrupted."""
        target = f"[{self.target}]" if ":" in self.target else self.target
        times = ["-d", f"{self.duration_s * 1e9:.0f}ns", "-i", f"{self.interval_s * 1e9:.0f}ns"]
        flags = [f"{flag}={value}" if value and flag.startswith("--") else flag for flag, value in _pairs(self.words())]
        return [self.tool, "client", "-Q", "-o", REPORT, *times, *flags, f"{target}:{self.port}"]


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    """Return (flag, value): irtt takes the values of long options behind "=" only; short ones stay as they are."""
    pairs: list[tuple[str, str]] = []
    for word in words:
        if pairs and pairs[-1][0].startswith("--") and not pairs[-1][1] and not word.startswith("-"):
            pairs[-1] = (pairs[-1][0], word)
        else:
            pairs.append((word, ""))
    return pairs


@dataclass(frozen=True, slots=True)
class Spread:
    """How values of one kind are distributed, in seconds."""

    min_s: float
    mean_s: float
    max_s: float
    stddev_s: float
    median_s: float | None = None


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One packet: when it was sent (seconds since the epoch), and its delays; None for what did not come back.

    Attributes:
        lost: "" when it came back; "up" or "down" when irtt knows on which way it was lost, else "?".
    """

    seq: int
    sent_at: float
    rtt_s: float | None = None
    send_delay_s: float | None = None
    receive_delay_s: float | None = None
    lost: str = ""


@dataclass(frozen=True, slots=True)
class IrttResult:
    """What a measurement found. All None or empty when no report was printed.

    Attributes:
        packets_sent, packets_received: of the client.
        loss, loss_up, loss_down: fractions; up is to the server.
        duplicates, late: packets that came twice, and that came after a later one.
        rtt: round-trip times.
        send_delay, receive_delay: one way; true when both ends have the same clock, as on one machine.
        jitter_up, jitter_down: differences of delay between one packet and the next (IPDV).
        round_trips: every packet.
        complete: whether there was a report.
    """

    packets_sent: int | None = None
    packets_received: int | None = None
    loss: float | None = None
    loss_up: float | None = None
    loss_down: float | None = None
    duplicates: int | None = None
    late: int | None = None
    rtt: Spread | None = None
    send_delay: Spread | None = None
    receive_delay: Spread | None = None
    jitter_up: Spread | None = None
    jitter_down: Spread | None = None
    round_trips: tuple[RoundTrip, ...] = ()
    complete: bool = False


_LOST: Final = {"false": "", "true": "?", "true_up": "up", "true_down": "down"}


def parse_irtt(output: bytes | str) -> IrttResult:
    """Return what the client's JSON report says; an empty result when it stops before its end or is not there.

    Raises:
        TraceError: it is no report of irtt.
    """
    text = decode(output, "irtt").strip()
    if not text.endswith("}"):
        if text and not text.startswith("{"):
            raise TraceError(f"irtt output: {excerpt(text)} is no JSON")
        return IrttResult()
    try:
        report: dict[str, Any] = json.loads(text)
        return _result(report["stats"], report.get("round_trips") or [])
    except json.JSONDecodeError:
        return IrttResult()  # cut within
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TraceError(f"irtt output: not a report as irtt 0.9 writes it: {type(error).__name__}: {error}") from None


def _result(stats: dict[str, Any], rounds: list[dict[str, Any]]) -> IrttResult:
    return IrttResult(
        packets_sent=int(stats["packets_sent"]),
        packets_received=int(stats["packets_received"]),
        loss=stats["packet_loss_percent"] / 100,
        loss_up=stats["upstream_loss_percent"] / 100,
        loss_down=stats["downstream_loss_percent"] / 100,
        duplicates=int(stats["duplicates"]),
        late=int(stats["late_packets"]),
        rtt=_spread(stats["rtt"]),
        send_delay=_spread(stats["send_delay"]),
        receive_delay=_spread(stats["receive_delay"]),
        jitter_up=_spread(stats["ipdv_send"]),
        jitter_down=_spread(stats["ipdv_receive"]),
        round_trips=tuple(_round_trip(one) for one in rounds),
        complete=True,
    )


def _spread(values: dict[str, Any]) -> Spread | None:
    if not values.get("n"):
        return None
    least, mean, most, deviation = (values[name] / 1e9 for name in ("min", "mean", "max", "stddev"))
    median = values.get("median")
    return Spread(least, mean, most, deviation, None if median is None else median / 1e9)


def _round_trip(one: dict[str, Any]) -> RoundTrip:
    delay = one.get("delay") or {}
    rtt, send, receive = (None if delay.get(name) is None else delay[name] / 1e9 for name in ("rtt", "send", "receive"))
    return RoundTrip(int(one["seqno"]), one["timestamps"]["client"]["send"]["wall"] / 1e9, rtt, send, receive, _LOST[str(one["lost"])])


class IrttServer(ToolApplication[None]):
    """Answers the packets of IrttClient. STARTED when it listens."""

    service = True
    options = IrttServerOptions

    def read_result(self, stdout: bytes) -> None:
        """Return nothing: the client has the figures."""

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until it listens on its port."""
        await host.host.wait_listening(self.get("port"), protocol="udp", process=process)


class IrttClient(ToolApplication[IrttResult]):
    """Sends a packet every `interval` to the IrttServer on `target` and measures delays, jitter and loss of each way."""

    options = IrttClientOptions
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # it then reports what it has
    _asked: Asked | None = None

    def read_result(self, stdout: bytes) -> IrttResult:
        """Return what its report says."""
        path = self.run_home / REPORT
        if not path.exists():
            return IrttResult()
        try:
            return parse_irtt(gzip.decompress(path.read_bytes()))
        except (EOFError, gzip.BadGzipFile) as error:
            raise TraceError(f"irtt report {path}: {error}") from None

    def note_end(self) -> None:
        """Note what the links were asked to do while it measured."""
        self._asked = asked_of_links(self, self.get("target"), self.start_time)

    def failure_of(self, exit_: Exit) -> str:
        """Say so when nothing at all came back."""
        reason = super().failure_of(exit_)
        result = self.result
        if (
            not reason
            and result is not None
            and result.packets_sent
            and not result.packets_received
            and self.get("expectedStatus") != "any"
        ):
            return f"{self._command()}: none of {result.packets_sent} packets came back"
        return reason

    def measured(self) -> list[tuple[str, str, str]]:
        """Return rows (what, asked, measured) for the run's table."""
        result, asked = self.result, self._asked
        if result is None or result.rtt is None or result.loss is None:
            return []
        known = asked is not None and not asked.changed
        delay = format_duration(2 * asked.delay_s, digits=4) if known and asked is not None and asked.delay_s else "-"
        loss = format_fraction(1 - (1 - asked.loss) ** 2, digits=3) if known and asked is not None else "-"
        rows = [
            ("round-trip time", delay, format_duration(result.rtt.mean_s, digits=3)),
            ("loss there and back", loss, f"{format_fraction(result.loss, digits=3)} of {result.packets_sent} packets"),
        ]
        if result.jitter_up is not None:
            rows.append(("jitter (mean change)", "-", format_duration(result.jitter_up.mean_s, digits=3)))
        return rows
