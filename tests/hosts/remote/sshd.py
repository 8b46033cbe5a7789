"""A real OpenSSH server on the loopback of the tests' own network, with a home of its own for root."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nepi.hosts.remote.ssh_options import SshOptions

PROGRAM: Final = "/usr/sbin/sshd"
SFTP_SERVER: Final = "/usr/lib/openssh/sftp-server"

CONFIG: Final = """
ListenAddress {address}:{port}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
{sftp}
"""

ENTER: Final = """
mount -t tmpfs none /run && mkdir -m 755 /run/sshd &&
mount --bind "$1" /root && shift && exec "$@"
"""
"""sshd wants /run/sshd, and the home is bound over root's, for this server only."""


@dataclass
class Sshd:
    """A server.

    Attributes:
        folder: its keys, configuration and log.
        address: where it listens.
        port: likewise.
        process: it.
    """

    folder: Path
    address: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def home(self) -> Path:
        """The user's home there, as it is seen from here."""
        return self.folder / "home"

    @property
    def identity(self) -> Path:
        """A key that is let in."""
        return self.folder / "id"

    @property
    def key(self) -> str:
        """Its host key."""
        return (self.folder / "host_key.pub").read_text()

    @property
    def known_hosts(self) -> Path:
        """A file that vouches for its key."""
        return self.folder / "known_hosts"

    def options(self, **changes: Any) -> SshOptions:
        """How it is reached."""
        given: dict[str, Any] = {
            "port": self.port,
            "username": "root",
            "identity": self.identity,
            "config": self.folder / "no_ssh_config",
            "known_hosts": (self.known_hosts,),
        }
        return SshOptions(changes.pop("hostname", self.address), **(given | changes))

    def connections(self) -> list[int]:
        """Return the processes that serve a connection each."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def cut(self) -> None:
        """End all connections, as if the host had forgotten them, and wait until their processes are gone."""
        for pid in self.connections():
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it with its connections."""
        connections = self.connections()
        self.process.terminate()
        self.process.wait()
        for pid in connections:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def start(self) -> None:
        """Start it again, at the same place with the same key."""
        self.process = started(self.folder, self.address, self.port)


class Bell:
    """Something that commands on a server ring: `echo word > bell`."""

    def __init__(self, server: Sshd) -> None:
        path = server.home / "bell"
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._heard = b""

    async def heard(self, count: int = 1) -> list[str]:
        """Wait for so many words, and return them."""
        loop = asyncio.get_running_loop()
        while self._heard.count(b"\n") < count:
            came = loop.create_future()
            loop.add_reader(self._fd, came.set_result, None)
            try:
                await came
            finally:
                loop.remove_reader(self._fd)
            self._heard += os.read(self._fd, 65536)
        words, self._heard = self._heard.decode().split(), b""
        return words

    def __enter__(self) -> Bell:
        return self

    def __exit__(self, *rest: object) -> None:
        os.close(self._fd)


def free_port(address: str) -> int:
    with socket.socket() as finder:
        finder.bind((address, 0))
        port: int = finder.getsockname()[1]
        return port


def make_key(path: Path, comment: str = "test") -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], check=True)


def started(folder: Path, address: str, port: int) -> subprocess.Popen[bytes]:
    argv = [
        "unshare",
        "-m",
        "sh",
        "-c",
        ENTER,
        "sh",
        str(folder / "home"),
        PROGRAM,
        "-D",
        "-f",
        str(folder / "config"),
        "-E",
        str(folder / "log"),
    ]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, "sshd does not listen"
            time.sleep(0.01)  # sshd tells nobody that it listens
        else:
            return process


@contextmanager
def sshd(
    folder: Path,
    *,
    address: str = "127.0.0.1",
    settings: str = "",
    sftp: str = SFTP_SERVER,
    before_start: Callable[[Path], object] = lambda folder: None,
) -> Generator[Sshd]:
    """Run a server with its own keys; `settings` are lines of its configuration that come first, and count."""
    (folder / "home").mkdir(parents=True)
    make_key(folder / "host_key", "host")
    make_key(folder / "id")
    (folder / "authorized_keys").write_text((folder / "id.pub").read_text())
    port = free_port(address)
    (folder / "config").write_text(
        settings + CONFIG.format(address=address, port=port, folder=folder, sftp=sftp and f"Subsystem sftp {sftp}")
    )
    algorithm, data, _ = (folder / "host_key.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[{address}]:{port} {algorithm} {data}\n")
    before_start(folder)
    server = Sshd(folder, address, port, started(folder, address, port))
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
