"""ip, tc and other programs on a host, as root: several changes with one command, and errors that say what the host lacks."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Final

from nepi.errors import CommandError, ResourceError
from nepi.hosts.devices import ip_json, ip_lines
from nepi.hosts.devices.ip_json import InterfaceFacts, Way
from nepi.hosts.devices.words import BATCHES, Line, batch, complaint, failed_line
from nepi.hosts.port import Completed, Host

DEADLINE_S: Final = 30.0
CAP_NET_ADMIN: Final = 12
_LACKING: Final = ("Unknown device type", "not supported", "Specified qdisc kind is unknown", "qdisc not found", "not found.")
_MODULES: Final = {
    "vxlan": ("VXLAN", "vxlan"),
    "gre": ("GRE", "ip_gre"),
    "gretap": ("GRE", "ip_gre"),
    "ip6gre": ("GRE over IPv6", "ip6_gre"),
    "ip6gretap": ("GRE over IPv6", "ip6_gre"),
    "wireguard": ("WireGuard", "wireguard"),
    "dummy": ("dummy interfaces", "dummy"),
    "bridge": ("bridges", "bridge"),
    "ifb": ("ifb interfaces, which shaping of arriving packets needs", "ifb"),
    "netem": ("netem, which delay and loss need", "sch_netem"),
    "tbf": ("TBF, which a rate needs", "sch_tbf"),
    "htb": ("HTB, which shaping of some networks needs", "sch_htb"),
    "fq_codel": ("fq_codel", "sch_fq_codel"),
    "red": ("RED", "sch_red"),
    "ingress": ("the ingress queue, which shaping of arriving packets needs", "sch_ingress"),
    "u32": ("the classifier u32", "cls_u32"),
}
_root_prefixes: weakref.WeakKeyDictionary[Host, tuple[str, ...]] = weakref.WeakKeyDictionary()


def may_change_networks(status: bytes) -> bool:
    """Whether a process whose line CapEff of /proc/PID/status this is may change interfaces: root, or whoever is so in a namespace."""
    words = status.split()
    return len(words) == 2 and bool(int(words[1], 16) >> CAP_NET_ADMIN & 1)


class Commands:
    """What a host is told.

    Args:
        host: where.
    """

    def __init__(self, host: Host) -> None:
        self.host = host

    async def prefix(self) -> tuple[str, ...]:
        """Return what stands before a command that needs root: nothing, or sudo for users who are not."""
        known = _root_prefixes.get(self.host)
        if known is None:
            done = await self.host.run(["grep", "CapEff", "/proc/self/status"], deadline_s=DEADLINE_S)
            known = _root_prefixes[self.host] = () if may_change_networks(done.stdout) else ("sudo", "-n", "--")
        return known

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", fine: Sequence[int] = (0,)) -> Completed:
        """Run a command as root.

        Raises:
            CommandError: its status is not among `fine`.
        """
        words = [*await self.prefix(), *argv]
        done = await self.host.run(words, stdin=stdin, deadline_s=DEADLINE_S)
        if done.exit.status not in fine:
            raise CommandError(words, done.exit.status, done.stderr.decode(errors="replace"), resource=self.host.name)
        return done

    async def one_by_one(self, program: str, lines: Sequence[Line]) -> None:
        """Run a program once for each line, until one fails.

        Raises:
            CommandError: one failed.
        """
        for line in lines:
            await self.run([program, *line])

    async def ip(self, lines: Sequence[Line]) -> None:
        """Carry out lines for the program of this name, in order, until one fails.

        Raises:
            BatchError: one was refused.
        """
        await self._batch("ip", lines)

    async def tc(self, lines: Sequence[Line]) -> None:
        """Carry out lines for the program of this name, in order, until one fails.

        Raises:
            BatchError: one was refused.
        """
        await self._batch("tc", lines)

    async def each(self, program: str, lines: Sequence[Line]) -> None:
        """Carry out lines for a program, each whether or not those before were refused."""
        if program not in BATCHES:
            for line in lines:
                await self.host.run([*await self.prefix(), program, *line], deadline_s=DEADLINE_S)
        elif lines:
            await self.host.run([*await self.prefix(), program, "-force", "-batch", "-"], stdin=batch(lines), deadline_s=DEADLINE_S)

    async def _batch(self, program: str, lines: Sequence[Line]) -> None:
        if not lines:
            return
        done = await self.host.run([*await self.prefix(), program, "-batch", "-"], stdin=batch(lines), deadline_s=DEADLINE_S)
        if done.exit.status:
            raise BatchError(self.host.name, program, lines, done.exit.status, done.stderr.decode(errors="replace"))

    async def interface(self, ifname: str) -> InterfaceFacts | None:
        """Return what the host says of an interface; None when there is none of this name."""
        done = await self.host.run(ip_lines.shown(ifname), deadline_s=DEADLINE_S)
        found = ip_json.interfaces(done.stdout) if done.exit.status == 0 else []
        return found[0] if found else None

    async def interfaces(self) -> list[InterfaceFacts]:
        """Return all interfaces of the host."""
        return ip_json.interfaces((await self.run(["ip", "-details", "-json", "address", "show"])).stdout)

    async def way_to(self, address: str) -> tuple[Way, int]:
        """Return how the host reaches an address, and the MTU of the interface there.

        Raises:
            CommandError: it has no route to it.
        """
        found = ip_json.way((await self.run(ip_lines.way_to(address))).stdout)
        interface = await self.interface(found.ifname)
        mtu = interface.mtu if interface is not None else 1500
        return found, min(mtu, ip_lines.LOOPBACK_MTU) if found.ifname == "lo" else mtu


class BatchError(ResourceError):
    """A line of a batch was refused.

    Attributes:
        line: which one, from 1; what stands before it has been done.
    """

    def __init__(self, host: str, program: str, lines: Sequence[Line], status: int | None, stderr: str) -> None:
        number = self.line = failed_line(stderr) or 1
        line = lines[min(number, len(lines)) - 1]
        said = complaint(stderr) or f"status {status}"
        if "password is required" in stderr or "sudo:" in stderr:
            said += "; it needs root, or sudo without a password"
        super().__init__(f"{host}: `{program} {' '.join(line)}`: {said}{_remedy(line, said)}", resource=host)


def _remedy(line: Line, said: str) -> str:
    if not any(one in said for one in _LACKING):
        return ""
    for word in line:
        if word in _MODULES:
            what, module = _MODULES[word]
            return f". Its kernel has no {what}: try `modprobe {module}` there, or another kernel"
    return ""
