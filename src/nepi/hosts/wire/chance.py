"""The numbers that decide about frames: a generator that both engines have, so that a seed means the same in both."""

from __future__ import annotations

_MASK = 0xFFFFFFFFFFFFFFFF


class Chance:
    """splitmix64: 64 random bits at a time, from a state of 64 bits.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """

    __slots__ = ("state",)

    def __init__(self, seed: int) -> None:
        self.state = seed & _MASK

    def draw(self) -> int:
        """Return the next 64 bits."""
        self.state = state = (self.state + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def hit(self, threshold: int) -> bool:
        """Return true with the probability threshold / 2**32; draws nothing when that is 0."""
        return threshold != 0 and self.draw() >> 32 < threshold
