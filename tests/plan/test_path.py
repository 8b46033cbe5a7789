from __future__ import annotations

from collections.abc import Callable, Sequence

from nepi.plan.path import shortest_path


def graph(*edges: tuple[int, int]) -> Callable[[int], Sequence[int]]:
    def neighbours(here: int) -> list[int]:
        return [b if a == here else a for a, b in edges if here in (a, b)]

    return neighbours


def test_the_way_to_oneself_is_short() -> None:
    assert shortest_path(1, 1, graph()) == (1,)


def test_a_shortest_way_is_taken() -> None:
    assert shortest_path(1, 4, graph((1, 2), (2, 3), (3, 4), (2, 4))) == (1, 2, 4)


def test_of_two_ways_of_equal_length_the_first_counts() -> None:
    assert shortest_path(1, 4, graph((1, 3), (1, 2), (2, 4), (3, 4))) == (1, 3, 4)


def test_there_may_be_no_way() -> None:
    assert shortest_path(1, 3, graph((1, 2))) == ()
