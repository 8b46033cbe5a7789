"""Deployment groups: with the barrier, nobody starts before everybody of the group is READY."""

from __future__ import annotations


class Group:
    """One deployment group. Members may join at any time; those that come after the barrier has opened wait for each other only."""

    __slots__ = ("pending", "starters")

    def __init__(self) -> None:
        self.pending = 0
        self.starters: dict[int, None] = {}

    def add(self, guid: int, barrier: bool, *, counted: bool) -> None:
        """Take a member in; `counted` if it is not READY yet."""
        if counted and barrier:
            self.pending += 1
        if barrier:
            self.starters[guid] = None

    def ready(self, guid: int) -> bool:
        """Note that a member is READY or beyond; return whether this opens the barrier."""
        if guid in self.starters:
            self.pending -= 1
            return self.pending == 0
        return False

    def holds_back(self, guid: int) -> bool:
        """Whether the barrier is closed for this member."""
        return guid in self.starters and self.pending > 0

    def take_starters(self) -> list[int]:
        """Return those who waited at the barrier, in the order in which they joined, and forget them."""
        starters = list(self.starters)
        self.starters.clear()
        return starters
