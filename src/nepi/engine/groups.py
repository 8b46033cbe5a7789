"""Deployment groups: with the barrier, nobody starts before everybody of the group is READY."""

from __future__ import annotations


class Group:
    """One deployment group. Members may join at any time; those that come after the barrier has opened wait for each other only.

    Attributes:
        pending: how many of those who wait at the barrier are not READY yet.
        starters: those who wait at the barrier, in the order in which they joined; true for each that is not READY yet.
    """

    __slots__ = ("pending", "starters")

    def __init__(self) -> None:
        self.pending = 0
        self.starters: dict[int, bool] = {}

    def add(self, guid: int, barrier: bool, *, counted: bool) -> None:
        """Take a member in; `counted` if it is not READY yet."""
        if barrier:
            self.pending += counted
            self.starters[guid] = counted

    def ready(self, guid: int) -> bool:
        """Note that a member is READY or beyond; return whether this opens the barrier."""
        if self.starters.get(guid):  # once only, although a resource may go back and become READY again
            self.starters[guid] = False
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
