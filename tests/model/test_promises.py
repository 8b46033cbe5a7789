from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nepi.model.promises import FIRST_GATE, Promise, Verification, together, unnamed

RATE = Promise("ab", "a > b", "rate", 10e6, 5e6, 9.7e6, 10.3e6, False)
DELAY = Promise("ab", "b > a", "delay", 0.02, 0.0201, 0.019, 0.021, True)
LOSS = Promise("cd", "c > d", "loss", 0.01, None, 0.0, 0.02, None, "why")


@pytest.mark.parametrize("one", [RATE, DELAY, LOSS])
def test_a_promise_is_read_from_json_as_it_was_written(one: Promise) -> None:
    assert Promise.from_record(json.loads(json.dumps(one.to_record()))) == one


def test_rows_have_units_and_a_verdict() -> None:
    assert RATE.to_row() == ("ab", "a > b", "rate", "10Mbit", "5Mbit", "9.7Mbit to 10.3Mbit", "BROKEN")
    assert DELAY.to_row() == ("ab", "b > a", "delay", "20ms", "20.1ms", "19ms to 21ms", "kept")
    assert LOSS.to_row() == ("cd", "c > d", "loss", "1%", "-", "0% to 2%", "unknown: why")
    assert replace(LOSS, what="burst", asked=1.0).to_row()[3] == "1 frame"


def test_a_verification_is_true_when_nothing_is_broken() -> None:
    assert Verification((DELAY, LOSS))
    assert not Verification((RATE, DELAY))
    assert Verification()


def test_a_verification_tells_what_is_broken_and_what_is_unknown() -> None:
    found = together([Verification((RATE, DELAY)), Verification((LOSS,))])
    assert (found.broken, found.unknown, list(found), len(found)) == ((RATE,), (LOSS,), [RATE, DELAY, LOSS], 3)
    assert found.of("cd") == Verification((LOSS,))


def test_a_verification_is_told_in_words() -> None:
    assert str(Verification()) == "nothing was verified"
    assert str(Verification((DELAY,))) == "all promises of 1 link kept"
    assert str(Verification((RATE, DELAY, LOSS))) == (
        "1 of 3 promises of 2 links broken, 1 unknown\n  ab a > b: rate 10Mbit was asked, 5Mbit measured (9.7Mbit to 10.3Mbit would do)"
    )


def test_numbers_that_no_resource_has_are_those_of_verifications() -> None:
    assert (unnamed(7), unnamed(FIRST_GATE + 1)) == ("#7", "the verification of links")
