"""Interfaces that finish their packets themselves: a process that moves frames needs them with checksums, one at a time."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor

from nepi.hosts.agent import namespaces


def finish_packets(pid: int, interface: str) -> None:
    """Turn off what an interface leaves to its device.

    Args:
        pid: a process in the interface's network namespace.

    Raises:
        OSError: there is no such interface.
    """
    # A thread may be in another network namespace than its process; this one ends at once.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_finish_packets, pid, interface).result()


def _finish_packets(pid: int, interface: str) -> None:
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        namespaces.setns(namespace)
    finally:
        os.close(namespace)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        namespaces.disable_all_offloads(control.fileno(), interface)
