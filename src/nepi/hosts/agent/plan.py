"""The order in which the netlink requests of one batch are sent: as few sends as possible, never a wrong order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .netlink import NetlinkError, NetlinkSocket, Request


class SendPlan:
    """Requests grouped by level and socket.

    Requests on one socket keep their order. A request that touches a namespace in which another socket has something
    waiting goes to the next level; levels are sent one after the other. So a star of n hosts is n / 100 sends for its
    links and n for what is inside the hosts, however the steps were mixed.
    """

    def __init__(self) -> None:
        self._levels: list[dict[NetlinkSocket, list[tuple[Request, int]]]] = []
        self._last: dict[int, tuple[int, NetlinkSocket]] = {}

    def add(self, via: NetlinkSocket, touches: Iterable[int], request: Request, step: int) -> None:
        """Append a request.

        Args:
            via: the socket that sends it.
            touches: the namespaces (any number that stands for one) that it reads or changes.
            step: whose it is, handed back with the result.
        """
        level = 0
        for namespace in touches:
            last = self._last.get(namespace)
            if last is not None:
                level = max(level, last[0] if last[1] is via else last[0] + 1)
        for namespace in touches:
            self._last[namespace] = (level, via)
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
