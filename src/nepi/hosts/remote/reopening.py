"""The way to a host as a line of JSON, so that a later process finds it again: to take a run up, or to give back what it left.

No key is in it and no password: a user's name, the path of a key file and public host keys are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from nepi.hosts.remote.local_transport import LocalTransport
from nepi.hosts.remote.ssh_options import HostKeys, Jump, SshOptions
from nepi.hosts.remote.transport import Transport

__all__ = ["command_to", "options_of", "transport_of", "way_of"]

_PATHS: Final = ("identity", "pins", "config")


def way_of(options: SshOptions | None) -> dict[str, Any]:
    """Describe the way to a host; None means this machine itself."""
    if options is None:
        return {"local": True}
    way = {field.name: getattr(options, field.name) for field in fields(options) if getattr(options, field.name) != field.default}
    for name in _PATHS:
        if name in way:
            way[name] = str(Path(way[name]).expanduser().absolute())
    if "known_hosts" in way:
        way["known_hosts"] = [str(Path(path).expanduser().absolute()) for path in way["known_hosts"]]
    if "jumps" in way:
        way["jumps"] = [str(jump) for jump in way["jumps"]]
    if "host_keys" in way:
        way["host_keys"] = way["host_keys"].value
    return way


def options_of(way: Mapping[str, Any]) -> SshOptions | None:
    """Read what `way_of` wrote.

    Raises:
        BadValueError: it is not a way to a host.
    """
    if way.get("local"):
        return None
    given = dict(way)
    for name in _PATHS:
        if name in given:
            given[name] = Path(given[name])
    if "known_hosts" in given:
        given["known_hosts"] = tuple(map(Path, given["known_hosts"]))
    if "jumps" in given:
        given["jumps"] = tuple(Jump.of(text) for text in given["jumps"])
    if "host_keys" in given:
        given["host_keys"] = HostKeys(given["host_keys"])
    return SshOptions(**given)


def transport_of(way: Mapping[str, Any], name: str = "") -> Transport:
    """Open the way to a host again, from a running loop. Nothing is connected yet; `close` of it ends all that it made.

    Args:
        way: what `way_of` wrote.
        name: how the host is called in messages; its hostname unless told otherwise.
    """
    options = options_of(way)
    if options is None:
        return LocalTransport(name or "localhost")
    from nepi.hosts.remote.ssh_transport import SshPool  # asyncssh is an extra

    return SshPool().transport(name or options.hostname, options)


def command_to(way: Mapping[str, Any], command: str, *, terminal: bool) -> list[str]:
    """Return the command line that takes a person the way to a host and runs a command there.

    Args:
        way: what `way_of` wrote.
        command: shell text, made by `nepi.hosts.remote.quoting` only.
        terminal: whether it gets a terminal there; on this machine it has what the caller has.

    Raises:
        ConnectError: the user's ssh configuration, or a key, is not as it must be.
    """
    options = options_of(way)
    if options is None:
        return ["/bin/sh", "-c", command]
    from nepi.hosts.remote.ssh_command import ssh_argv
    from nepi.hosts.remote.ssh_connect import find_routes  # asyncssh is an extra

    return ssh_argv(asyncio.run(find_routes(options)), command, terminal=terminal)
