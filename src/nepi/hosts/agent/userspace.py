"""What the agent asks of the wire process about user-space links; `network.py` makes their interfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import queues, requests
from .netlink import NetlinkSocket
from .places import Batch, Interface, Place, Step, StepError
from .wire import Message, Wire

FAR_MTU = 65_535


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

    def join(self, one: int, two: int, seeds: tuple[int, int], number: int, batch: Batch) -> None:
        """Let the frames of two far ends go from one to the other.

        Args:
            one, two: indices of the interfaces, in the wire process's namespace.
            seeds: for what is left to chance, of the frames that leave by the first one and by the second one.
        """
        self.wire().far_ends.update((one, two))
        batch.wire.append((number, {"do": "add", "ends": [one, two], "seeds": list(seeds)}))

    def part(self, one: int, two: int, number: int, batch: Batch) -> None:
        """Let no more frames go between two far ends."""
        self.wire().far_ends.difference_update((one, two))
        batch.wire.append((number, {"do": "remove", "ends": [one, two]}))

    def shape(self, end: Interface, new: queues.Shape | None, number: int, batch: Batch) -> dict[str, Any]:
        """Change what is done to the frames that leave by an end; return the step's result."""
        if new == queues.Shape():
            new = None
        old, end.shape = end.shape, new

        def undo() -> None:
            end.shape = old

        batch.undo[number] = undo
        shape = new._asdict() if new else None
        batch.wire.append((number, {"do": "shape", "end": end.far, "shape": shape}))
        return {"shape": shape}

    def trace(self, end: Interface, step: Step, number: int, batch: Batch) -> None:
        """Let the frames that leave by an end leave at given instants.

        Raises:
            StepError: it is no end of a user-space link.
        """
        if not end.far:
            raise StepError(f"{end.place}:{end.ifname} is no end of a user-space link: a delivery trace needs one")
        batch.wire.append((number, {"do": "trace", "end": end.far, "times_s": step["times_s"], "packet_bytes": step["packet_bytes"]}))

    def show_carrier(self, end: Interface, up: bool, number: int, batch: Batch) -> None:
        """Let an end see whether the other one is up."""
        wire = self.wire()
        batch.plan.add(wire.socket, (wire.fd,), requests.set_link(end.far, up=up), number)

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

    def counters(self, places: Iterable[Place], far_ends: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Return what became of the frames that leave by these ends, those that are still there; by all ends, unless told.

        Raises:
            OSError: the wire process does not answer.
        """
        all_ends = [one for place in places for one in place.interfaces.values() if one.far]
        ends = all_ends if far_ends is None else [one for one in all_ends if one.far in far_ends]
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
