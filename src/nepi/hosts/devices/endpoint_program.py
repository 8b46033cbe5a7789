"""The program `udp_endpoint.py` at one end of a tunnel, as its tunnel sees it: brought to a host, started, told, heard, ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from nepi.errors import DeadlineError, ResourceError
from nepi.hosts.devices import udp_endpoint
from nepi.hosts.port import Host, Process

OPEN_DEADLINE_S: Final = 30.0
HEAR_DEADLINE_S: Final = 20.0
END_DEADLINE_S: Final = 5.0
GRACE_S: Final = 2.0
PROGRAM: Final = Path(udp_endpoint.__file__)
_MAKE_FIFO: Final = 'umask 077; rm -f -- "$1" && exec mkfifo -- "$1"'


def fifo_on(host: Host, owner: int, side: int) -> Path:
    """Return the file by which the program of a tunnel's end speaks on a host."""
    return host.scratch / "tunnels" / f"{owner}-{side}"


@dataclass(slots=True)
class EndpointProgram:
    """A program that runs.

    Attributes:
        tunnel: the tunnel's name.
        host: where it runs.
        process: itself.
        fifo: by which it speaks.
        log: local file that has its complaints.
        port: on which it listens, once it has opened it.
        session: its own, in hexadecimal.
    """

    tunnel: str
    host: Host
    process: Process
    fifo: Path
    log: Path
    port: int = 0
    session: str = ""

    @classmethod
    async def start(cls, tunnel: str, host: Host, prefix: Sequence[str], log: Path, *, owner: int, side: int) -> Self:
        """Bring it to a host and start it.

        Args:
            tunnel: the tunnel's name.
            host: where.
            prefix: what stands before a command that needs root.
            log: local file for its complaints.
            owner: guid of the tunnel.
            side: which of the tunnel's ends it is.

        Raises:
            ResourceError: the host refused.
        """
        fifo = fifo_on(host, owner, side)
        program = fifo.parent / PROGRAM.name
        await host.write_file(program, PROGRAM.read_bytes())
        made = await host.run(["sh", "-c", _MAKE_FIFO, "sh", str(fifo)])
        if made.exit.status:
            raise ResourceError(f"{host.name}: {made.stderr.decode(errors='replace').strip()}", resource=tunnel)
        argv = [*prefix, "python3", str(program), str(fifo)]
        process = await host.start(argv, stdout=log, open_stdin=True, owner=owner)
        return cls(tunnel, host, process, fifo, log)

    async def open(self, asked: Mapping[str, Any]) -> None:
        """Let it open its device and its port.

        Raises:
            ResourceError, DeadlineError: it did not; says why.
        """
        await self.tell(asked)
        said = await self._say(OPEN_DEADLINE_S, "it did not open its port")
        self.port, self.session = said["port"], said["session"]

    async def tell(self, what: Mapping[str, Any]) -> None:
        """Write a line to it.

        Raises:
            ResourceError: it has ended; says why.
        """
        try:
            await self.process.write_stdin(json.dumps(what).encode() + b"\n")
        except ResourceError as error:
            try:
                async with asyncio.timeout(END_DEADLINE_S):
                    exit_ = await self.process.wait()
            except TimeoutError:
                raise error from None
            raise ResourceError(self.why_ended(exit_.status), resource=self.tunnel) from None

    async def hears(self, other: str) -> None:
        """Wait until it hears the other end, whose address is given for the message.

        Raises:
            ResourceError, DeadlineError: it does not.
        """
        what = f"nothing that {other} sends arrives there: is UDP between the hosts (port {self.port} here) blocked by a firewall?"
        await self._say(HEAR_DEADLINE_S, what)
        await self._forget_fifo()

    async def _say(self, deadline_s: float, otherwise: str) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        reading = loop.create_task(self.host.run(["head", "-n", "1", "--", str(self.fifo)]))
        ending = loop.create_task(self.process.wait())
        try:
            done, _ = await asyncio.wait({reading, ending}, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
            if reading in done and (line := reading.result().stdout.strip()):
                found: dict[str, Any] = json.loads(line)
                return found
            if ending in done or reading in done:
                raise ResourceError(self.why_ended((await ending).status), resource=self.tunnel)
            raise DeadlineError(f"{self.tunnel}: the end on {self.host.name}: {otherwise}", resource=self.tunnel)
        finally:
            for task in (reading, ending):
                task.cancel()
            await asyncio.gather(reading, ending, return_exceptions=True)

    def why_ended(self, status: int | None) -> str:
        """Return what its end means."""
        said = self.log.read_text(errors="replace").strip().splitlines()[-1:] if self.log.exists() else []
        if status == udp_endpoint.NO_CRYPTOGRAPHY:
            remedy = "install it there (Debian: python3-cryptography), or set cipher to PLAIN"
            return f"{self.tunnel}: the end on {self.host.name} cannot encrypt: {' '.join(said)}; {remedy}"
        if status == 127:
            return f"{self.tunnel}: {self.host.name} has no python3, which a tunnel in user space needs"
        return f"{self.tunnel}: the end on {self.host.name} ended with status {status}: {' '.join(said)}"

    async def end(self) -> None:
        """End it; harmless when it has ended."""
        await self.process.stop(grace_s=GRACE_S)
        await self._forget_fifo()

    async def _forget_fifo(self) -> None:
        await self.host.run(["rm", "-f", "--", str(self.fifo)])
