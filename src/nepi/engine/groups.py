"""Deployment groups: with the barrier, nobody starts before everybody of the group, or a quorum of it, is READY."""

from __future__ import annotations

from math import ceil


class Group:
    """One deployment group. Members may join at any time; those that come after the barrier has opened wait for each other only.

    Attributes:
        quorum: which share of those at the barrier must be READY; None for all that have not failed.
        total: how many wait, or waited, at the barrier since it opened last.
        pending: how many of them are neither READY nor lost yet.
        lost: how many of them failed, or were released, before they were READY.
        starters: those who wait at the barrier, in the order in which they joined; true for each that is neither READY nor lost yet.
    """

    __slots__ = ("lost", "pending", "quorum", "starters", "total")

    def __init__(self) -> None:
        self.quorum: float | None = None
        self.total = 0
        self.pending = 0
        self.lost = 0
        self.starters: dict[int, bool] = {}

    def add(self, guid: int, barrier: bool, *, counted: bool) -> None:
        """Take a member in; `counted` if it is not READY yet."""
        if barrier:
            self.total += 1
            self.pending += counted
            self.starters[guid] = counted

    @property
    def needed(self) -> int:
        """How many must be READY before the barrier opens."""
        return self.total - self.lost if self.quorum is None else ceil(self.quorum * self.total - 1e-9)

    @property
    def is_open(self) -> bool:
        """Whether enough are READY."""
        return self.total - self.pending - self.lost >= self.needed

    @property
    def is_out_of_reach(self) -> bool:
        """Whether so many are lost that the barrier will never open."""
        return self.total - self.lost < self.needed

    def ready(self, guid: int) -> bool:
        """Note that a member is READY or beyond; return whether this opens the barrier."""
        if not self.starters.get(guid):  # once only, although a resource may go back and become READY again
            return False
        self.starters[guid] = False
        self.pending -= 1
        return self.is_open

    def lose(self, guid: int) -> bool:
        """Note that a member will not become READY; return whether this opens the barrier."""
        if not self.starters.get(guid):
            return False
        self.starters[guid] = False
        self.pending -= 1
        self.lost += 1
        return self.is_open

    def holds_back(self, guid: int) -> bool:
        """Whether the barrier is closed for this member."""
        return guid in self.starters and not self.is_open

    def take_starters(self) -> list[int]:
        """Return those who waited at the barrier, in the order in which they joined, and forget them."""
        starters = list(self.starters)
        self.starters.clear()
        self.total = self.pending = self.lost = 0
        return starters
