"""NetcatReceiver and NetcatSender: data from one node to another over a plain TCP connection, the digest compared at the end.

By Debian's netcat-openbsd. Source: nc(1).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from nepi.apps.http import some_data
from nepi.apps.option_kinds import HOST, PORT, Seconds, Size, Word
from nepi.apps.options import CommandOptions, option
from nepi.apps.tool_application import ToolApplication
from nepi.hosts.port import Exit, Process
from nepi.hosts.roles import HostNode
from nepi.model.attributes import Reference
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check
from nepi.units import format_rate

DEFAULT_PORT: Final = 9000


@dataclass(frozen=True, slots=True, kw_only=True)
class NetcatReceiverOptions(CommandOptions):
    """How data is waited for."""

    tool: ClassVar[str] = "nc"
    package: ClassVar[str] = "netcat-openbsd"

    port: int = field(default=DEFAULT_PORT, metadata=option("port", "", PORT, "TCP port to listen on."))
    source: str | None = field(default=None, metadata=option("source", "", HOST, "The NetcatSender whose data must arrive whole."))

    def argv(self) -> list[str]:
        """Return the command line; it ends with the first connection."""
        return [self.tool, "-l", str(self.port)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetcatSenderOptions(CommandOptions):
    """What is sent, and where to."""

    tool: ClassVar[str] = "nc"
    package: ClassVar[str] = "netcat-openbsd"

    target: str = field(metadata=option("target", "", HOST, "Host of the NetcatReceiver, by name or address."))
    port: int = field(default=DEFAULT_PORT, metadata=option("port", "", PORT, "The receiver's port."))
    file: str | None = field(default=None, metadata=option("file", "", Word(r"[^\n]+", "a file's path"), "Local file to send."))
    data_bytes: int | None = field(default=None, metadata=option("bytes", "", Size(1, 2**28), "Amount of made-up data to send instead."))
    timeout_s: float | None = field(
        default=None, metadata=option("timeout", "-w", Seconds(1, 86_400, whole=True), "End when nothing moves for this long.")
    )

    def conflicts(self) -> list[str]:
        """Say what to send when neither or both are there."""
        return [] if (self.file is None) != (self.data_bytes is None) else ["file, bytes: set one of them, to say what is sent"]

    def argv(self) -> list[str]:
        """Return the command line; the connection is closed after the last byte."""
        return [self.tool, "-N", *self.words(), self.target, str(self.port)]


@dataclass(frozen=True, slots=True)
class TransferResult:
    """What one end of a transfer saw.

    Attributes:
        bytes: that were sent or received.
        sha256: digest of them, hexadecimal.
        duration_s: life of the command; a receiver's includes the wait for the connection.
        throughput_bps: those divided, for a sender; None for a receiver.
    """

    bytes: int
    sha256: str
    duration_s: float
    throughput_bps: float | None = None


def digest_of(path: Path) -> tuple[int, str]:
    """Return (bytes, SHA-256) of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


class _Transfer(ToolApplication[TransferResult]):
    """What sender and receiver have in common: a file here, whose digest is the result."""

    _digest: tuple[int, str] = (0, "")

    def data_path(self) -> Path:
        """Return the file with the data."""
        raise NotImplementedError

    async def conclude(self) -> None:
        """Work out the digest; that takes a moment, so not on the loop."""
        self._digest = await asyncio.to_thread(digest_of, self.data_path())

    @property
    def result(self) -> TransferResult | None:
        """What was transferred; None until it has ended."""
        exit_ = self.exit
        if exit_ is None or not self._digest[1]:
            return None
        duration_s = exit_.ended_at - exit_.started_at
        sends = isinstance(self, NetcatSender) and duration_s > 0
        return TransferResult(*self._digest, duration_s, self._digest[0] * 8 / duration_s if sends else None)


def check_source(one: ResourceDescription, _peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find a source that is no resource."""
    source = one.attributes.get("source")
    if source is not None and not isinstance(source, Reference):
        yield f"attribute 'source': {source!r} is no resource of the experiment; give it the NetcatSender"


class NetcatReceiver(_Transfer):
    """Receives what one NetcatSender sends, into the trace `stdout`. STARTED when it accepts, FINISHED when the sender has closed.

    With `source`, it is FAILED when it did not get exactly what that sender was to send.
    """

    options = NetcatReceiverOptions
    check: ClassVar[Check | None] = staticmethod(check_source)

    def data_path(self) -> Path:
        """Return the file that receives."""
        return self.trace_path("stdout")

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until it accepts."""
        await host.host.wait_listening(self.get("port"), process=process)

    def failure_of(self, exit_: Exit) -> str:
        """Compare with what was to be sent."""
        reason = super().failure_of(exit_)
        source = self.get("source")
        sender = self.ec.get_resource(source.guid) if isinstance(source, Reference) else None
        if reason or not isinstance(sender, NetcatSender) or self._digest == sender.sent:
            return reason
        return f"{self._digest[0]} of {sender.sent[0]} bytes of {sender.name} came, with another digest ({self._digest[1][:12]}...)"


class NetcatSender(_Transfer):
    """Sends a file, or made-up data, to the NetcatReceiver on `target`, and ends when all is there."""

    options = NetcatSenderOptions
    sent: tuple[int, str] = (0, "")

    def data_path(self) -> Path:
        """Return the file that is sent."""
        return Path(self.get("file")).absolute() if self.get("file") else self.run_home / "data"

    def stdin_file(self) -> Path:
        """Return the file that is sent."""
        return self.data_path()

    async def start(self) -> None:
        """Make the data, and note its digest before any of it is sent."""
        self.sent = await asyncio.to_thread(self._prepare)
        await super().start()

    def _prepare(self) -> tuple[int, str]:
        path = self.data_path()
        if not self.get("file"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(some_data(self.get("bytes")))
        return digest_of(path)

    def measured(self) -> list[tuple[str, str, str]]:
        """Return a row (what, asked, measured) for the run's table."""
        result = self.result
        if result is None or result.throughput_bps is None:
            return []
        return [("transfer", f"{result.bytes} B", f"{result.duration_s:.3g} s, {format_rate(result.throughput_bps, digits=4)}")]
