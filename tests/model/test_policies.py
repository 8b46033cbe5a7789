"""Policies as values: what they refuse, how they complete each other, how they are written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import BadValueError
from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.policies import Policy, Replace, Retry, chance, policy_of

retries = st.builds(
    Retry,
    st.integers(1, 99),
    st.floats(0, 1e6),
    st.floats(1, 9),
    st.floats(0, 1),
    st.none() | st.floats(0, 1e6),
    st.booleans(),
    st.integers(0, 2**32),
)
policies = st.builds(Policy, st.none() | retries, st.none() | st.builds(Replace, st.integers(1, 9)))


@given(policies)
def test_a_policy_comes_back_from_json_as_it_was(policy: Policy) -> None:
    assert Policy.from_record(json.loads(json.dumps(policy.to_record()))) == policy


def test_a_description_carries_its_policies() -> None:
    one = ResourceDescription(1, "dummy::Node", "node", policy=Policy(Retry(3), Replace(2)).to_record())
    description = ExperimentDescription("x", "dummy", [one])
    assert ExperimentDescription.from_record(json.loads(json.dumps(description.to_record()))) == description


@pytest.mark.parametrize("record", [{"retry": {"attempts": 3, "colour": "red"}}, {"replace": 7}, {"retry": {"attempts": 0}}])
def test_what_is_no_policy_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(BadValueError):
        Policy.from_record(record)


def test_everything_that_is_wrong_with_a_retry_is_told_at_once() -> None:
    with pytest.raises(BadValueError, match=r"attempts=0 .*delay_s=-1.*factor=0\.5.*jitter=2.*longest_s=-3"):
        Retry(0, -1, 0.5, 2, -3)
    with pytest.raises(BadValueError, match=r"Replace: times=0 \(1 or more\)"):
        Replace(0)


def test_parts_make_a_policy_in_any_order() -> None:
    assert policy_of("continue", Replace(2), Retry(3)) == Policy(Retry(3), Replace(2), False)
    assert policy_of("abort") == Policy(critical=True)


@pytest.mark.parametrize("parts", [(), ("panic",), ("abort", "continue"), (Retry(2), Retry(3)), (7,)])
def test_what_makes_no_policy_is_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(BadValueError, match="policy"):
        policy_of(*parts)


def test_a_policy_is_completed_by_another_where_it_says_nothing() -> None:
    assert Policy(Retry(2)).over(Policy(Retry(9), Replace(1), True)) == Policy(Retry(2), Replace(1), True)
    assert Policy(critical=False).over(Policy(critical=True)) == Policy(critical=False)


@given(st.lists(st.integers(0, 2**70), max_size=4))
def test_what_looks_like_chance_is_the_same_each_time_and_below_one(numbers: list[int]) -> None:
    assert 0 <= chance(*numbers) < 1
    assert chance(*numbers) == chance(*numbers)
