"""One attempt to connect to a host: the user's ssh configuration, the keys to log in with, the hosts on the way, the handshake."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncssh

from nepi.errors import ConnectError
from nepi.hosts.remote.ssh_errors import Failure, Hope, explain, where
from nepi.hosts.remote.ssh_options import Jump, SshOptions, parse_jumps
from nepi.hosts.remote.ssh_trust import USUAL_FILES, Client, Trust

__all__ = ["Attempt", "Route", "find_route", "find_routes", "unreadable"]

LOG: Final = logging.getLogger("asyncssh")
if LOG.level == logging.NOTSET:  # at INFO it writes down every command, and what a command holds is nobody's business
    LOG.setLevel(logging.WARNING)

CONFIGURATIONS: Final = ("~/.ssh/config", "/etc/ssh/ssh_config")
"""The user's before the system's, as ssh(1) does."""

REACH_S: Final = 10.0
"""How long one attempt to reach the host by TCP may take. The kernel's own pauses grow, so a new attempt notices sooner that it is back."""

UNANSWERED: Final = 3
"""Signs of life that a host may owe before the connection counts as lost."""


@dataclass(frozen=True, slots=True)
class Route:
    """What the ssh configuration and the options together say.

    Attributes:
        options: the host.
        way: the hosts before it, the nearest first.
        arguments: for asyncssh.
        hostname: what is connected to.
        port: likewise.
        username: who logs in.
        known_files: where host keys are looked up.
    """

    options: SshOptions
    way: tuple[Jump, ...]
    arguments: dict[str, Any]
    hostname: str
    port: int
    username: str
    known_files: tuple[Path, ...]

    @property
    def who(self) -> str:
        """The host, in messages."""
        return where(self.options, self.hostname, self.port, self.way)

    @property
    def machine(self) -> tuple[object, ...]:
        """What handshakes are counted for."""
        return (self.way, self.hostname, self.port)

    def before(self) -> SshOptions | None:
        """Return how the last host on the way is reached, or None where there is none."""
        if not self.way:
            return None
        # The way to the first one is its own affair: the configuration may have another host before it.
        return self.options.through(self.way[-1], self.way[:-1] or (None if self.options.jumps is None else ()))


async def find_route(options: SshOptions) -> Route:
    """Read the configuration.

    Raises:
        OSError, ValueError: a file cannot be read, or says something impossible.
    """
    arguments = _arguments(options)
    conf = await asyncssh.SSHClientConnectionOptions.construct(None, known_hosts=((), (), ()), **arguments)
    assert isinstance(conf, asyncssh.SSHClientConnectionOptions)
    way = options.jumps
    if way is None:
        way = parse_jumps(conf.tunnel) if isinstance(conf.tunnel, str) else ()
        way = () if way and way[0].hostname == options.hostname else way  # "Host *" means the gateway, too: ssh_config(5)
    return Route(options, way, arguments, conf.host, conf.port, conf.username, _known_files(options, conf))


async def find_routes(options: SshOptions) -> list[Route]:
    """Read the configuration for a host, then for those on the way to it, the nearest to the host first.

    Raises:
        ConnectError: it, or a key, is not as it must be.
    """
    routes: list[Route] = []
    following: SshOptions | None = options
    while following is not None:
        try:
            routes.append(await find_route(following))
        except (OSError, ValueError) as error:
            raise ConnectError(unreadable(following, error).text) from None
        following = routes[-1].before()
    return routes


def _arguments(options: SshOptions) -> dict[str, Any]:
    """Build what asyncssh is told. What is missing here it takes from the configuration.

    No passwords: an experiment has nobody to type them. The configuration's RemoteCommand, RequestTTY, ForwardAgent and ForwardX11 are for
    people at a terminal, and its ServerAlive and ConnectTimeout would undo what the experiment says.
    """
    found = [options.config] if options.config is not None else [Path(name).expanduser() for name in CONFIGURATIONS]
    arguments: dict[str, Any] = {
        "host": options.hostname,
        "config": [str(path) for path in found if path.is_file()],
        "agent_forwarding": options.forward_agent,
        "x11_forwarding": False,
        "keepalive_interval": options.keepalive_s,
        "keepalive_count_max": UNANSWERED,
        "connect_timeout": None,
        "command": None,
        "request_pty": False,
        "password_auth": False,
        "kbdint_auth": False,
    }
    if options.port is not None:
        arguments["port"] = options.port
    if options.username is not None:
        arguments["username"] = options.username
    if options.jumps is not None:
        arguments["proxy_command"] = None
    return arguments | _identity(options)


def _identity(options: SshOptions) -> dict[str, Any]:
    """Offer the given key and no other: a server gives up after a few, and an agent may hold many."""
    if options.identity is None:
        return {}
    path = options.identity.expanduser()
    path.open("rb").close()  # raises with the path
    public = path.with_name(path.name + ".pub")
    only = {"agent_identities": [str(public)]} if public.is_file() else {}
    return {"client_keys": [str(path)], "ignore_encrypted": True, **only}


def _known_files(options: SshOptions, conf: asyncssh.SSHClientConnectionOptions) -> tuple[Path, ...]:
    if options.known_hosts is not None:
        return options.known_hosts
    mine = conf.config.get("UserKnownHostsFile", USUAL_FILES[:2])
    others = conf.config.get("GlobalKnownHostsFile", USUAL_FILES[2:])
    return tuple(Path(str(name)).expanduser() for name in (*_names(mine), *_names(others)))


def _names(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()


class Attempt:
    """One attempt to connect.

    Args:
        route: where to.
        on_lost: called when the connection has ended.

    Raises:
        OSError, ValueError: known_hosts cannot be read.

    Attributes:
        ended: it has, or there never was one.
    """

    def __init__(self, route: Route, on_lost: Callable[[Attempt], None]) -> None:
        self.route = route
        self._trust = Trust(route.options, route.way, route.known_files, route.hostname)
        self._trust.read()
        self.ended = False
        self._on_lost = on_lost
        self._limit: asyncio.Timeout | None = None
        self._client = Client(self._trust, self._reached, self._lost)

    @property
    def stage(self) -> str:
        """What is missing so far."""
        return self._client.stage

    async def connect(self, via: asyncssh.SSHClientConnection | None) -> asyncssh.SSHClientConnection | Failure:
        """Connect, through a host before it if there is one; return the connection, or why there is none."""
        try:
            async with asyncio.timeout(REACH_S) as self._limit:
                return await asyncssh.connect(
                    self.route.options.hostname,
                    self.route.arguments.get("port", ()),
                    tunnel=via,
                    client_factory=lambda: self._client,
                    known_hosts=self._trust.match,
                    **{name: value for name, value in self.route.arguments.items() if name not in ("host", "port")},
                )
        except (OSError, ValueError, asyncssh.Error) as error:
            return explain(error, self.route.who, self.route.username, self.route.options, self._trust, self._client)

    def _lost(self) -> None:
        self.ended = True
        self._on_lost(self)

    def _reached(self) -> None:
        """From here on the deadline of those who wait is what counts."""
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(None)


def unreadable(options: SshOptions, error: Exception) -> Failure:
    """Say that the configuration, or a key, is not as it must be."""
    name = getattr(error, "filename", None)
    text = f"{name}: {error.strerror}" if isinstance(error, OSError) and name else str(error)
    return Failure(f"{where(options)}: {text}", Hope.NONE)
