"""Ping: round-trip times and loss to a target, by iputils' ping."""

from __future__ import annotations

import signal
from typing import ClassVar

from nepi.apps.asked import Asked, asked_of_links
from nepi.apps.ping_command import PingOptions, ping_argv
from nepi.apps.ping_output import PingResult, parse_ping
from nepi.apps.tool_application import ToolApplication
from nepi.hosts.port import Exit
from nepi.units import format_duration, format_fraction

_NOTHING_CAME_BACK = 1  # ping(8): status 1 when no reply came at all, or fewer than `count` before `deadline`


class Ping(ToolApplication[PingResult]):
    """Pings `target`, `count` times or until it is stopped.

    No reply at all is a failure (ping's status 1) unless `expectedStatus` says "0,1". The original's `earlyStart`, which pinged
    during deployment, is not there: conditions on `ready` say when to start.
    """

    options = PingOptions
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # at TERM it would print no statistics
    _asked: Asked | None = None

    def argv(self) -> list[str]:
        """Return ping's command line."""
        return ping_argv(self.chosen())

    def read_result(self, stdout: bytes) -> PingResult:
        """Return what ping printed as a value."""
        return parse_ping(stdout)

    def failure_of(self, exit_: Exit) -> str:
        """Say what came back instead of replies."""
        reason = super().failure_of(exit_)
        if reason and exit_.status == _NOTHING_CAME_BACK and (result := self.result) is not None and result.transmitted:
            return f"{self._command()}: {result.received} of {result.transmitted} packets were answered{_first_refusal(result)}"
        return reason

    def note_end(self) -> None:
        """Note what the links were asked to do while it measured."""
        self._asked = asked_of_links(self, self.get("target"), self.start_time)

    def measured(self) -> list[tuple[str, str, str]]:
        """Return rows (what, asked, measured) for the run's table."""
        result = self.result
        if result is None or result.received is None:
            return []
        asked = self._asked
        delay_s, loss = (asked.round_trip_s, asked.round_trip_loss) if asked is not None and not asked.changed else (None, None)
        rows = []
        if result.rtt_avg_s is not None and result.rtt_min_s is not None:
            figures = f"{format_duration(result.rtt_avg_s, digits=3)} (least {format_duration(result.rtt_min_s, digits=3)})"
            rows.append(("round-trip time", _asked_delay(delay_s), figures))
        if result.loss is not None:
            figures = f"{format_fraction(result.loss, digits=3)} of {result.transmitted} packets"
            rows.append(("loss there and back", "-" if loss is None else format_fraction(loss, digits=3), figures))
        return rows


def _asked_delay(delay_s: float | None) -> str:
    if delay_s is None:
        return "-"
    return format_duration(delay_s, digits=4) if delay_s else "no added delay"


def _first_refusal(result: PingResult) -> str:
    return f" ({result.refusals[0].source}: {result.refusals[0].reason})" if result.refusals else ""
