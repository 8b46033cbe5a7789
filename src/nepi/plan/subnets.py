"""Free subnets: handed out of base networks in order, leaving out what is in use."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from nepi.model.addressing import BITS, Subnet


class SubnetPool:
    """Hands out subnets of the base networks, in order, leaving out those that are taken.

    Args:
        bases: where to take them from; when one is used up, the next of its IP version follows.
        taken: networks that overlap nothing that is handed out.

    Attributes:
        given: what was handed out.
        shortages: by IP version, (who it was for, the longest prefix that would have done) where nothing was left.
    """

    def __init__(self, bases: Sequence[Subnet], taken: Iterable[Subnet]) -> None:
        self._bases = list(bases)
        self._cursors = [base.first for base in bases]
        self._taken = {version: _merged(one for one in taken if one.version == version) for version in BITS}
        self.given: list[Subnet] = []
        self.shortages: dict[int, list[tuple[int, int]]] = {}

    def has(self, version: int) -> bool:
        """Whether there is a base network of this IP version."""
        return any(base.version == version for base in self._bases)

    def take_any(self, version: int, prefixes: Iterable[int], whose: int) -> Subnet | None:
        """Return a free subnet with the first of these prefixes that there is one of, or None, which is noted as a shortage.

        Args:
            version: of IP.
            prefixes: the largest subnet that is wanted first.
            whose: guid of the resource that it is for.
        """
        prefix = 0
        for prefix in prefixes:
            found = self.take(version, prefix)
            if found is not None:
                self.given.append(found)
                return found
        self.shortages.setdefault(version, []).append((whose, prefix))
        return None

    def take(self, version: int, prefix: int) -> Subnet | None:
        """Return the next free subnet with this prefix, or None when nothing is left."""
        for number, base in enumerate(self._bases):
            if base.version == version and base.prefix <= prefix:
                first = self._free_from(version, self._cursors[number], 1 << (BITS[version] - prefix))
                found = Subnet(version, first, prefix)
                if found.last <= base.last:
                    self._cursors[number] = found.last + 1
                    return found
        return None

    def _free_from(self, version: int, first: int, size: int) -> int:
        """Return the first multiple of `size` from `first` on at which nothing is taken."""
        starts, lasts = self._taken[version]
        while True:
            first = -(-first // size) * size
            position = bisect_right(starts, first + size - 1) - 1
            if position < 0 or lasts[position] < first:
                return first
            first = lasts[position] + 1


def _merged(subnets: Iterable[Subnet]) -> tuple[list[int], list[int]]:
    """Return the first and last addresses of disjoint ranges that cover `subnets`, in order."""
    starts: list[int] = []
    lasts: list[int] = []
    for first, last in sorted({(one.first, one.last) for one in subnets}):
        if lasts and first <= lasts[-1] + 1:
            lasts[-1] = max(lasts[-1], last)
        else:
            starts.append(first)
            lasts.append(last)
    return starts, lasts
