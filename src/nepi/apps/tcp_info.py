"""TcpInfo: what the kernel knows of a node's TCP connections (window, round-trip time, retransmissions, rate), sampled by `ss -ti`.

Source: ss(8), iproute2 6.1; tcp_info in linux/tcp.h.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from nepi.apps.option_kinds import Switch, Word
from nepi.apps.options import CommandOptions, option
from nepi.apps.output_text import decode, excerpt
from nepi.apps.repeating import runs_in
from nepi.apps.tool_application import ToolApplication
from nepi.errors import TraceError
from nepi.execution.attribute import Attribute
from nepi.hosts.roles import HostNode

INTERVAL_FILE: Final = "interval"
# It ends when ss does: a filter that ss does not understand is a failure at once. `interval` is read anew each time.
_SAMPLER: Final = (
    'pause=$1; shift; while :; do date +@%s.%N; "$@" || exit; '
    f'read -r new 2>/dev/null <{INTERVAL_FILE} && [ "$new" ] && pause=$new; sleep "$pause"; done'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpInfoOptions(CommandOptions):
    """Which connections are looked at."""

    tool: ClassVar[str] = "ss"
    package: ClassVar[str] = "iproute2"

    filter: str | None = field(
        default=None, metadata=option("filter", "", Word(expected="a filter of ss"), "Which connections, as in ss(8): dport = :5201.")
    )
    all_states: bool = field(default=False, metadata=option("allStates", "", Switch(), "Listening sockets too."))

    def argv(self) -> list[str]:
        """Return the command line of one sample: one line for each connection, numbers only."""
        return [self.tool, "-tinOH", *(["-a"] if self.all_states else []), *(self.filter.split() if self.filter else [])]


@dataclass(frozen=True, slots=True)
class TcpSample:
    """One connection at one moment; None for what the kernel does not say of it (yet).

    Attributes:
        at: wall-clock time, seconds since the epoch.
        local, remote: "address:port".
        state: such as "ESTAB".
        receive_queue_bytes, send_queue_bytes: not read yet by the program; not acknowledged yet by the other end.
        congestion: the algorithm.
        cwnd_segments, ssthresh_segments: congestion window, and slow start's threshold.
        mss_bytes: largest segment.
        rtt_s, rttvar_s, min_rtt_s: smoothed round-trip time, its variation, the least one seen.
        rto_s: retransmission time-out.
        unacked_segments, lost_segments: under way; taken for lost now.
        retrans_segments, retrans_total_segments: being sent again now; since the connection's start.
        bytes_sent, bytes_acked, bytes_received, bytes_retrans: since the start.
        delivery_rate_bps, pacing_rate_bps: of the last samples; what the sender limits itself to.
    """

    at: float
    local: str
    remote: str
    state: str
    receive_queue_bytes: int
    send_queue_bytes: int
    congestion: str = ""
    cwnd_segments: int | None = None
    ssthresh_segments: int | None = None
    mss_bytes: int | None = None
    rtt_s: float | None = None
    rttvar_s: float | None = None
    min_rtt_s: float | None = None
    rto_s: float | None = None
    unacked_segments: int | None = None
    lost_segments: int | None = None
    retrans_segments: int | None = None
    retrans_total_segments: int | None = None
    bytes_sent: int | None = None
    bytes_acked: int | None = None
    bytes_received: int | None = None
    bytes_retrans: int | None = None
    delivery_rate_bps: int | None = None
    pacing_rate_bps: int | None = None


@dataclass(frozen=True, slots=True)
class TcpInfoResult:
    """All samples, in order.

    Attributes:
        samples: one for each connection and moment.
        moments: how often it was looked, connections or not.
    """

    samples: tuple[TcpSample, ...] = ()
    moments: int = 0

    def flows(self) -> dict[tuple[str, str], list[TcpSample]]:
        """Return the samples of each connection, by its (local, remote) ends."""
        found: dict[tuple[str, str], list[TcpSample]] = {}
        for sample in self.samples:
            found.setdefault((sample.local, sample.remote), []).append(sample)
        return found


_LINE: Final = re.compile(r"([A-Z][A-Z0-9-]*) +(\d+) +(\d+) +(\S+) +(\S+)(?: +(.*))?", re.ASCII)
_COUNTED: Final = {
    "cwnd": "cwnd_segments",
    "ssthresh": "ssthresh_segments",
    "mss": "mss_bytes",
    "unacked": "unacked_segments",
    "lost": "lost_segments",
    "bytes_sent": "bytes_sent",
    "bytes_acked": "bytes_acked",
    "bytes_received": "bytes_received",
    "bytes_retrans": "bytes_retrans",
}
_RATES: Final = {"delivery_rate": "delivery_rate_bps", "pacing_rate": "pacing_rate_bps"}
_ALGORITHM: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_FLAGS: Final = frozenset(("ts", "sack", "ecn", "ecnseen", "fastopen", "app_limited"))


def parse_tcp_info(output: bytes | str) -> TcpInfoResult:
    """Return the samples. It may stop anywhere; a last line without its end is not read.

    Raises:
        TraceError: a line is not what ss prints; says which.
    """
    text = decode(output, "ss")
    samples: list[TcpSample] = []
    moments = 0
    for at, block in runs_in(text[: text.rfind("\n") + 1]):
        moments += at is not None
        for line in block.splitlines():
            match = _LINE.fullmatch(line.rstrip())
            if match is None:
                raise TraceError(f"ss output, in the sample at {at}: {excerpt(line)} is nothing that ss prints")
            state, received, sent, local, remote, details = match.groups()
            known = _details(details or "")
            samples.append(TcpSample(at or 0.0, local, remote, state, int(received), int(sent), **known))
    return TcpInfoResult(tuple(samples), moments)


def _details(words: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    parts = words.split()
    for position, part in enumerate(parts):
        name, colon, value = part.partition(":")
        if name in _COUNTED and value.isdigit():
            found[_COUNTED[name]] = int(value)
        elif name in _RATES and position + 1 < len(parts):
            found[_RATES[name]] = int(float(parts[position + 1].removesuffix("bps")))
        elif name == "rtt":
            found["rtt_s"], found["rttvar_s"] = (float(number) / 1000 for number in value.split("/"))
        elif name == "minrtt":
            found["min_rtt_s"] = float(value) / 1000
        elif name == "rto":
            found["rto_s"] = float(value) / 1000
        elif name == "retrans":
            found["retrans_segments"], found["retrans_total_segments"] = (int(number) for number in value.split("/"))
        elif not colon and "congestion" not in found and part not in _FLAGS and _ALGORITHM.fullmatch(part):
            found["congestion"] = part
    return found


class TcpInfo(ToolApplication[TcpInfoResult]):
    """Looks at the node's TCP connections every `interval` until it is stopped. The interval may be set while it runs."""

    service = True
    options = TcpInfoOptions
    interval = Attribute.duration("100ms", help="Time between two samples; may be set while it runs.", range=(0.01, 3600))

    def argv(self) -> list[str]:
        """Return the command line of the sampler, a fixed program of sh(1)."""
        return ["/bin/sh", "-c", _SAMPLER, "sh", f"{self.get('interval'):f}", *self.chosen().argv()]

    async def start(self) -> None:
        """Start to look."""
        await self._tell_interval()
        await super().start()

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let the sampler have another interval; in effect after its present pause."""
        if "interval" in values:
            await self._tell_interval()

    async def _tell_interval(self) -> None:
        await self.peer(HostNode).host.write_file(self.there / INTERVAL_FILE, f"{self.get('interval'):f}\n".encode())

    def read_result(self, stdout: bytes) -> TcpInfoResult:
        """Return the samples."""
        return parse_tcp_info(stdout)

    def measured(self) -> list[tuple[str, str, str]]:
        """Return a row (what, asked, measured) for the run's table."""
        result = self.result
        return [("TCP connections", "-", f"{len(result.flows())}, {result.moments} times looked at")] if result is not None else []
