from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nepi.execution.verification_rounds import MOST_AT_ONCE, MOST_FRAMES_PER_S, Load, rounds


def load(*places: int, frames_per_s: float = 100.0) -> Load:
    return Load(frozenset(places), frames_per_s, 1.0)


def test_links_that_share_no_node_are_verified_together() -> None:
    assert rounds([(1, load(1, 2)), (2, load(3, 4)), (3, load(2, 3)), (4, load(5, 6))]) == [[1, 2, 4], [3]]


def test_fast_links_are_verified_alone() -> None:
    fast = [(number, load(2 * number, 2 * number + 1, frames_per_s=30_000.0)) for number in range(3)]
    assert rounds(fast) == [[0], [1], [2]]
    assert rounds([(1, load(1, 2, frames_per_s=1e6))]) == [[1]]


@given(st.lists(st.builds(Load, st.frozensets(st.integers(1, 6), min_size=1, max_size=2), st.floats(1, 1e5), st.just(1.0)), max_size=40))
def test_every_link_is_verified_once_and_no_round_is_too_much(loads: list[Load]) -> None:
    found = rounds(enumerate(loads))
    assert sorted(guid for one in found for guid in one) == list(range(len(loads)))
    for one in found:
        places = [place for guid in one for place in loads[guid].places]
        assert len(places) == len(set(places))
        assert 0 < len(one) <= MOST_AT_ONCE
        assert len(one) == 1 or sum(loads[guid].frames_per_s for guid in one) <= MOST_FRAMES_PER_S
