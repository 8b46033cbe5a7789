"""Opens a tap in the namespace in which it is run, and passes it on: the simulation's end of a hybrid link. Standard library only.

    tap_opener.py NAME SOCKET MAC MTU

The tap is there as long as somebody has the descriptor. It is opened where it is to be, so that it need not be moved.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
SIOCSIFHWADDR, SIOCSIFMTU = 0x8924, 0x8922
ARPHRD_ETHER = 1


def open_tap(name: str, mac: str, mtu: int) -> int:
    """Return the descriptor of a new tap.

    Args:
        name: the interface's.
        mac: its address, "02:00:00:00:00:01".
        mtu: bytes.

    Raises:
        OSError: there is no TUN device here, or this user may not open it.
    """
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        address = bytes.fromhex(mac.replace(":", ""))
        fcntl.ioctl(control, SIOCSIFHWADDR, struct.pack("16sH6s16x", name.encode(), ARPHRD_ETHER, address))
        fcntl.ioctl(control, SIOCSIFMTU, struct.pack("16si20x", name.encode(), mtu))
    os.set_blocking(tap, True)  # who reads it has a thread for that
    return tap


def main() -> None:
    """Open the tap that the command line names, and pass it on."""
    name, path, mac, mtu = sys.argv[1:5]
    tap = open_tap(name, mac, int(mtu))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as passing:
        passing.connect(path)
        socket.send_fds(passing, [b"."], [tap])
        passing.recv(1)  # until it has arrived


if __name__ == "__main__":
    main()
