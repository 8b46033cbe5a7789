"""The command line of iputils' ping from the attributes of a Ping; building only, nothing is run. Source: ping(8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from nepi.apps.option_kinds import HOST, INTERFACE, Seconds, Size, Switch, Whole, Word
from nepi.apps.options import CommandOptions, option

_LONG_S: Final = 2_000_000.0  # ping's own limit on intervals is INT_MAX milliseconds
_INT: Final = 2**31 - 1
_ROUTE_TIMES: Final = Word(r"tsonly|tsandaddr|tsprespec( [^\s-]\S*){1,4}", "tsonly, tsandaddr, or tsprespec and one to four hosts")


@dataclass(frozen=True, slots=True, kw_only=True)
class PingOptions(CommandOptions):
    """What a ping is asked to do; the attributes' names are the original's.

    A ping without `count` or `deadline_s` goes on until it is ended; ended by SIGINT it prints its statistics, by SIGTERM not.
    """

    tool: ClassVar[str] = "ping"
    package: ClassVar[str] = "iputils-ping"

    target: str = field(metadata=option("target", "", HOST, "Host to ping, by name or address."))
    count: int | None = field(default=None, metadata=option("count", "-c", Whole(1, 2**63 - 1), "Stop after this many replies."))
    mark: int | None = field(default=None, metadata=option("mark", "-m", Whole(0, 2**32 - 1, True), "Mark of outgoing packets."))
    interval_s: float | None = field(
        default=None, metadata=option("interval", "-i", Seconds(0, _LONG_S), "Time between packets; below 2 ms only as root.")
    )
    address: str | None = field(default=None, metadata=option("address", "-I", INTERFACE, "Source address or interface."))
    preload: int | None = field(
        default=None, metadata=option("preload", "-l", Whole(1, 65_536), "Packets sent before waiting for a reply; above 3 only as root.")
    )
    numeric: bool = field(default=False, metadata=option("numeric", "-n", Switch(), "No names for addresses."))
    pattern: str | None = field(
        default=None,
        metadata=option("pattern", "-p", Word("[0-9a-fA-F]{1,32}", "1 to 32 hexadecimal digits"), "Padding bytes, hexadecimal."),
    )
    print_timestamp: bool = field(default=False, metadata=option("printTimestamp", "-D", Switch(), "Wall-clock time before each line."))
    tos: int | None = field(default=None, metadata=option("tos", "-Q", Whole(0, 255, True), "Type of service (traffic class) byte."))
    quiet: bool = field(default=False, metadata=option("quiet", "-q", Switch(), "Only the statistics, no line for each reply."))
    record_route: bool = field(default=False, metadata=option("recordRoute", "-R", Switch(), "IP option record route (IPv4)."))
    route_bypass: bool = field(default=False, metadata=option("routeBypass", "-r", Switch(), "Bypass the routing tables."))
    packet_size_bytes: int | None = field(
        default=None, metadata=option("packetSize", "-s", Size(0, 65_507), "Data bytes in each packet; ICMP adds 8, IPv4 20.")
    )
    send_buffer_bytes: int | None = field(default=None, metadata=option("sendBuff", "-S", Size(1, _INT), "Socket send buffer."))
    ttl: int | None = field(default=None, metadata=option("ttl", "-t", Whole(1, 255), "IP time to live."))
    timestamp: str | None = field(default=None, metadata=option("timestamp", "", _ROUTE_TIMES, "IP option timestamp (IPv4)."))
    hint: str | None = field(
        default=None, metadata=option("hint", "-M", Word("do|want|dont|probe", "do, want, dont or probe"), "Path MTU discovery.")
    )
    full_latency: bool = field(default=False, metadata=option("fullLatency", "-U", Switch(), "User-to-user latency."))
    verbose: bool = field(default=False, metadata=option("verbose", "-v", Switch(), "Verbose output."))
    flood: bool = field(default=False, metadata=option("flood", "-f", Switch(), "As fast as replies come; at full speed only as root."))
    deadline_s: float | None = field(
        default=None, metadata=option("deadline", "-w", Seconds(1, _LONG_S, whole=True), "End after this time, whatever came back.")
    )
    timeout_s: float | None = field(
        default=None, metadata=option("timeout", "-W", Seconds(0.001, _LONG_S, or_zero=True), "Wait for a reply; 0 for ever.")
    )
    adaptive: bool = field(default=False, metadata=option("adaptive", "-A", Switch(), "Interval follows the round-trip time."))
    report_outstanding: bool = field(
        default=False, metadata=option("reportOutstanding", "-O", Switch(), "A line for each reply that is late.")
    )
    ipv6: bool = field(default=False, metadata=option("ipv6", "-6", Switch(), "IPv6 only."))

    def conflicts(self) -> list[str]:
        """Name options that ping refuses together."""
        mistakes = []
        if self.record_route and self.timestamp:
            mistakes.append("recordRoute: cannot be combined with timestamp")
        if self.ipv6 and (self.record_route or self.timestamp):
            mistakes.append("ipv6: has neither recordRoute nor timestamp")
        return mistakes


def ping_argv(options: PingOptions) -> list[str]:
    """Return ping's argument list; run it under `PLAIN_OUTPUT_ENV` when its output is to be parsed."""
    # The hosts of "tsprespec" are operands before the target: ping -T tsprespec HOST... TARGET.
    kind, *hops = options.timestamp.split() if options.timestamp else [""]
    return [options.tool, *options.words(), *(["-T", kind] if kind else []), *hops, options.target]
