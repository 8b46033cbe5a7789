"""The bare peer of the topology benchmark: the same kernel work as a run on namespaces, and nothing else.

One process, one thread, messages packed with struct, no agent, no ledger, no journal. A star is one bridge and n hosts; a
chain is n hosts, each linked to the next. Each host is a network namespace with loopback up; each link end in a host has
an IPv4 and an IPv6 address.

    python bench/bare_netlink.py [star|chain HOSTS]
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass

CLONE_NEWNET = 0x40000000
NEWLINK, DELLINK, NEWADDR = 16, 17, 20
REQUEST, ACK, CREATE_EXCL = 0x1, 0x4, 0x600
CHUNK = 100

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of wall time to bring a topology up and to take it down again."""

    shape: str
    hosts: int
    up_s: float
    down_s: float


def _unshare() -> None:
    if _libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare: this needs root (or `unshare -Urn` around it)")


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)


def _link(index: int, up: bool) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, int(up), 1)


def _end(index: int, name: str, fd: int, master: int | None = None, *, up: bool) -> bytes:
    body = _link(index, up) + _attribute(3, name.encode() + b"\0") + _attribute(28, struct.pack("=I", fd))
    return body + (_attribute(10, struct.pack("=I", master)) if master else b"")


def _veth(first: bytes, second: bytes) -> tuple[int, int, bytes]:
    info = _attribute(1, b"veth\0") + _attribute(2 | 0x8000, _attribute(1 | 0x8000, second))
    return NEWLINK, CREATE_EXCL, first + _attribute(18 | 0x8000, info)


def _bridge(index: int) -> tuple[int, int, bytes]:
    info = _attribute(1, b"bridge\0") + _attribute(2 | 0x8000, _attribute(1, struct.pack("=I", 0)))
    return NEWLINK, CREATE_EXCL, _link(index, True) + _attribute(3, b"br0\0") + _attribute(18 | 0x8000, info)


def _addresses(index: int, number: int) -> list[tuple[int, int, bytes]]:
    four = struct.pack("!I", 0x0A000000 + number)
    six = bytes.fromhex("fd000000000000000000000000000000")[:12] + struct.pack("!I", number)
    return [
        (NEWADDR, CREATE_EXCL, struct.pack("=BBBBI", family, prefix, flags, 0, index) + _attribute(2, data) + _attribute(1, data))
        for family, prefix, flags, data in ((socket.AF_INET, 8, 0, four), (socket.AF_INET6, 64, 2, six))
    ]


class _Netlink:
    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._sequence = 0

    def send(self, requests: list[tuple[int, int, bytes]]) -> None:
        for start in range(0, len(requests), CHUNK):
            some = requests[start : start + CHUNK]
            parts = []
            for number, (kind, flags, body) in enumerate(some, 1):
                self._sequence += 1
                ack = ACK if number == len(some) else 0
                parts.append(struct.pack("=IHHII", 16 + len(body), kind, flags | REQUEST | ack, self._sequence, 0) + body)
            self._socket.send(b"".join(parts))
            answer = self._socket.recv(65536)
            _, _, _, sequence, _, code = struct.unpack_from("=IHHIIi", answer)
            if code or sequence != self._sequence:
                raise OSError(-code, os.strerror(-code))

    def close(self) -> None:
        self._socket.close()


def _write(path: str, value: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, value.encode())
    os.close(fd)


@dataclass(slots=True)
class _World:
    home_fd: int
    home: _Netlink
    hosts: list[tuple[int, _Netlink]]


def _make_hosts(count: int) -> _World:
    _unshare()
    _write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")
    world = _World(os.open("/proc/self/ns/net", os.O_RDONLY), _Netlink(), [])
    world.home.send([(NEWLINK, 0, _link(1, True))])
    for _ in range(count):
        _unshare()
        _write("/proc/sys/net/ipv6/conf/all/accept_dad", "0")
        _write("/proc/sys/net/ipv6/conf/default/accept_dad", "0")
        netlink = _Netlink()
        netlink.send([(NEWLINK, 0, _link(1, True))])
        world.hosts.append((os.open("/proc/self/ns/net", os.O_RDONLY), netlink))
    return world


def _take_down(world: _World, home_before: int) -> None:
    """Drop every reference: the kernel deletes a namespace with all that is in it."""
    _libc.setns(home_before, CLONE_NEWNET)
    for fd, netlink in world.hosts:
        netlink.close()
        os.close(fd)
    world.home.close()
    os.close(world.home_fd)


def _star(count: int) -> _World:
    world = _make_hosts(count)
    world.home.send([_bridge(1001)])
    first = 1002
    world.home.send(
        [
            _veth(
                _end(first + 2 * n, f"p{n}", world.home_fd, 1001, up=True),
                _end(first + 2 * n + 1, "eth0", fd, up=False),
            )
            for n, (fd, _) in enumerate(world.hosts)
        ]
    )
    for n, (_, netlink) in enumerate(world.hosts):
        index = first + 2 * n + 1
        netlink.send([(NEWLINK, 0, _link(index, True)), *_addresses(index, n + 1)])
    return world


def _chain(count: int) -> _World:
    world = _make_hosts(count)
    first = 1001
    pairs = list(zip(world.hosts, world.hosts[1:], strict=False))
    world.home.send(
        [
            _veth(_end(first + 2 * n, "right", a, up=True), _end(first + 2 * n + 1, "left", b, up=False))
            for n, ((a, _), (b, _)) in enumerate(pairs)
        ]
    )
    for n, (_, netlink) in enumerate(world.hosts):
        requests = []
        if n > 0:
            index = first + 2 * (n - 1) + 1
            requests += [(NEWLINK, 0, _link(index, True)), *_addresses(index, 2 * n)]
        if n < count - 1:
            requests += _addresses(first + 2 * n, 2 * n + 1)
        netlink.send(requests)
    return world


def _measure(shape: str, count: int) -> Timing:
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    start = time.perf_counter()
    world = _star(count) if shape == "star" else _chain(count)
    up = time.perf_counter()
    _take_down(world, before)
    down = time.perf_counter()
    os.close(before)
    return Timing(shape, count, up - start, down - up)


def star(n: int) -> Timing:
    """Bring up and take down a bridge with n hosts."""
    return _measure("star", n)


def chain(n: int) -> Timing:
    """Bring up and take down n hosts in a row."""
    return _measure("chain", n)


if __name__ == "__main__":
    cases = [(sys.argv[1], int(sys.argv[2]))] if len(sys.argv) == 3 else [("star", 100), ("chain", 100)]
    for one in cases:
        print(json.dumps(asdict(_measure(*one))))
