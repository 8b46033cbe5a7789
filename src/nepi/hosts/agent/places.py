"""What a run's network is made of, as the agent keeps it: places, interfaces, and what one batch of steps collects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import queues
from .netlink import NetlinkSocket
from .plan import SendPlan

Step = dict[str, Any]

DEFAULT_MTU = 1500


class StepError(Exception):
    """A step that names something wrong; the message is for the user."""


class Interface:
    """One end of a link.

    Attributes:
        far: of a user-space link, the index of the interface that the wire process has behind this one; else 0.
        tunnel: of a user-space link to another machine, the index of the VXLAN interface that the wire process has; else 0.
        up: whether it was set up.
    """

    __slots__ = ("far", "ifname", "index", "mtu", "peer", "place", "shape", "stages", "tunnel", "up")

    def __init__(self, ifname: str, index: int, place: str, mtu: int = DEFAULT_MTU) -> None:
        self.ifname = ifname
        self.index = index
        self.place = place
        self.mtu = mtu
        self.far = 0
        self.tunnel = 0
        self.up = True
        self.shape: queues.Shape | None = None
        self.stages: queues.Stages[bytes] | None = ()
        self.peer: Interface | None = None


class Place:
    """A node (a namespace of its own) or a switch (a bridge in the shared namespace)."""

    __slots__ = ("bridge", "fd", "interfaces", "name", "socket")

    def __init__(self, name: str, fd: int, socket: NetlinkSocket, bridge: Interface | None = None) -> None:
        self.name = name
        self.fd = fd
        self.socket = socket
        self.bridge = bridge
        self.interfaces: dict[str, Interface] = {}


class Batch:
    """What one batch collects while its steps are read: requests to the kernel, what comes after them, and steps for the wire process."""

    def __init__(self, results: list[dict[str, Any]]) -> None:
        self.plan = SendPlan()
        self.results = results
        self.undo: dict[int, Callable[[], None]] = {}
        self.afterwards: list[tuple[int, Callable[[], None]]] = []
        self.wire: list[tuple[int, Step]] = []

    def take(self, failed: Iterable[tuple[int, OSError]]) -> None:
        """Note failed steps: the first error of a step counts, and what it had entered is taken out again."""
        for step, error in failed:
            if "error" not in self.results[step]:
                self.results[step] = {"error": error.strerror or str(error), "errno": error.errno or 0}
                self.undo.pop(step, lambda: None)()


def both_ends(interfaces: list[Interface]) -> Iterator[Interface]:
    """Yield interfaces and what is at the other ends of their links."""
    for interface in interfaces:
        yield interface
        if interface.peer is not None:
            yield interface.peer
