"""Numbers of resources, each given once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from nepi.errors import BadValueError
from nepi.util.guid import GuidGenerator


def test_numbers_count_from_one() -> None:
    guids = GuidGenerator()
    assert [guids.next(), guids.next(), guids.generate()] == [1, 2, 3]


def test_counting_goes_on_above_a_chosen_number() -> None:
    guids = GuidGenerator()
    assert [guids.next(10), guids.next(), guids.next(3), guids.next()] == [10, 11, 3, 12]


@pytest.mark.parametrize("guid", [0, -1, True, "7", 1.0])
def test_what_is_no_number_of_a_resource_is_refused(guid: object) -> None:
    with pytest.raises(BadValueError, match="whole number"):
        GuidGenerator().next(guid)  # type: ignore[arg-type]


def test_threads_never_get_the_same_number() -> None:
    guids = GuidGenerator()
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: guids.next(), range(2000)))
    assert sorted(given) == list(range(1, 2001))
