"""Where in a file something stands, and the mistakes of a file, which are told all at once."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from nepi.errors import PlanError

MOST_MISTAKES = 100
"""How many mistakes of one file are told; a file with more is no experiment."""


class Place(NamedTuple):
    """A place in a file: line and column, both from 1; line 0 means the file as a whole."""

    line: int = 0
    column: int = 0

    def right(self, columns: int) -> Place:
        """Return the place so many columns further on."""
        return Place(self.line, self.column + columns)


class Mistakes:
    """Mistakes of one file, in the order of their places.

    Args:
        file: as messages name it.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[Place, str], None] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, place: Place, sentence: str) -> None:
        """Note a mistake."""
        self._found[place, sentence] = None

    def located(self, place: Place, sentence: str) -> str:
        """Return a sentence with its place before it."""
        where = f", line {place.line}, column {place.column}" if place.line else ""
        return f"{self.file}{where}: {sentence}"

    def sentences(self) -> list[str]:
        """Return all of them, the first in the file first."""
        found = sorted(self._found, key=lambda one: one[0])
        more = len(found) - MOST_MISTAKES
        return [self.located(*one) for one in found[:MOST_MISTAKES]] + ([f"{self.file}: and {more} mistakes more"] if more > 0 else [])

    def error(self) -> PlanError:
        """Return the error that tells all of them."""
        return PlanError(self.sentences())

    def refuse(self) -> None:
        """Raise when there are any.

        Raises:
            PlanError: with all of them.
        """
        if self._found:
            raise self.error()

    def give_up(self, place: Place, sentence: str) -> NoReturn:
        """Raise with one more mistake, after which reading makes no sense."""
        self.add(place, sentence)
        raise self.error()
