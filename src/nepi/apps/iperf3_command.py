"""The command lines of iperf3's client and server from attributes; building only, nothing is run. Source: iperf3(1), 3.12.

The client always answers in JSON. `--forceflush` does nothing for it (the document is printed at the end), so it is not given.
iperf3 3.12 exits with status 0 after most errors in that mode: what its result says decides, not the status.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from nepi.apps.option_kinds import HOST, PORT, Rate, Seconds, Size, Switch, Whole, Word
from nepi.apps.options import CommandOptions, option

DEFAULT_PORT: Final = 5201
_REPORTS: Final = Seconds(0.1, 60, or_zero=True)
_DSCP: Final = Word(
    r"(?i)[0-9]|[1-5][0-9]|6[0-3]|0x[0-3]?[0-9a-f]|ef|cs[0-7]|af[1-4][1-3]", "a DSCP: 0 to 63, ef, cs0 to cs7, af11 to af43"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Iperf3ClientOptions(CommandOptions):
    """What a measurement with iperf3 is asked to do. Sizes and rates are passed as plain numbers, so no suffix is ambiguous."""

    tool: ClassVar[str] = "iperf3"

    target: str = field(metadata=option("target", "-c", HOST, "Server to measure to, by name or address."))
    port: int = field(default=DEFAULT_PORT, metadata=option("port", "-p", PORT, "The server's port."))
    duration_s: float | None = field(
        default=None, metadata=option("duration", "-t", Seconds(0, 86_400, whole=True), "Whole seconds; 10 unless told, 0 for no end.")
    )
    amount_bytes: int | None = field(
        default=None, metadata=option("bytes", "-n", Size(1, 10**15), "Amount to send, instead of a duration.")
    )
    rate_bps: int | None = field(
        default=None, metadata=option("rate", "-b", Rate(0, 10**13), "Target for each stream, 0 for no limit; UDP: 1 Mbit/s unless told.")
    )
    udp: bool = field(default=False, metadata=option("udp", "-u", Switch(), "UDP instead of TCP."))
    parallel: int | None = field(default=None, metadata=option("parallel", "-P", Whole(1, 128), "Number of streams side by side."))
    reverse: bool = field(default=False, metadata=option("reverse", "-R", Switch(), "The server sends."))
    bidir: bool = field(default=False, metadata=option("bidir", "--bidir", Switch(), "Both send at once."))
    congestion: str | None = field(
        default=None, metadata=option("congestion", "-C", Word("[a-z0-9_-]+", "an algorithm's name"), "TCP congestion control, as cubic.")
    )
    window_bytes: int | None = field(default=None, metadata=option("window", "-w", Size(1, 512 * 2**20), "Socket buffers, both ends."))
    length_bytes: int | None = field(
        default=None, metadata=option("length", "-l", Size(1, 2**20), "Bytes in each write, or in each UDP packet (16 to 65507).")
    )
    omit_s: float | None = field(
        default=None, metadata=option("omit", "-O", Seconds(0, 600, whole=True), "Time at the start that does not count.")
    )
    interval_s: float | None = field(default=None, metadata=option("interval", "-i", _REPORTS, "Time between reports; 0 for none."))
    cport: int | None = field(default=None, metadata=option("cport", "--cport", PORT, "The client's own port."))
    bind: str | None = field(default=None, metadata=option("bind", "-B", HOST, "The client's own address."))
    ipv6: bool = field(default=False, metadata=option("ipv6", "-6", Switch(), "IPv6 only."))
    zerocopy: bool = field(default=False, metadata=option("zerocopy", "-Z", Switch(), "Send without copying."))
    no_delay: bool = field(default=False, metadata=option("noDelay", "-N", Switch(), "No Nagle's algorithm (TCP)."))
    mss_bytes: int | None = field(default=None, metadata=option("mss", "-M", Size(88, 9216), "TCP maximum segment size."))
    tos: int | None = field(default=None, metadata=option("tos", "-S", Whole(0, 255, True), "Type of service byte."))
    dscp: str | None = field(default=None, metadata=option("dscp", "--dscp", _DSCP, "DSCP, a number or a name as ef."))
    connect_timeout_s: float | None = field(
        default=None,
        metadata=option("connectTimeout", "--connect-timeout", Seconds(0.001, 3600, milliseconds=True), "Wait for the server to answer."),
    )

    def conflicts(self) -> list[str]:
        """Name options that iperf3 refuses together, or that it would silently ignore."""
        mistakes = []
        if self.duration_s is not None and self.amount_bytes is not None:
            mistakes.append("bytes: cannot be combined with duration; one of them ends the test")
        if self.reverse and self.bidir:
            mistakes.append("bidir: cannot be combined with reverse")
        if self.tos is not None and self.dscp is not None:
            mistakes.append("dscp: cannot be combined with tos, of which it is the upper six bits")
        tcp_only = {"congestion": self.congestion, "noDelay": self.no_delay, "mss": self.mss_bytes}
        if self.udp:
            mistakes += [f"{name}: is for TCP, not UDP" for name, value in tcp_only.items() if value]
            if self.length_bytes is not None and not 16 <= self.length_bytes <= 65_507:
                mistakes.append(f"length: {self.length_bytes} is outside 16B to 65507B, the sizes of a UDP packet")
        return mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Iperf3ServerOptions(CommandOptions):
    """How an iperf3 server waits. With `json` it prints a document after each test; without, a line for each report as it goes."""

    tool: ClassVar[str] = "iperf3"

    port: int = field(default=DEFAULT_PORT, metadata=option("port", "-p", PORT, "Port to listen on."))
    bind: str | None = field(default=None, metadata=option("bind", "-B", HOST, "Address to listen on; all unless told."))
    one_off: bool = field(default=False, metadata=option("oneOff", "-1", Switch(), "End after one test."))
    interval_s: float | None = field(default=None, metadata=option("interval", "-i", _REPORTS, "Time between reports; 0 for none."))
    ipv6: bool = field(default=False, metadata=option("ipv6", "-6", Switch(), "IPv6 only."))
    json: bool = field(default=False, metadata=option("json", "--json", Switch(), "A typed result of each test, after it."))


def iperf3_client_argv(options: Iperf3ClientOptions) -> list[str]:
    """Return the client's argument list. Its standard output is one JSON document, for `parse_iperf3`."""
    return [options.tool, *options.words(), "--json"]


def iperf3_server_argv(options: Iperf3ServerOptions) -> list[str]:
    """Return the server's argument list; every report is written at once, so that its trace can be read while it runs."""
    return [options.tool, "-s", *options.words(), "--forceflush"]
