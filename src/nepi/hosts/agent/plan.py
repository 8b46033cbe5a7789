"""The order in which the netlink requests of one batch are sent: as few sends as possible, never a wrong order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .netlink import NetlinkError, NetlinkSocket, Request


class SendPlan:
    """Requests grouped by level and socket.

    Requests on one socket that share a namespace keep their order. A request that touches a namespace in which another socket has
    something waiting goes to a later level; levels are sent one after the other. What only makes something new in a namespace
    waits for nothing in it. So a star or a chain of n hosts is n / 50 sends for its links and n for what is inside the
    hosts, however the steps were mixed.
    """

    def __init__(self) -> None:
        self._levels: list[dict[NetlinkSocket, list[tuple[Request, int]]]] = []
        self._last: dict[int, dict[NetlinkSocket, int]] = {}

    def add(self, via: NetlinkSocket, touches: Iterable[int], request: Request, step: int, *, makes: Iterable[int] = ()) -> None:
        """Append a request.

        Args:
            via: the socket that sends it.
            touches: the namespaces (any number that stands for one) that it reads or changes.
            step: whose it is, handed back with the result.
            makes: the namespaces in which it makes something that no request before it knows of.
        """
        touched = [self._last.setdefault(namespace, {}) for namespace in touches]
        level = 0
        for last in touched:
            for socket, latest in last.items():
                level = max(level, latest if socket is via else latest + 1)
        for last in (*touched, *(self._last.setdefault(namespace, {}) for namespace in makes)):
            last[via] = max(level, last.get(via, 0))
        while len(self._levels) <= level:
            self._levels.append({})
        self._levels[level].setdefault(via, []).append((request, step))

    def send(self) -> Iterator[list[tuple[int, NetlinkError]]]:
        """Send everything; yield, after each send, the steps that failed and why."""
        levels, self._levels, self._last = self._levels, [], {}
        for level in levels:
            for via, waiting in level.items():
                for start in range(0, len(waiting), 50):
                    some = waiting[start : start + 50]
                    errors = via.transact([request for request, _ in some])
                    yield [(step, error) for (_, step), error in zip(some, errors, strict=True) if error is not None]
