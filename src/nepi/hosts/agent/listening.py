"""Waiting until something in a node listens on a port. The kernel has no event for this: it is asked, ever less often."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable

from . import namespaces
from .loop import Loop
from .netlink import NetlinkSocket, Request

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
TCP_LISTEN, TCP_CLOSE = 10, 7
FIRST_INTERVAL_S = 0.001
LAST_INTERVAL_S = 0.02

_REQUEST = struct.Struct("=BBBxI48x")


class PortWatch:
    """One wait for one port of one node. Opened in the node's namespace, and stays there.

    Asks the kernel's socket list (sock_diag(7)), or /proc/net where that is not to be had.
    """

    def __init__(self, loop: Loop, netns_fd: int, home_fd: int, port: int, protocol: str, found: Callable[[], None]) -> None:
        self._loop = loop
        self._port = port
        self._protocol, self._state = (socket.IPPROTO_UDP, TCP_CLOSE) if protocol == "udp" else (socket.IPPROTO_TCP, TCP_LISTEN)
        self._found = found
        self._interval_s = FIRST_INTERVAL_S
        self._files: list[int] = []
        self._diag: NetlinkSocket | None = None
        self._closed = False
        namespaces.setns(netns_fd)
        try:
            self._diag = NetlinkSocket(NETLINK_SOCK_DIAG)
            try:
                self._ask_kernel()
            except OSError:
                self._diag.close()
                self._diag = None
                self._open_files(protocol)
        finally:
            namespaces.setns(home_fd)

    def _open_files(self, protocol: str) -> None:
        for name in (protocol, protocol + "6"):
            try:
                self._files.append(os.open(f"/proc/self/net/{name}", os.O_RDONLY | os.O_CLOEXEC))
            except FileNotFoundError:
                continue

    def start(self) -> None:
        """Ask now, and again and again until it is there or `close` is called."""
        if self._closed:
            return
        if self._ask_kernel() if self._diag is not None else self._ask_files():
            self.close()
            self._found()
            return
        self._loop.call_later(self._interval_s, self.start)
        self._interval_s = min(self._interval_s * 1.25, LAST_INTERVAL_S)

    def close(self) -> None:
        """Stop asking; harmless when done."""
        self._closed = True
        if self._diag is not None:
            self._diag.close()
        for fd in self._files:
            os.close(fd)
        self._files = []

    def _ask_kernel(self) -> bool:
        assert self._diag is not None
        for family in (socket.AF_INET, socket.AF_INET6):
            request = Request(SOCK_DIAG_BY_FAMILY, 0, _REQUEST.pack(family, self._protocol, 0, 1 << self._state))
            # struct inet_diag_msg: family, state, timer, retransmissions, then the source port in network order.
            if any(struct.unpack_from("!H", body, 4)[0] == self._port for body in self._diag.dump(request)):
                return True
        return False

    def _ask_files(self) -> bool:
        wanted = f":{self._port:04X}"
        for fd in self._files:
            os.lseek(fd, 0, os.SEEK_SET)
            with open(fd, encoding="ascii", closefd=False) as file:
                for line in file:
                    fields = line.split()
                    if len(fields) > 3 and fields[1].endswith(wanted) and fields[3] == f"{self._state:02X}":
                        return True
        return False
