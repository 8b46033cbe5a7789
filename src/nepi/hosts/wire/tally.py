"""What is counted of each direction."""

from __future__ import annotations

COUNTED = (
    "frames_in",
    "bytes_in",
    "frames_out",
    "bytes_out",
    "dropped_queue",
    "dropped_loss",
    "duplicated",
    "corrupted",
    "marked",
    "missed",
    "late",
    "worst_late_ns",
)


class Tally:
    """What became of the frames of one direction; the names are `COUNTED`, in the order of the compiled model.

    Attributes:
        frames_in, bytes_in: taken.
        frames_out, bytes_out: delivered, copies included.
        dropped_queue, dropped_loss: not delivered, because the queue said so, or chance.
        duplicated, corrupted, marked: by how many frames something was done.
        missed: not moved at all, because this process could not keep up.
        late, worst_late_ns: delivered later than due by more than a limit; by how much at most.
    """

    __slots__ = COUNTED

    def __init__(self) -> None:
        self.frames_in = self.bytes_in = self.frames_out = self.bytes_out = 0
        self.dropped_queue = self.dropped_loss = self.duplicated = self.corrupted = self.marked = 0
        self.missed = self.late = self.worst_late_ns = 0

    def values(self) -> tuple[int, ...]:
        """Return all, in the order of `COUNTED`."""
        return tuple(getattr(self, name) for name in COUNTED)
