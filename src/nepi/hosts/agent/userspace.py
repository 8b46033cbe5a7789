"""What the agent asks of the wire process about user-space links; `network.py` makes their interfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from . import requests
from .netlink import NetlinkSocket
from .wire import Message, Wire

FAR_MTU = 65_535


class End(Protocol):
    """One end of a user-space link, as `network.py` knows it."""

    ifname: str
    place: str
    far: int


class UserspaceLinks:
    """The user-space links of a run.

    Args:
        open_namespace: makes the namespace of the far ends, when the first link is wanted.
    """

    def __init__(self, open_namespace: Callable[[], tuple[int, NetlinkSocket]]) -> None:
        self._open_namespace = open_namespace
        self._wire: Wire | None = None

    def wire(self) -> Wire:
        """Return the namespace of the far ends and who moves their frames.

        Raises:
            OSError: the namespace cannot be made.
        """
        if self._wire is None:
            self._wire = Wire(*self._open_namespace())
        return self._wire

    def add(self, first: int, second: int, seeds: tuple[int, int]) -> Message:
        """Return the step that joins two far ends.

        Args:
            seeds: for what is left to chance, of the frames that arrive at the first one and at the second one.
        """
        self.wire().far_ends.update((first, second))
        return {"do": "add", "ends": [first, second], "seeds": list(seeds)}

    def remove(self, first: int, second: int) -> Message:
        """Return the step that parts two far ends."""
        self.wire().far_ends.difference_update((first, second))
        return {"do": "remove", "ends": [first, second]}

    def send(self, steps: Sequence[tuple[int, Message]]) -> Iterable[tuple[int, OSError]]:
        """Have numbered steps carried out; return the numbers of those that failed, and why."""
        if not steps:
            return []
        try:
            results = self.wire().ask([step for _, step in steps])
        except OSError as error:
            # What is to be parted is parted when nobody moves frames any more.
            return [(number, error) for number, step in steps if step["do"] != "remove"]
        return [
            (number, OSError(result["errno"], result["error"]))
            for (number, _), result in zip(steps, results, strict=True)
            if "error" in result
        ]

    def counters(self, ends: Sequence[End]) -> list[dict[str, Any]]:
        """Return what became of the frames that leave by these ends.

        Raises:
            OSError: the wire process does not answer.
        """
        if not ends:
            return []
        (result,) = self.wire().ask([{"do": "counters", "ends": [end.far for end in ends]}])
        if "error" in result:
            raise OSError(result["errno"], result["error"])
        counted = zip(ends, result["counters"], strict=True)
        return [{"place": end.place, "ifname": end.ifname, "counters": values} for end, values in counted]


def far_end(index: int, netns_fd: int) -> requests.LinkEnd:
    """Return the end of a veth pair that the wire process has: for frames of any length, and down as long as nobody says otherwise."""
    return requests.LinkEnd(f"w{index}", index, netns_fd, None, FAR_MTU, up=False)
