"""One end of a tunnel over UDP in user space, a program by itself: it is sent to a host as this one file.

It needs Python 3.8, /dev/net/tun, root, and for encryption the package `cryptography`. It reads two lines of JSON from standard input: what
it is to open, and, after it has said on which port and in which session it listens, where the other end is, and the key. What it says goes
to the file that is its argument, a FIFO that somebody reads. It ends when the interface is gone, or when it is told to.

A datagram is a counter of 8 bytes and what is sealed, with a tag of 16 bytes. The key of each direction is made (HKDF, RFC 5869) from the
shared one and from both sessions, which are new with each start: no nonce is used twice. What comes twice, or too late, is dropped.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI = 1, 2, 0x1000
CIPHERS = ("PLAIN", "AES", "ChaCha20")
COUNTER = struct.Struct(">Q")
WINDOW = 1024
LONGEST = 65536
BURST = 64
HELLO_S = 0.1
KEEP_ALIVE_S = 10.0
DEAF, HEARD = b"\0", b"\1"
BUFFER_BYTES = 4 << 20
NO_CRYPTOGRAPHY = 3


class Window:
    """Which counters have come already: nothing is taken twice, nor what is older than the last `WINDOW`."""

    def __init__(self) -> None:
        self._latest = -1
        self._seen = 0

    def is_new(self, counter: int) -> bool:
        """Whether it may be taken."""
        behind = self._latest - counter
        return behind < 0 or (behind < WINDOW and not self._seen >> behind & 1)

    def note(self, counter: int) -> None:
        """It was genuine, and has been taken."""
        ahead = counter - self._latest
        if ahead > 0:
            self._seen = (self._seen << min(ahead, WINDOW) | 1) & ((1 << WINDOW) - 1)
            self._latest = counter
        else:
            self._seen |= 1 << -ahead


def direction_key(key: bytes, sender: bytes, receiver: bytes) -> bytes:
    """Return the key of what one session sends to another (HKDF with SHA-256)."""
    first, second = sorted((sender, receiver))
    extracted = hmac.new(first + second, key, hashlib.sha256).digest()
    return hmac.new(extracted, b"nepi udp tunnel 1" + sender + receiver + b"\1", hashlib.sha256).digest()


class Seal:
    """What stands between packets and datagrams.

    Args:
        cipher: one of `CIPHERS`.
        key: what both ends share; b"" for PLAIN.
        own, other: their sessions.
    """

    def __init__(self, cipher: str, key: bytes, own: bytes, other: bytes) -> None:
        self._sent = 0
        self._window = Window()
        self._encrypt: Any = None
        if cipher == "PLAIN":
            return
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

        kind: Any = AESGCM if cipher == "AES" else ChaCha20Poly1305
        self._encrypt = kind(direction_key(key, own, other)).encrypt
        self._decrypt = kind(direction_key(key, other, own)).decrypt
        self._invalid = InvalidTag

    def seal(self, packet: bytes) -> bytes:
        """Return the datagram for a packet."""
        counter = COUNTER.pack(self._sent)
        self._sent += 1
        return counter + (packet if self._encrypt is None else self._encrypt(b"\0\0\0\0" + counter, packet, None))

    def open(self, datagram: bytes) -> bytes | None:
        """Return the packet of a datagram; None when it is not genuine, or not new."""
        if len(datagram) < COUNTER.size:
            return None
        counter = COUNTER.unpack_from(datagram)[0]
        if not self._window.is_new(counter):
            return None
        packet = datagram[COUNTER.size :]
        if self._encrypt is not None:
            try:
                packet = self._decrypt(b"\0\0\0\0" + datagram[: COUNTER.size], packet, None)
            except self._invalid:
                return None
        self._window.note(counter)
        return packet


class Endpoint:
    """The loop between a device and a socket. Packets that cannot be passed on at once are lost, as on any link."""

    def __init__(self, device: int, channel: socket.socket, peer: tuple[Any, ...], seal: Seal, is_up: Callable[[], None]) -> None:
        self._device, self._channel, self._peer, self._seal, self._is_up = device, channel, peer, seal, is_up
        self._up = False
        self._heard = False

    def run(self) -> None:
        """Move packets until the device is gone."""
        chooser = selectors.DefaultSelector()
        chooser.register(self._device, selectors.EVENT_READ, self._leave)
        chooser.register(self._channel, selectors.EVENT_READ, self._arrive)
        hello_at = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= hello_at:
                self._send(HEARD if self._heard else DEAF)
                hello_at = now + (KEEP_ALIVE_S if self._up else HELLO_S)
            for key, _ in chooser.select(hello_at - now):
                if not key.data():
                    return

    def _leave(self) -> bool:
        for _ in range(BURST):
            try:
                packet = os.read(self._device, LONGEST)
            except BlockingIOError:
                return True
            except OSError:  # the interface is gone, or down: EIO while it is down, EBADFD when it was deleted
                return self._there()
            self._send(packet)
        return True

    def _there(self) -> bool:
        try:
            fcntl.ioctl(self._device, 0x800454D2, b"\0" * 40)  # TUNGETIFF
        except OSError:
            return False
        time.sleep(0.01)
        return True

    def _send(self, packet: bytes) -> None:
        with suppress(OSError):  # no buffer, no way, nobody there yet: lost
            self._channel.sendto(self._seal.seal(packet), self._peer)

    def _arrive(self) -> bool:
        for _ in range(BURST):
            try:
                datagram, sender = self._channel.recvfrom(LONGEST)
            except OSError:  # nothing more; or what was sent before found nobody
                return True
            packet = self._seal.open(datagram) if sender[:2] == self._peer[:2] else None
            if packet is None:
                continue
            if len(packet) > 1:
                self._pass_on(packet)
            self._hear(packet)
        return True

    def _pass_on(self, packet: bytes) -> None:
        with suppress(OSError):  # the interface is down
            os.write(self._device, packet)

    def _hear(self, packet: bytes) -> None:
        self._heard = True
        if packet == DEAF:
            self._send(HEARD)
        elif not self._up:
            self._up = True
            self._is_up()


def open_device(name: str, mode: str, *, packet_information: bool) -> int:
    """Open an interface that exists."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = (IFF_TAP if mode == "tap" else IFF_TUN) | (0 if packet_information else IFF_NO_PI)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    return device


def open_channel(version: int, port: int) -> socket.socket:
    """Open the socket."""
    channel = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    channel.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        channel.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
    channel.bind(("", port))
    return channel


def main(arguments: list[str]) -> int:
    """Be one end of a tunnel."""
    (told,) = arguments

    def say(**what: object) -> None:
        with open(told, "w") as fifo:  # noqa: PTH123
            fifo.write(json.dumps(what) + "\n")

    asked = json.loads(sys.stdin.readline())
    if asked["cipher"] != "PLAIN":
        try:
            import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401
        except ImportError as error:
            print(f"{sys.executable} has no package cryptography: {error}", file=sys.stderr)
            return NO_CRYPTOGRAPHY
    device = open_device(asked["device"], asked["mode"], packet_information=asked["pi"])
    channel = open_channel(asked["version"], asked["port"])
    session = os.urandom(16)
    say(port=channel.getsockname()[1], session=session.hex())
    line = sys.stdin.readline()
    if not line:
        return 0
    other = json.loads(line)
    seal = Seal(asked["cipher"], bytes.fromhex(other["key"]), session, bytes.fromhex(other["session"]))
    peer = socket.getaddrinfo(other["address"], other["port"], channel.family, channel.type)[0][4]
    Endpoint(device, channel, peer, seal, lambda: say(up=True)).run()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as error:
        sys.exit(f"{error.strerror or error}")
