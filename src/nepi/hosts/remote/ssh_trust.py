"""Whether a host's key is the right one: known_hosts, keys given by the experiment, keys pinned on first use."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncssh

from nepi.hosts.remote.ssh_options import HostKeys, Jump, SshOptions, pinned_key

__all__ = ["Client", "Trust"]

USUAL_FILES: Final = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
"""UserKnownHostsFile and GlobalKnownHostsFile as they are without a configuration: ssh_config(5)."""

_SCAN_TYPES: Final = {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa", "ssh-dss": "dsa"}

Keys = tuple[Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey]]


@dataclass(slots=True)
class Trust:
    """Judges the key of one host while it is connected to.

    asyncssh is always given `match`, never a list of files: for it no file ("UserKnownHostsFile none") means no check.

    Attributes:
        options: the host.
        way: the hosts on the way, as far as known; for what errors advise.
        files: where known keys are looked up.
        hostname: what is connected to; known_hosts may call it otherwise (HostKeyAlias).
        shown: the key that the host showed, when nothing vouches for it.
        expected: the keys that it should have shown.
    """

    options: SshOptions
    way: tuple[Jump, ...] = ()
    files: tuple[Path, ...] = ()
    hostname: str = ""
    shown: asyncssh.SSHKey | None = None
    expected: list[asyncssh.SSHKey] = field(default_factory=list)
    _known: asyncssh.SSHKnownHosts | None = None
    _place: tuple[str, int] = ("", 22)

    def read(self) -> None:
        """Read the files, ahead of `match`: asyncssh would not survive an error in that.

        Raises:
            OSError, ValueError: a file cannot be read, or has a line that says nothing.
        """
        self._known = asyncssh.read_known_hosts([str(path) for path in self._readable()])

    def match(self, host: str, addr: str, port: int | None) -> Keys:
        """Return the keys that are good for a host, certificate authorities, and revoked keys; called by asyncssh."""
        self._place = (host or addr, port or 22)
        if self.options.server_key is not None:
            kind, data = pinned_key(self.options.server_key) or ("", "")
            self.expected = [] if kind == "SHA256" else [asyncssh.import_public_key(f"{kind} {data}")]
            return self.expected, (), ()
        assert self._known is not None
        # Not by the address that a name leads to: a name server that lies could lead to another host that is known.
        good, authorities, revoked, *_ = self._known.match(host, "", port)
        self.expected = list(dict.fromkeys(good))
        return good, authorities, revoked

    def judge(self, key: asyncssh.SSHKey) -> bool:
        """Decide on a key that `match` did not return; called by asyncssh."""
        wanted = self.options.server_key
        if wanted is not None:
            self.shown = key
            return pinned_key(wanted) == ("SHA256", key.get_fingerprint())
        if self.expected or self.options.host_keys is not HostKeys.FIRST_USE:
            self.shown = key
            return False
        return self._pin(key)

    def complaint(self, who: str) -> str:
        """Say what is wrong with the key that was shown, and what to do."""
        if self.shown is None:
            return f"{who} did not prove with an accepted key that it is that host"
        shown = f"{self.shown.get_algorithm()} {self.shown.get_fingerprint()}"
        if self.options.server_key is not None:
            return f"{who} shows the host key {shown}, which is not the one that its attribute serverKey gives; is it that host?"
        if self.expected:
            return self._changed(who, shown)
        return (
            f"{who} shows a host key that is not known: {shown}. When this is its fingerprint (as root there: "
            f"ssh-keygen -lf /etc/ssh/ssh_host_{_SCAN_TYPES.get(self.shown.get_algorithm(), 'ecdsa')}_key.pub), accept it by:\n"
            f"    {self.accept_command()}\nor have the experiment trust keys on first use"
        )

    def accept_command(self) -> str:
        """Return the line of shell that adds the host's key to the user's known_hosts."""
        host, port = self._place
        kind = _SCAN_TYPES.get(self.shown.get_algorithm(), "ecdsa") if self.shown else "ed25519"
        scan = shlex.join(["ssh-keyscan", *(["-p", str(port)] if port != 22 else []), "-t", kind, self.hostname or host])
        if self.way:  # ssh-keyscan knows no jump hosts: the last of them looks
            *before, last = self.way
            jumps = ["-J", ",".join(map(str, before))] if before else []
            there = f"{last.username}@{last.hostname}" if last.username else last.hostname
            scan = shlex.join(["ssh", *jumps, *(["-p", str(last.port)] if last.port else []), there, scan])
        renamed = f" | sed {shlex.quote(f's/^[^ ]*/{host}/')}" if self.hostname not in ("", host) else ""
        return f"{scan}{renamed} >> {self._accepting_file()}"

    def _accepting_file(self) -> str:
        first = self.files[0] if self.files else Path(USUAL_FILES[0]).expanduser()
        return "~/.ssh/known_hosts" if first == Path(USUAL_FILES[0]).expanduser() else shlex.quote(str(first))

    def _changed(self, who: str, shown: str) -> str:
        known = ", ".join(f"{key.get_algorithm()} {key.get_fingerprint()}" for key in self.expected)
        host, port = self._place
        name = host if port == 22 else f"[{host}]:{port}"
        where = [path for path in self._readable() if self._knows(path)]
        forget = " && ".join(shlex.join(["ssh-keygen", "-R", name, "-f", str(path)]) for path in where)
        return (
            f"{who} shows another host key than before: {shown} instead of {known}. Either it was installed anew, or this is not that "
            f"host and somebody listens. When you are sure, forget the old key by:\n    {forget or 'removing it from known_hosts'}"
        )

    def _readable(self) -> list[Path]:
        # What another node trusted at first sight is no reason for one whose keys must be known.
        pins = [self.options.pins] if self.options.pins is not None and self.options.host_keys is HostKeys.FIRST_USE else []
        return [path for path in (*self.files, *pins) if path.is_file() and os.access(path, os.R_OK)]

    def _knows(self, path: Path) -> bool:
        host, port = self._place
        return bool(asyncssh.read_known_hosts(str(path)).match(host, "", None if port == 22 else port)[0])

    def _pin(self, key: asyncssh.SSHKey) -> bool:
        """Keep the key, unless another connection that was made meanwhile has seen another one."""
        assert self.options.pins is not None  # checked by SshOptions
        host, port = self._place
        name = host if port == 22 else f"[{host}]:{port}"
        self.read()
        assert self._known is not None
        if pinned := self._known.match(host, "", None if port == 22 else port)[0]:
            self.expected, self.shown = list(pinned), key
            return key in pinned
        self.options.pins.parent.mkdir(parents=True, exist_ok=True)
        algorithm, data, *_ = key.export_public_key().decode().split()
        with self.options.pins.open("a", encoding="utf-8") as pins:
            pins.write(f"{name} {algorithm} {data}\n")
        return True


class Client(asyncssh.SSHClient):
    """What asyncssh tells of one connection: how far it has got, the host's key, its end.

    Attributes:
        stage: what is missing so far, in words.
        banner: what the host says to those who log in.
    """

    def __init__(self, trust: Trust, on_reached: Callable[[], None], on_lost: Callable[[], None]) -> None:
        self._trust = trust
        self._on_reached = on_reached
        self._on_lost = on_lost
        self.stage = "it does not answer; is it on, is the address right, and does a firewall let SSH through?"
        self.banner = ""

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """TCP, or the host before, has reached it."""
        self.stage = "something there accepts connections, but says nothing; is it sshd, and is it well?"
        self._on_reached()

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Decide on a key that is not known."""
        return self._trust.judge(key)

    def auth_banner_received(self, msg: str, lang: str) -> None:
        """Keep what it says to those who log in."""
        self.banner = msg

    def begin_auth(self, username: str) -> None:
        """The keys are exchanged."""
        self.stage = "logging in does not come to an end; does it wait for something (a name server, a home on the network)?"

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._on_lost()
