"""What asyncssh and the network say when a host cannot be reached, as one sentence that says what to do, and whether to try again."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from enum import Enum
from typing import Final

import asyncssh

from nepi.hosts.remote.ssh_options import Jump, SshOptions
from nepi.hosts.remote.ssh_trust import Client, Trust

__all__ = ["Failure", "Hope", "explain", "where"]


class Hope(Enum):
    """Whether trying again may help."""

    NONE = "none"
    """It will be refused again: a key, a right, a name of a user."""

    WHEN_BACK = "when back"
    """Nobody is there. Of a host that was there before it is hoped that it comes back."""

    SOON = "soon"
    """It is there, but too busy just now, or has not answered yet."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one attempt failed.

    Attributes:
        text: a sentence: what, where, what to do.
        hope: whether to try again.
    """

    text: str
    hope: Hope


ABSENT: Final = {
    errno.ECONNREFUSED: "nothing listens there; is sshd running, and on that port?",
    errno.EHOSTUNREACH: "there is no way to it; is it on, and is the address right?",
    errno.ENETUNREACH: "this machine has no route to it; is the network up, and is a gateway needed?",
    errno.ETIMEDOUT: "it does not answer; is it on, and does a firewall let SSH through?",
}

PROHIBITED: Final = 1  # SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, RFC 4254 section 5.1


def where(options: SshOptions, connected_to: str = "", port: int | None = None, way: tuple[Jump, ...] = ()) -> str:
    """Say which host is meant, with all that helps to find a mistake in it."""
    address = f", {connected_to}" if connected_to not in ("", options.hostname) else ""
    through = f", through {','.join(map(str, way))}" if way else ""
    return f"host {options.hostname!r} ({'port ' + str(port or options.port or 22)}{address}{through})"


def explain(error: BaseException, who: str, username: str, options: SshOptions, trust: Trust, client: Client | None) -> Failure:
    """Turn what was raised into a sentence."""
    match error:
        case asyncssh.HostKeyNotVerifiable():
            reason = "" if trust.shown else f" ({error.reason})"
            return Failure(trust.complaint(who) + reason, Hope.NONE)
        case asyncssh.PermissionDenied():
            return Failure(_denied(who, username, options, client), Hope.NONE)
        case asyncssh.ChannelOpenError():
            return _not_forwarded(error, who)
        case asyncssh.KeyExchangeFailed() | asyncssh.ProtocolError() | asyncssh.ProtocolNotSupported():
            return Failure(f"{who}: {error.reason}; is it an SSH server, and one of this decade?", Hope.NONE)
        case asyncssh.ConnectionLost():
            return Failure(f"{who} drops connections before they are made; is it too busy (MaxStartups in its sshd_config)?", Hope.SOON)
        case asyncssh.DisconnectError():
            return Failure(f"{who} ended the connection: {error.reason}{_denied_hint(error)}", Hope.NONE)
        case TimeoutError() if error.errno is None:
            return Failure(f"{who}: {client.stage if client else 'nothing answers'}", Hope.SOON)
        case OSError():
            return _network(error, who)
        case _:
            return Failure(f"{who}: {error}", Hope.NONE)


def _denied(who: str, username: str, options: SshOptions, client: Client | None) -> str:
    offered = f"the key {options.identity}" if options.identity else "the keys of the ssh-agent, the ssh configuration and ~/.ssh"
    banner = f" It says: {client.banner.strip()[:200]!r}." if client and client.banner.strip() else ""
    return (
        f"{who} does not let user {username!r} in with {offered}.{banner} Is the user right, and is the public key in its "
        "~/.ssh/authorized_keys there? A key with a passphrase must be in the ssh-agent (ssh-add)"
    )


def _denied_hint(error: asyncssh.DisconnectError) -> str:
    return "; give the key that is meant as identity" if "auth" in error.reason.lower() else ""


def _not_forwarded(error: asyncssh.ChannelOpenError, who: str) -> Failure:
    if error.code == PROHIBITED:
        text = f"{who}: the host before it does not forward connections ({error.reason}; AllowTcpForwarding in its sshd_config)"
        return Failure(text, Hope.NONE)
    return Failure(f"{who} cannot be reached from the host before it: {error.reason}", Hope.WHEN_BACK)


def _network(error: OSError, who: str) -> Failure:
    if isinstance(error, socket.gaierror):
        return Failure(f"{who}: its name is not known ({error.strerror}); is it spelled right?", Hope.WHEN_BACK)
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return Failure(f"{who} drops connections before they are made; is it too busy (MaxStartups in its sshd_config)?", Hope.SOON)
    if error.filename is not None:  # a file of ours: a key, a configuration
        return Failure(f"{who}: {error.filename}: {error.strerror}", Hope.NONE)
    # Where a name has several addresses, asyncio tells all that happened in one text.
    advice = next((text for number, text in ABSENT.items() if error.errno == number or f"[Errno {number}]" in str(error)), str(error))
    return Failure(f"{who}: {advice}", Hope.WHEN_BACK)
