"""Which host, as whom, by which way, and how it must prove that it is that host. Data only; nothing here touches the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

from nepi.errors import BadValueError

__all__ = ["HostKeys", "Jump", "SshOptions", "parse_jumps"]

MAX_SESSIONS: Final = 10
"""Sessions on one connection that a stock sshd permits (MaxSessions in sshd_config(5))."""

MAX_HANDSHAKES: Final = 8
"""Handshakes with one machine at once. A stock sshd begins to drop connections at ten (MaxStartups 10:30:100)."""

_JUMP: Final = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^@:\s\[\]]+))(?::(?P<port>\d+))?")
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_KEY: Final = re.compile(r"(?P<algorithm>(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[\w@.\-]+) (?P<data>[A-Za-z0-9+/]+={0,2})(?: .*)?")


class HostKeys(Enum):
    """What makes a host's key good, when the experiment does not give the key itself."""

    KNOWN = "known"
    """It is in known_hosts, the user's or the system's."""

    FIRST_USE = "first use"
    """That, or the run has not met the host before; then the key is pinned in the run, and another one is refused later."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A host on the way. What is None comes from the user's ssh configuration, or is 22 and the user's own name."""

    hostname: str
    port: int | None = None
    username: str | None = None

    @classmethod
    def of(cls, text: str) -> Jump:
        """Read "[user@]host[:port]".

        Raises:
            BadValueError: it is not that.
        """
        match = _JUMP.fullmatch(text.strip())
        port = int(match["port"]) if match and match["port"] else None
        if match is None or (match["host"] or "").startswith("-") or (port is not None and not 1 <= port <= 65535):
            raise BadValueError(f'a gateway must be "[user@]host[:port]", several separated by commas, not {text!r}')
        return cls(match["host"] or match["six"], port, match["user"])

    def __str__(self) -> str:
        """Write it as ssh's option -J takes it."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return (f"{self.username}@" if self.username else "") + host + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class SshOptions:
    """How one host is reached. What is None comes from the user's ssh configuration first.

    Attributes:
        hostname: name, address, or an alias of the ssh configuration.
        port: 1 to 65535.
        username: who logs in.
        identity: file of the private key; else the agent's, those of the configuration and the usual ones are tried.
        jumps: hosts on the way, the nearest first; None means ProxyJump or ProxyCommand of the configuration, () a direct connection.
        server_key: the host's public key ("ssh-ed25519 AAAA...") or its fingerprint ("SHA256:..."); no other one will do.
        host_keys: what makes a key good when there is no `server_key`; also for the hosts on the way.
        pins: file in the format of known_hosts where keys are kept that were trusted on first use.
        connect_deadline_s: seconds within which there must be a connection, or it is said why not.
        keepalive_s: seconds of silence after which the host is asked for a sign of life; three unanswered ones are the end.
        forward_agent: lend the user's agent to commands on the host.
        max_channels: commands and streams at once on the connection.
        max_handshakes: handshakes at once with the machine.
        group: hosts with equal words share a connection when all else is equal; give different ones where each shall have its own.
        config: ssh configuration to read instead of ~/.ssh/config.
        known_hosts: files to look up keys in instead of those of the configuration.
    """

    hostname: str
    port: int | None = None
    username: str | None = None
    identity: Path | None = None
    jumps: tuple[Jump, ...] | None = None
    server_key: str | None = None
    host_keys: HostKeys = HostKeys.KNOWN
    pins: Path | None = None
    connect_deadline_s: float = 30.0
    keepalive_s: float = 10.0
    forward_agent: bool = False
    max_channels: int = MAX_SESSIONS
    max_handshakes: int = MAX_HANDSHAKES
    group: str = ""
    config: Path | None = None
    known_hosts: tuple[Path, ...] | None = None

    def __post_init__(self) -> None:
        """Check.

        Raises:
            BadValueError: a value is out of range; all bad values are named.
        """
        wrong = list(self._mistakes())
        if wrong:
            raise BadValueError(f"ssh to {self.hostname!r}: " + "; ".join(wrong))

    def _mistakes(self) -> Iterator[str]:
        # A name that begins with "-" would be an option in the commands that errors tell people to run.
        if not self.hostname or self.hostname.startswith("-") or any(c.isspace() or not c.isprintable() for c in self.hostname):
            yield "hostname must be a name or an address"
        if self.port is not None and not 1 <= self.port <= 65535:
            yield f"port must be from 1 to 65535, not {self.port}"
        if self.username is not None and (not self.username or any(c.isspace() or not c.isprintable() for c in self.username)):
            yield "username must be a word"
        if self.server_key is not None and pinned_key(self.server_key) is None:
            yield 'serverKey must be a public key like "ssh-ed25519 AAAA..." or a fingerprint like "SHA256:..."'
        if self.host_keys is HostKeys.FIRST_USE and self.pins is None:
            yield "trusting keys on first use needs a file to pin them in"
        for name in ("connect_deadline_s", "keepalive_s", "max_channels", "max_handshakes"):
            if getattr(self, name) <= 0:
                yield f"{name} must be more than 0, not {getattr(self, name)}"

    def through(self, jump: Jump, before: tuple[Jump, ...] | None) -> SshOptions:
        """Return how a host on this one's way is reached: as the same user's doing, with the same files, but its own key."""
        return replace(
            self,
            hostname=jump.hostname,
            port=jump.port,
            username=jump.username,
            jumps=before,
            server_key=None,
            forward_agent=False,
            max_channels=MAX_SESSIONS,
            max_handshakes=MAX_HANDSHAKES,
            group="",
        )


def pinned_key(text: str) -> tuple[str, str] | None:
    """Read a host key as people have it: a public key, a line of known_hosts, or a fingerprint.

    Returns:
        ("SHA256", the fingerprint) or (algorithm, base64 data), or None if it is neither.
    """
    text = text.strip()
    if _FINGERPRINT.fullmatch(text):
        return "SHA256", text.rstrip("=")
    for candidate in (text, text.partition(" ")[2].lstrip()):
        if match := _KEY.fullmatch(candidate):
            return match["algorithm"], match["data"]
    return None


def parse_jumps(gateway: str, username: str | None = None) -> tuple[Jump, ...]:
    """Read the attribute `gateway`: hosts in the order in which they are passed, as in ssh -J, or "none" for a direct connection.

    Args:
        gateway: "[user@]host[:port]", several of them separated by commas.
        username: who logs in on those that do not say it.

    Raises:
        BadValueError: it is not such a list.
    """
    if gateway.strip().lower() == "none":
        return ()
    jumps = (Jump.of(word) for word in gateway.split(","))
    return tuple(replace(jump, username=jump.username or username) for jump in jumps)
