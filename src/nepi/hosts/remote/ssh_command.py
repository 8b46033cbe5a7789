"""The command line of ssh(1) that reaches a host as a run reaches it, for who wants a terminal there. Pure.

Host keys are checked as strictly, with the same files; nothing is asked for, and nothing is learned. Hosts on the way are reached by
ProxyCommand, since ssh gives those of -J none of its options.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nepi.hosts.remote.ssh_options import HostKeys, pinned_key

if TYPE_CHECKING:
    from nepi.hosts.remote.ssh_connect import Route

__all__ = ["ssh_argv"]

VOUCH: Final = Path(__file__).parent / "vouch.py"
_FIXED: Final = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ClearAllForwardings=yes",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "ControlPath=none",
    "LogLevel=ERROR",
)


def ssh_argv(routes: Sequence[Route], command: str, *, terminal: bool) -> list[str]:
    """Return the command line.

    Args:
        routes: to the host, then to those on the way to it, the nearest to the host first.
        command: shell text, for the login shell.
        terminal: whether the command gets a terminal.

    Source: ssh(1), ssh_config(5).
    """
    return [*_reaching(routes), "-t" if terminal else "-T", "--", routes[0].options.hostname, command]


def _reaching(routes: Sequence[Route]) -> list[str]:
    options = routes[0].options
    argv = ["ssh"]
    if options.config is not None:
        argv += ["-F", str(options.config)]
    if options.port is not None:
        argv += ["-p", str(options.port)]
    if options.username is not None:
        argv += ["-l", options.username]
    if options.identity is not None:
        argv += ["-i", str(options.identity), "-o", "IdentitiesOnly=yes"]
    for setting in (*_FIXED, *_settings(routes)):
        argv += ["-o", setting]
    return argv


def _settings(routes: Sequence[Route]) -> Iterator[str]:
    options = routes[0].options
    yield f"ForwardAgent={'yes' if options.forward_agent else 'no'}"
    yield f"ConnectTimeout={max(1, round(options.connect_deadline_s))}"
    yield f"ServerAliveInterval={max(1, round(options.keepalive_s))}"
    yield from _trust(routes[0])
    if len(routes) > 1:
        first = [word.replace("%", "%%") for word in _reaching(routes[1:])]
        yield "ProxyCommand=" + shlex.join([*first, "-W", "[%h]:%p", "--", routes[1].options.hostname.replace("%", "%%")])
    elif options.jumps is not None:
        yield "ProxyJump=none"


def _trust(route: Route) -> Iterator[str]:
    """Say what makes the host's key good: as `ssh_trust.Trust` does."""
    options = route.options
    trusting = options.pins is not None and options.host_keys is HostKeys.FIRST_USE
    files = [*route.known_files, *([options.pins] if trusting else [])]
    if options.server_key is not None:
        words = [sys.executable, "-I", "-S", str(VOUCH), *(pinned_key(options.server_key) or ("", ""))]
        yield "KnownHostsCommand=" + " ".join([*map(_word, words), "%H", "%t", "%K"])
        files = []
    yield "UserKnownHostsFile=" + (" ".join(map(_word, map(str, files))) or "none")
    yield "GlobalKnownHostsFile=none"


def _word(text: str) -> str:
    """Quote a word of an option's value, in which ssh replaces what begins with %."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
