"""Tcpdump: the packets of an interface, as a pcap file or as text."""

from __future__ import annotations

import asyncio
import contextlib
from typing import ClassVar, Final

from nepi.apps.tcpdump_command import TcpdumpOptions, tcpdump_argv
from nepi.apps.tcpdump_output import TcpdumpResult, parse_tcpdump, tcpdump_listens
from nepi.apps.tool_application import ToolApplication
from nepi.errors import CommandError
from nepi.execution.trace import Trace
from nepi.hosts.port import Process
from nepi.hosts.roles import HostNode

LOOK_EVERY_S: Final = 0.005


class Tcpdump(ToolApplication[TcpdumpResult]):
    """Captures packets until it is stopped. STARTED when it really captures; complete on disk when it has stopped.

    Packets go to the trace `pcap`; with `w=False`, as text to `stdout` (the original's default).
    """

    service = True
    options = TcpdumpOptions
    option_defaults: ClassVar = {"w": True}
    pcap = Trace("pcap", "The packets, for tcpdump -r, tshark or Wireshark.", enabled=True)

    @property
    def result(self) -> TcpdumpResult | None:
        """How the capture went; its counts are known when it has ended. None before the start."""
        return self._result()

    def argv(self) -> list[str]:
        """Return tcpdump's command line."""
        options = self.chosen()
        # It runs where it may capture, in a user namespace even as its root: becoming another user would only lose the file.
        return tcpdump_argv(options, pcap_file=self.there / "pcap" if options.write else None, user="root")

    def read_result(self, stdout: bytes) -> TcpdumpResult:
        """Return what tcpdump said on standard error."""
        return parse_tcpdump(self._said())

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until tcpdump says that it listens. It writes to a file, which nobody is told of: the file is looked at."""
        ended = asyncio.ensure_future(process.wait())
        try:
            while not await self._listens():
                if ended.done():
                    if ended.result().status == 0:
                        return  # it had only something to print
                    raise CommandError(self.argv(), ended.result().status, self.last_words())
                await asyncio.wait({ended}, timeout=LOOK_EVERY_S)
        finally:
            ended.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ended

    async def _listens(self) -> bool:
        await self.look()
        return tcpdump_listens(self._said())

    def _said(self) -> bytes:
        try:
            said: bytes = self.words_path.read_bytes()[self.words_offset :]
        except FileNotFoundError:
            return b""
        return said

    def measured(self) -> list[tuple[str, str, str]]:
        """Return rows (what, asked, measured) for the run's table."""
        result = self.result
        if result is None or result.captured_packets is None:
            return []
        lost = result.dropped_packets or 0
        return [("packets captured", "all", f"{result.captured_packets}" + (f", {lost} lost for want of buffer" if lost else ""))]
