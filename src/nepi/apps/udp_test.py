"""UdpTest: how many UDP packets get through, with the attributes of the original's UdpTest, by iperf3 instead of hpcbench.

hpcbench is no longer to be had. What of it iperf3 has not (latency, exponential sizes, a sender without a server) is done better
by other applications, and is a mistake that names them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from nepi.apps.iperf3 import Iperf3Client
from nepi.apps.iperf3_output import Iperf3Result, parse_iperf3
from nepi.apps.option_kinds import HOST, PORT, Switch, Whole, Word
from nepi.apps.options import CommandOptions, option
from nepi.apps.tool_application import ToolApplication
from nepi.hosts.port import Exit, Process
from nepi.hosts.roles import HostNode
from nepi.units import format_fraction, format_rate

DEFAULT_PORT: Final = 5678
DEFAULT_TIME_S: Final = 5
# What hpcbench's numbers 1 to 6 stand for: minimum delay, maximum throughput (RFC 1349); AF11, AF13, AF41, AF43 (RFC 2597).
_TOS: Final = {1: 0x10, 2: 0x08, 3: 10 << 2, 4: 14 << 2, 5: 34 << 2, 6: 38 << 2}
_ELSEWHERE: Final = {
    "a": "latency is measured by IrttClient, or Ping",
    "A": "latency is measured by IrttClient, with `length`",
    "B": "the server's buffer is the same as the client's, `b`",
    "c": "the load of processors is not logged",
    "d": "each write is one packet, `l`",
    "e": "sizes that grow are several UdpTests with another `l` each",
    "g": "packets that nobody counts are sent by NPing",
    "o": "the output is the trace `stdout`",
    "P": "no plot is written; the result has the numbers",
    "r": "a repetition is another UdpTest",
    "continuous": "a repetition is another UdpTest",
    "printTimestamp": "the result says when it began",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpTestOptions(CommandOptions):
    """What a UDP test is asked to do; the names are the original's."""

    tool: ClassVar[str] = "iperf3"

    s: bool = field(default=False, metadata=option("s", "", Switch(), "Be the server, for one test."))
    target: str | None = field(default=None, metadata=option("target", "", HOST, "Host of the server, by name or address."))
    p: int = field(default=DEFAULT_PORT, metadata=option("p", "", PORT, "Port that the server listens on."))
    b: int | None = field(default=None, metadata=option("b", "-w", Whole(1, 2**29), "Socket buffers, in bytes."))
    i: bool = field(default=False, metadata=option("i", "--bidir", Switch(), "Both ends send at once."))
    packet_bytes: int = field(default=1460, metadata=option("l", "-l", Whole(16, 65_507), "Data bytes in each packet."))
    m: int | None = field(default=None, metadata=option("m", "-n", Whole(1, 2**40), "Bytes to send in all, instead of a time."))
    q: int | None = field(
        default=None, metadata=option("q", "", Whole(1, 6), "Type of service: 1 delay, 2 throughput, 3 to 6 AF11, AF13, AF41, AF43.")
    )
    t: int | None = field(default=None, metadata=option("t", "", Whole(1, 86_400), f"Seconds to send for; {DEFAULT_TIME_S} unless told."))
    T: int | None = field(default=None, metadata=option("T", "", Whole(1, 10**6), "Limit of the throughput, in Mbit/s; none unless told."))
    a: bool = field(default=False, metadata=option("a", "", Switch(), "Not here: use IrttClient."))
    A: int | None = field(default=None, metadata=option("A", "", Whole(0, 2**31), "Not here: use IrttClient."))
    B: int | None = field(default=None, metadata=option("B", "", Whole(0, 2**31), "Not here: `b` is for both ends."))
    c: bool = field(default=False, metadata=option("c", "", Switch(), "Not here."))
    d: int | None = field(default=None, metadata=option("d", "", Whole(0, 2**31), "Not here: `l` is for both."))
    e: bool = field(default=False, metadata=option("e", "", Switch(), "Not here: use several tests."))
    g: bool = field(default=False, metadata=option("g", "", Switch(), "Not here: use NPing."))
    o: str | None = field(default=None, metadata=option("o", "", Word(), "Not here: the output is the trace `stdout`."))
    P: bool = field(default=False, metadata=option("P", "", Switch(), "Not here."))
    r: int | None = field(default=None, metadata=option("r", "", Whole(0, 2**31), "Not here: use several tests."))

    continuous: bool = field(default=False, metadata=option("continuous", "", Switch(), "Not here: use several tests."))
    printTimestamp: bool = field(default=False, metadata=option("printTimestamp", "", Switch(), "Not here: the result has the time."))

    def conflicts(self) -> list[str]:
        """Name what is elsewhere now, and what a server has no use for."""
        mistakes = [f"{name}: {where}" for name, where in _ELSEWHERE.items() if getattr(self, name)]
        if not self.s and self.target is None:
            mistakes.append("target: must be set, or s, for a server")
        if self.t is not None and self.m is not None:
            mistakes.append("m: cannot be combined with t; one of them ends the test")
        return mistakes

    def argv(self) -> list[str]:
        """Return iperf3's command line."""
        if self.s:
            return [self.tool, "-s", "-1", "-p", str(self.p), "--forceflush"]
        time = [] if self.m is not None else ["-t", str(self.t or DEFAULT_TIME_S)]
        tos = ["-S", str(_TOS[self.q])] if self.q is not None else []
        words = ["-u", "-c", str(self.target), "-p", str(self.p), "-b", f"{self.T}000000" if self.T else "0"]
        return [self.tool, *words, *self.words(), *time, *tos, "--json"]


class UdpTest(ToolApplication[Iperf3Result]):
    """Sends UDP packets to another UdpTest, which is the server of one test (`s=True`), and reports throughput, loss and jitter."""

    options = UdpTestOptions
    stop_signal = Iperf3Client.stop_signal

    @property
    def result(self) -> Iperf3Result | None:
        """What the client measured; None for a server, and before the start."""
        return None if self.get("s") else self._result()

    def read_result(self, stdout: bytes) -> Iperf3Result:
        """Return what the client printed as a value."""
        return parse_iperf3(stdout)

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until the server accepts."""
        if self.get("s"):
            await host.host.wait_listening(self.get("p"), process=process)

    def failure_of(self, exit_: Exit) -> str:
        """Say why the test was none: iperf3's status is 0 after most errors."""
        result = self.result
        if result is not None and result.error and exit_.status is not None:
            return f"{self._command()}: {result.error}"
        return super().failure_of(exit_)

    def measured(self) -> list[tuple[str, str, str]]:
        """Return rows (what, asked, measured) for the run's table."""
        result = self.result
        if result is None or result.throughput_bps is None:
            return []
        asked = f"{self.get('T')}Mbit sent" if self.get("T") else "no limit"
        rows = [("throughput", asked, format_rate(result.throughput_bps, digits=4))]
        if result.loss is not None:
            rows.append(("loss", "-", f"{format_fraction(result.loss, digits=3)} of {result.packets} packets"))
        return rows
