"""Bird and Frr: a routing daemon on a node, which finds the ways by OSPF while the experiment runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from nepi.apps.command_application import CommandApplication, check_command
from nepi.apps.routing_config import OspfSettings, RoutedInterface, bird_config, networks_to_reach, ospfd_config, routed_interfaces
from nepi.apps.routing_output import RoutingResult, parse_routing_log, routes_in
from nepi.errors import CommandError, ResourceError, TraceError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.port import Process
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check

LOOK_EVERY_S: Final = 0.05
FRR_FOLDER: Final = "/usr/lib/frr"
# In a mount namespace of its own the node's folder stands where FRR looks for its sockets: /etc/frr and /run/frr are not touched.
_FRR_START: Final = (
    "set -e; mount --bind frr /run/frr; chown -R frr:frr /run/frr; "
    '"$1"/zebra -u frr -g frr -f /run/frr/zebra.conf -P 0 --log stdout & '
    'until [ -S /run/frr/zserv.api ]; do kill -0 $!; sleep 0.02; done; exec "$1"/ospfd -u frr -g frr -f /run/frr/ospfd.conf -P 0'
)


class RoutingDaemon(CommandApplication):
    """Speaks OSPF (IPv4) on all interfaces of its node. What it is called with is said by subclasses."""

    service = True
    finds_routes = (4,)
    area = Attribute.string("0.0.0.0", help="OSPF area of all interfaces.", flags=Flags.Design)
    cost = Attribute.integer(10, help="Cost of each interface.", flags=Flags.Design, range=(1, 65_535))
    helloInterval = Attribute.integer(1, help="Seconds between greetings.", flags=Flags.Design, range=(1, 65_535))
    deadInterval = Attribute.integer(
        4, help="Seconds without a greeting until a neighbour is given up.", flags=Flags.Design, range=(2, 65_535)
    )
    waitConverged = Attribute.boolean(
        True,
        help="STARTED only when its neighbours are Full and the ways to all networks of other daemons are known; else at once.",
        flags=Flags.Design,
    )

    @property
    def result(self) -> RoutingResult | None:
        """What became of its neighbours so far; None before the start."""
        return self._read() if self.start_time is not None else None

    def settings(self) -> OspfSettings:
        """Return how it is to speak; it is called by its node's first address."""
        node = self.peer(HostNode)
        addresses = [one for one in self.ec.plan.node_addresses.get(node.guid, ()) if ":" not in one]
        numbers = (self.get(name) for name in ("helloInterval", "deadInterval", "cost"))
        return OspfSettings(addresses[0] if addresses else "0.0.0.1", self.get("area"), *numbers)

    def routers(self) -> set[int]:
        """Return the guids of all nodes with a routing daemon."""
        daemons = (one for one in map(self.ec.get_resource, self.ec.resources) if isinstance(one, RoutingDaemon))
        return {node.guid for daemon in daemons for node in daemon.peers(HostNode)}

    def interfaces(self) -> tuple[RoutedInterface, ...]:
        """Return the interfaces that it speaks on."""
        return routed_interfaces(self.ec.plan, self.peer(HostNode).guid, self.routers())

    def files(self) -> dict[str, str]:
        """Return the configuration files, by their path in the application's folder."""
        raise NotImplementedError

    async def start(self) -> None:
        """Write the configuration, let the kernel leave out routes by interfaces without a carrier, then start it."""
        node = self.peer(HostNode)
        if any(":" not in route.via for route in self.ec.plan.routes.get(node.guid, ())):
            what = f"{node.name} has static routes from the plan, which go before those that {self.name} finds"
            raise ResourceError(f"{what}: leave out routing='static' of the node", resource=self.name)
        host = node.host
        for name, text in self.files().items():
            await host.write_file(self.there / name, text.encode())
        done = await host.run(linkdown_argv(one.ifname for one in self.interfaces()))
        if done.exit.status:
            raise CommandError(done.argv, done.exit.status, done.stderr.decode(errors="replace"))
        await super().start()

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until it has converged. Log and table are looked at: nobody is told of a line in a file, or of a route."""
        ended = asyncio.ensure_future(process.wait())
        try:
            while self.get("waitConverged") and not await self._has_converged(host):
                if ended.done():
                    raise CommandError(self.argv(), ended.result().status, self.last_words())
                await asyncio.wait({ended}, timeout=LOOK_EVERY_S)
        finally:
            ended.cancel()

    async def _has_converged(self, host: HostNode) -> bool:
        await self.look()
        wanted = {one.ifname for one in self.interfaces() if one.neighbours}
        if not wanted <= {interface for interface, _ in self._read().full()}:
            return False
        done = await host.host.run(["ip", "-4", "-j", "route", "show"])
        return networks_to_reach(self.ec.plan, host.guid, self.routers()) <= routes_in(done.stdout)

    def log_path(self) -> Path:
        """Return the file that has the daemon's log."""
        raise NotImplementedError

    def _read(self) -> RoutingResult:
        try:
            return parse_routing_log(self.log_path().read_bytes())
        except (OSError, TraceError):
            return RoutingResult()

    def measured(self) -> list[tuple[str, str, str]]:
        """Return a row (what, asked, measured) for the run's table."""
        result = self.result
        if result is None:
            return []
        wanted = sum(len(one.neighbours) for one in self.interfaces())
        ever = {(one.interface, one.router) for one in result.changes if one.after == "Full"}
        return [("OSPF neighbours", str(wanted), f"{len(ever)} were Full, {len(result.changes)} changes")]


def linkdown_argv(ifnames: Iterable[str]) -> list[str]:
    """Return the command that makes the kernel forget, for a while, the networks of interfaces that have lost their carrier.

    Without it a router would go on to send to a neighbour over a cable that is cut, although its daemon knows another way.
    Source: ip-sysctl, ignore_routes_with_linkdown.
    """
    return ["sysctl", "-q", "-w", *(f"net/ipv4/conf/{name}/ignore_routes_with_linkdown=1" for name in ("all", *ifnames))]


def check_area(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find values that the daemons would refuse."""
    yield from check_command(one, peers, facts)
    area = str(one.attributes.get("area", "0.0.0.0"))
    parts = area.split(".")
    if len(parts) not in (1, 4) or not all(
        part.isascii() and part.isdigit() and int(part) < (256 if len(parts) == 4 else 2**32) for part in parts
    ):
        yield f"attribute 'area': {area!r} is neither a number nor like 0.0.0.0"
    if one.attributes.get("deadInterval", 4) <= one.attributes.get("helloInterval", 1):
        yield "attribute 'deadInterval': must be longer than helloInterval, or neighbours are given up between two greetings"


def check_frr(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find a user for whom FRR cannot run."""
    yield from check_area(one, peers, facts)
    if facts.get("rootless"):
        yield "FRR's daemons become the user frr, which a user namespace does not have: run it as root, or use Bird"


class Bird(RoutingDaemon):
    """BIRD: finds the ways by OSPF. STARTED when it knows all ways. Works for an ordinary user too.

    `birdc -s RUN_HOME/bird.ctl` on the node speaks with it.
    """

    tools = ("bird", "ip", "sysctl")
    packages: ClassVar = {"bird": "bird2", "ip": "iproute2", "sysctl": "procps"}
    check: ClassVar[Check | None] = staticmethod(check_area)

    def argv(self) -> list[str]:
        """Return BIRD's command line; paths are relative, since a socket's must be short."""
        return ["bird", "-f", "-c", "bird.conf", "-s", "bird.ctl", "-P", "bird.pid"]

    def files(self) -> dict[str, str]:
        """Return its configuration."""
        return {"bird.conf": bird_config(self.settings(), self.interfaces())}

    def log_path(self) -> Path:
        """Return standard error."""
        return self.words_path


class Frr(RoutingDaemon):
    """FRR's zebra and ospfd: finds the ways by OSPF. STARTED when it knows all ways. Needs root.

    `vtysh --vty_socket RUN_HOME/frr` on the node speaks with it.
    """

    tools = (f"{FRR_FOLDER}/ospfd", "ip", "sysctl")
    packages: ClassVar = {f"{FRR_FOLDER}/ospfd": "frr", "ip": "iproute2", "sysctl": "procps"}
    check: ClassVar[Check | None] = staticmethod(check_frr)

    def argv(self) -> list[str]:
        """Return the command line of both daemons, a fixed program of sh(1)."""
        return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", _FRR_START, "sh", FRR_FOLDER]

    def files(self) -> dict[str, str]:
        """Return their configuration."""
        zebra = f"hostname {self.peer(HostNode).name.replace('/', '-')}\n"
        return {"frr/zebra.conf": zebra, "frr/ospfd.conf": ospfd_config(self.settings(), self.interfaces())}

    def log_path(self) -> Path:
        """Return standard output."""
        return self.trace_path("stdout")
