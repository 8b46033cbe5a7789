"""Iperf3Server and Iperf3Client: how much data gets through, by iperf3."""

from __future__ import annotations

import signal
from typing import ClassVar

from nepi.apps.asked import Asked, Way, asked_of_links
from nepi.apps.goodput import IP_HEADER_BYTES, TCP_HEADER_BYTES, tcp_share, udp_share
from nepi.apps.iperf3_command import Iperf3ClientOptions, Iperf3ServerOptions, iperf3_client_argv, iperf3_server_argv
from nepi.apps.iperf3_output import Iperf3Result, parse_iperf3, parse_iperf3_server
from nepi.apps.tool_application import ToolApplication
from nepi.errors import TraceError
from nepi.hosts.port import Exit, Process
from nepi.hosts.roles import HostNode
from nepi.units import format_duration, format_fraction, format_rate

_UDP_RATE_BPS = 1_048_576  # iperf3(1): UDP sends 1 Mbit/s (2**20) unless told otherwise


class Iperf3Server(ToolApplication[tuple[Iperf3Result, ...]]):
    """Waits for tests of Iperf3Client, one at a time. STARTED when it accepts."""

    service = True
    options = Iperf3ServerOptions

    @property
    def result(self) -> tuple[Iperf3Result, ...] | None:
        """The tests that it served, when `json` is set; else None."""
        return self._result() if self.get("json") else None

    @property
    def results(self) -> tuple[Iperf3Result, ...]:
        """The tests that it served, when `json` is set; none before the start."""
        return self.result or ()

    def argv(self) -> list[str]:
        """Return the server's command line."""
        return iperf3_server_argv(self.chosen())

    def read_result(self, stdout: bytes) -> tuple[Iperf3Result, ...]:
        """Return what the server printed as values."""
        return parse_iperf3_server(stdout)

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until it listens on its port."""
        await host.host.wait_listening(self.get("port"), process=process)


class Iperf3Client(ToolApplication[Iperf3Result]):
    """Measures how much data gets to `target`, where an Iperf3Server listens; with `reverse`, from there.

    iperf3 ends with status 0 after most errors, so its report decides whether the test has FINISHED or FAILED.
    """

    options = Iperf3ClientOptions
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    _asked: Asked | None = None

    @property
    def result(self) -> Iperf3Result | None:
        """What was measured; of a test that was interrupted, up to there. None before the start."""
        return self._result()

    def argv(self) -> list[str]:
        """Return the client's command line."""
        return iperf3_client_argv(self.chosen())

    def read_result(self, stdout: bytes) -> Iperf3Result:
        """Return what the client printed as a value."""
        return parse_iperf3(stdout)

    def failure_of(self, exit_: Exit) -> str:
        """Say why the test was none."""
        try:
            error = self.read_result(self.trace_path("stdout").read_bytes()).error
        except (OSError, TraceError) as unreadable:
            error = str(unreadable)
        if error and exit_.status is not None and self.get("expectedStatus") != "any":
            return f"{self._command()}: {error}"
        return super().failure_of(exit_)

    def note_end(self) -> None:
        """Note what the links were asked to do while it measured."""
        self._asked = asked_of_links(self, self.get("target"), self.start_time)

    def measured(self) -> list[tuple[str, str, str]]:
        """Return rows (what, asked, measured) for the run's table."""
        result = self.result
        if result is None or result.throughput_bps is None:
            return []
        asked = self._asked
        way = None if asked is None else asked.back if self.get("reverse") else asked
        rows = [("throughput", self._asked_rate(asked, way), format_rate(result.throughput_bps, digits=4))]
        if result.backward is not None and result.backward.throughput_bps is not None:
            back = None if asked is None else asked.back
            rows.append(("throughput back", self._asked_rate(asked, back), format_rate(result.backward.throughput_bps, digits=4)))
        if result.loss is not None:
            loss = "-" if asked is None or way is None or asked.changed else format_fraction(way.loss, digits=3)
            rows.append(("loss", loss, f"{format_fraction(result.loss, digits=3)} of {result.packets} packets"))
        if result.jitter_s is not None:
            rows.append(("jitter", "-", format_duration(result.jitter_s, digits=3)))
        return rows

    def _asked_rate(self, asked: Asked | None, way: Way | None) -> str:
        """Return the lower one of what was to be sent and what the links were to let through, on one of the two ways."""
        wanted = self.get("rate") or (_UDP_RATE_BPS if self.get("udp") and self.get("rate") is None else None)
        wanted = wanted * (self.get("parallel") or 1) if wanted else None
        if asked is not None and asked.changed:
            return "changed while it ran"
        if asked is None or way is None or way.rate_bps is None:
            return f"{format_rate(wanted, digits=4)} sent" if wanted else "no limit"
        most = way.rate_bps * self._share(asked)
        if wanted and wanted < most:
            return f"{format_rate(wanted, digits=4)} sent"
        return f"{format_rate(way.rate_bps, digits=4)} (at most {format_rate(most, digits=4)} of data)"

    def _share(self, asked: Asked) -> float:
        version = 6 if ":" in str(self.resolved("target")) else 4
        if self.get("udp"):
            # Unless told otherwise, iperf3 takes the segment size of its TCP control connection.
            segment = asked.mtu_bytes - IP_HEADER_BYTES[version] - TCP_HEADER_BYTES
            return udp_share(self.get("length") or segment, asked.mtu_bytes, version=version)
        return tcp_share(asked.mtu_bytes, version=version, mss_bytes=self.get("mss"))
