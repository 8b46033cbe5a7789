"""linux::UdpTunnel: a tunnel over UDP in user space, encrypted, wherever there is /dev/net/tun and Python."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from nepi.errors import DeadlineError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.devices import udp_endpoint
from nepi.hosts.port import Process
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ENDED, ResourceState
from nepi.model.typespec import Check
from nepi.resources.linux.tunnel import HostTunnel, Leg, both, check_tunnel

if TYPE_CHECKING:
    from nepi.execution.ledger import Row

CIPHERS: Final = ("AES", "ChaCha20", "PLAIN", "Blowfish", "DES", "DES3")
BROKEN: Final = ("Blowfish", "DES", "DES3")
KEY_BYTES: Final = 32
OPEN_DEADLINE_S: Final = 30.0
HEAR_DEADLINE_S: Final = 20.0
END_DEADLINE_S: Final = 5.0
PROGRAM: Final = Path(udp_endpoint.__file__)
_MAKE_FIFO: Final = 'umask 077; rm -f -- "$1" && exec mkfifo -- "$1"'


def check_udp_tunnel(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with a tunnel in user space."""
    yield from check_tunnel(one, peers, facts)
    cipher = one.attributes.get("cipher")
    if cipher in BROKEN:
        yield f"cipher {cipher} protects nothing any more and is not offered: use AES (AES-256-GCM), ChaCha20, or PLAIN for none"
    if cipher == "PLAIN" and one.attributes.get("cipherKey"):
        yield "cipherKey is set, and cipher is PLAIN, which has no key: leave one of them out"


@dataclass(slots=True)
class End:
    """The program at one end: its process, what it says, and where it listens."""

    leg: Leg
    side: int
    process: Process
    fifo: Path
    port: int = 0
    session: str = ""


class UdpTunnel(HostTunnel, rtype="linux::UdpTunnel", aliases=("UdpTunnel", "LinuxUdpTunnel")):
    """A tunnel over UDP between two Taps, Tuns or OVSPorts: a program at each end, encrypted unless `cipher` is PLAIN.

    READY when each end has heard the other. The hosts need python3 and, for encryption, its package cryptography.
    """

    kind: ClassVar[str] = "udp"
    tools: ClassVar[tuple[str, ...]] = ("ip", "python3")
    check: ClassVar[Check | None] = staticmethod(check_udp_tunnel)

    cipher = Attribute.choice(CIPHERS, "AES", help="AES (AES-256-GCM), ChaCha20 (with Poly1305) or PLAIN.", flags=Flags.Design)
    cipherKey = Attribute.string(help="What both ends know; chosen anew for each run when not set.", flags=Flags.Design | Flags.Credential)
    txQueueLen = Attribute.integer(help="Frames that may wait at its ends, where these do not say.", range=(0, 10**6), flags=Flags.Design)
    bwLimit = Attribute.integer(help="Bytes per second of frames in each direction, where its ends have no rate.", flags=Flags.Design)
    port = Attribute.integer(0, help="UDP port of both hosts; 0 for any that is free.", range=(0, 65_535), flags=Flags.Design)
    stdout = Trace("stdout", "What the programs at its ends complain of.", enabled=True)

    _ends_running: tuple[End, ...] = ()
    _watching: asyncio.Task[None] | None = None
    _ending: bool = False

    async def deploy(self) -> None:
        """Start both ends, tell them of each other, and wait until they hear each other."""
        self._ending = False
        legs = await self.legs()
        await self.make(self._connect(legs))
        self.set_ready()
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _connect(self, legs: tuple[Leg, Leg]) -> None:
        for leg in legs:
            for name, value in (("txqueuelen", self.get("txQueueLen")), ("rate", self.get("bwLimit") and self.get("bwLimit") * 8)):
                if value is not None and leg.end.has_attribute(name) and leg.end.get(name) is None:
                    leg.end.set(name, value)
        mtu = self.mtu(legs)
        await both(leg.end.fit(mtu) for leg in legs)
        ends = await both(self._open(leg, side) for side, leg in enumerate(legs))
        key = self._key().hex()
        for end, other in (ends, ends[::-1]):
            line = {"address": end.leg.remote, "port": other.port, "session": other.session, "key": key}
            await self._tell(end, line)
        await asyncio.gather(*(self._hears(end) for end in ends))

    def _key(self) -> bytes:
        if self.get("cipher") == "PLAIN":
            return b""
        given = self.get("cipherKey")
        return given.encode() if given else secrets.token_bytes(KEY_BYTES)

    async def _open(self, leg: Leg, side: int) -> End:
        """Start the program of one end, and let it open what it needs."""
        host = leg.end.node.host
        folder = host.scratch / "tunnels"
        program, fifo = folder / PROGRAM.name, folder / f"{self.guid}-{side}"
        await host.write_file(program, PROGRAM.read_bytes())
        made = await host.run(["sh", "-c", _MAKE_FIFO, "sh", str(fifo)])
        if made.exit.status:
            raise ResourceError(f"{leg.end.node.name}: {made.stderr.decode(errors='replace').strip()}", resource=self.name)
        argv = [*await leg.commands.prefix(), "python3", str(program), str(fifo)]
        log = self.trace_path("stdout")
        process = await host.start(argv, stdout=log.with_name(f"stdout-{side}"), open_stdin=True, owner=self.guid)
        end = End(leg, side, process, fifo)
        self._ends_running = (*self._ends_running, end)
        asked = {
            "device": leg.end.ifname,
            "mode": "tap" if leg.end.frames else "tun",
            "pi": bool(leg.end.has_attribute("pi") and leg.end.get("pi")),
            "port": self.get("port"),
            "version": leg.version,
            "cipher": self.get("cipher"),
        }
        await self._tell(end, asked)
        said = await self._say(end, OPEN_DEADLINE_S, "it did not open its port")
        end.port, end.session = said["port"], said["session"]
        return end

    async def _tell(self, end: End, what: Mapping[str, Any]) -> None:
        """Write a line to the program of an end.

        Raises:
            ResourceError: it has ended; says why.
        """
        try:
            await end.process.write_stdin(json.dumps(what).encode() + b"\n")
        except ResourceError as error:
            try:
                async with asyncio.timeout(END_DEADLINE_S):
                    exit_ = await end.process.wait()
            except TimeoutError:
                raise error from None
            raise ResourceError(self._why_ended(end, exit_.status), resource=self.name) from None

    async def _hears(self, end: End) -> None:
        other = end.leg.remote
        what = f"nothing that {other} sends arrives there: is UDP between the hosts (port {end.port} here) blocked by a firewall?"
        await self._say(end, HEAR_DEADLINE_S, what)
        await end.leg.end.node.host.run(["rm", "-f", "--", str(end.fifo)])

    async def _say(self, end: End, deadline_s: float, otherwise: str) -> dict[str, Any]:
        """Return what the program of an end says next.

        Raises:
            ResourceError: it ended instead.
            DeadlineError: it says nothing.
        """
        loop, node = asyncio.get_running_loop(), end.leg.end.node
        reading = loop.create_task(node.host.run(["head", "-n", "1", "--", str(end.fifo)]))
        ending = loop.create_task(end.process.wait())
        try:
            done, _ = await asyncio.wait({reading, ending}, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
            if reading in done and (line := reading.result().stdout.strip()):
                found: dict[str, Any] = json.loads(line)
                return found
            if ending in done or reading in done:
                raise ResourceError(self._why_ended(end, (await ending).status), resource=self.name)
            raise DeadlineError(f"{self.name}: the end on {node.name}: {otherwise}", resource=self.name)
        finally:
            for task in (reading, ending):
                task.cancel()
            await asyncio.gather(reading, ending, return_exceptions=True)

    def _why_ended(self, end: End, status: int | None) -> str:
        node, log = end.leg.end.node.name, self.trace_path("stdout").with_name(f"stdout-{end.side}")
        said = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
        if status == udp_endpoint.NO_CRYPTOGRAPHY:
            remedy = "install it there (Debian: python3-cryptography), or set cipher to PLAIN"
            return f"{self.name}: the end on {node} cannot encrypt: {' '.join(said)}; {remedy}"
        if status == 127:
            return f"{self.name}: {node} has no python3, which a tunnel in user space needs"
        return f"{self.name}: the end on {node} ended with status {status}: {' '.join(said)}"

    async def _watch(self) -> None:
        waiting = {asyncio.ensure_future(end.process.wait()): end for end in self._ends_running}
        done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        if not self._ending and self.state not in ENDED:
            task = next(iter(done))
            self.explain_failure(self._why_ended(waiting[task], task.result().status))
            self.fail()

    async def end(self) -> None:
        """End the programs."""
        self._ending = True
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        running, self._ends_running = self._ends_running, ()
        await asyncio.gather(*(end.process.stop(grace_s=2.0) for end in running))
        for end in running:
            await end.leg.end.node.host.run(["rm", "-f", "--", str(end.fifo)])

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Take hold of the programs that an earlier controller started; what it died over is ended, and made once more."""
        await super().adopt(rows)
        found = []
        for side, end in enumerate(self.ends()):
            if hasattr(end.node, "host"):
                fifo = end.node.host.scratch / "tunnels" / f"{self.guid}-{side}"
                found += [End(Leg(end, "", "", 0), side, one, fifo) for one in end.node.host.processes_of(self.guid)]
        self._ends_running = tuple(found)
        if self.state < ResourceState.READY:
            await self.end()
        elif len(found) == 2:
            self._watching = asyncio.get_running_loop().create_task(self._watch())
        elif self.state < ResourceState.STOPPED:
            raise ResourceError(f"{self.name}: {len(found)} of its 2 ends run", resource=self.name)
