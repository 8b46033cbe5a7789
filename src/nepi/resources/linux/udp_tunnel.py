"""linux::UdpTunnel: a tunnel over UDP in user space, encrypted, wherever there is /dev/net/tun and Python."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from nepi.errors import ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.devices.endpoint_program import EndpointProgram, fifo_on
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ENDED, ResourceState
from nepi.model.typespec import Check
from nepi.resources.linux.tunnel import HostTunnel, Leg, both, check_tunnel

if TYPE_CHECKING:
    from nepi.execution.ledger import Row

CIPHERS: Final = ("AES", "ChaCha20", "PLAIN", "Blowfish", "DES", "DES3")
BROKEN: Final = ("Blowfish", "DES", "DES3")
KEY_BYTES: Final = 32


def check_udp_tunnel(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with a tunnel in user space."""
    yield from check_tunnel(one, peers, facts)
    cipher = one.attributes.get("cipher")
    if cipher in BROKEN:
        yield f"cipher {cipher} protects nothing any more and is not offered: use AES (AES-256-GCM), ChaCha20, or PLAIN for none"
    if cipher == "PLAIN" and one.attributes.get("cipherKey"):
        yield "cipherKey is set, and cipher is PLAIN, which has no key: leave one of them out"


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

    _ends_running: tuple[EndpointProgram, ...] = ()
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
        for leg, end, other in zip(legs, ends, ends[::-1], strict=True):
            await end.tell({"address": leg.remote, "port": other.port, "session": other.session, "key": key})
        await asyncio.gather(*(end.hears(leg.remote) for leg, end in zip(legs, ends, strict=True)))

    def _key(self) -> bytes:
        if self.get("cipher") == "PLAIN":
            return b""
        given = self.get("cipherKey")
        return given.encode() if given else secrets.token_bytes(KEY_BYTES)

    async def _open(self, leg: Leg, side: int) -> EndpointProgram:
        """Start the program of one end, and let it open what it needs."""
        prefix = await leg.commands.prefix()
        end = await EndpointProgram.start(self.name, leg.end.node.host, prefix, self._log(side), owner=self.guid, side=side)
        self._ends_running = (*self._ends_running, end)
        await end.open(
            {
                "device": leg.end.ifname,
                "mode": "tap" if leg.end.frames else "tun",
                "pi": bool(leg.end.has_attribute("pi") and leg.end.get("pi")),
                "port": self.get("port"),
                "version": leg.version,
                "cipher": self.get("cipher"),
            }
        )
        return end

    def _log(self, side: int) -> Path:
        return self.trace_path("stdout").with_name(f"stdout-{side}")

    async def _watch(self) -> None:
        waiting = {asyncio.ensure_future(end.process.wait()): end for end in self._ends_running}
        done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        if not self._ending and self.state not in ENDED:
            task = next(iter(done))
            self.explain_failure(waiting[task].why_ended(task.result().status))
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
        await asyncio.gather(*(end.end() for end in running))

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Take hold of the programs that an earlier controller started; what it died over is ended, and made once more."""
        await super().adopt(rows)
        found = []
        for side, end in enumerate(self.ends()):
            if hasattr(end.node, "host"):
                host = end.node.host
                fifo, log = fifo_on(host, self.guid, side), self._log(side)
                found += [EndpointProgram(self.name, host, one, fifo, log) for one in host.processes_of(self.guid)]
        self._ends_running = tuple(found)
        if self.state < ResourceState.READY:
            await self.end()
        elif len(found) == 2:
            self._watching = asyncio.get_running_loop().create_task(self._watch())
        elif self.state < ResourceState.STOPPED:
            raise ResourceError(f"{self.name}: {len(found)} of its 2 ends run", resource=self.name)
