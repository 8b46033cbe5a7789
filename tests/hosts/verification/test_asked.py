from __future__ import annotations

import random
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.hosts.verification.asked import Asked, delay_law, loss_law

CHANCE = st.floats(0.01, 0.99)


def test_losses_each_by_themselves_come_in_bursts_of_chance() -> None:
    assert loss_law(Asked(loss=0.2)) == (0.2, 1.25, 1.0)


def test_gilberts_model_has_the_known_mean_and_bursts() -> None:
    law = loss_law(Asked(bursts=(0.01, 0.25, 1.0, 0.0)))
    assert law.part == pytest.approx(0.01 / 0.26)
    assert law.burst == pytest.approx(4.0)
    # (1 + r) / (1 - r) with r = 1 - 0.01 - 0.25, as of any two-state chain.
    assert law.inflation == pytest.approx(1.74 / 0.26)


@given(st.tuples(CHANCE, CHANCE, CHANCE, st.floats(0.0, 0.3)))
def test_the_law_of_bursts_is_what_its_chain_does(bursts: tuple[float, float, float, float]) -> None:
    """Against the chain's own probabilities, by multiplying out two steps."""
    to_bad, to_good, while_bad, while_good = bursts
    bad = to_bad / (to_bad + to_good)
    loss = {True: while_bad, False: while_good}
    step = {(True, False): to_good, (True, True): 1 - to_good, (False, True): to_bad, (False, False): 1 - to_bad}
    start = {True: bad, False: 1 - bad}
    lost = sum(start[one] * loss[one] for one in loss)
    both = sum(start[one] * loss[one] * step[one, other] * loss[other] for one in loss for other in loss)
    law = loss_law(Asked(bursts=bursts))
    assert law.part == pytest.approx(lost)
    assert law.burst == pytest.approx(1 / (1 - both / lost))


def test_a_chain_that_never_moves_stays_good() -> None:
    assert loss_law(Asked(bursts=(0.0, 0.0, 1.0, 0.1))).part == 0.1


def test_the_deviation_of_each_distribution_is_that_of_its_definition() -> None:
    uniform, normal = (delay_law(Asked(delay_s=1.0, jitter_s=0.01, distribution=name)) for name in ("uniform", "normal"))
    assert (uniform.mean_s, normal.mean_s) == pytest.approx((1.0, 1.0))
    assert uniform.deviation_s == pytest.approx(0.01 / 3**0.5, rel=1e-3)
    assert normal.deviation_s == pytest.approx(0.01, rel=2e-3)
    assert uniform.kurtosis == pytest.approx(1.8, rel=1e-2)
    assert normal.kurtosis == pytest.approx(3.0, rel=3e-2)
    assert uniform.spread_s == pytest.approx(0.02, rel=1e-3)


def test_a_delay_is_never_negative() -> None:
    law = delay_law(Asked(delay_s=0.001, jitter_s=0.002))
    chance = random.Random(1)
    drawn = [max(0.001 + 0.002 * chance.uniform(-1, 1), 0.0) for _ in range(50_000)]
    assert law.mean_s == pytest.approx(fmean(drawn), rel=0.02)
    assert law.deviation_s == pytest.approx(pstdev(drawn), rel=0.02)


def test_a_distribution_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="'gamma'"):
        delay_law(Asked(delay_s=1.0, jitter_s=0.1, distribution="gamma"))


@pytest.mark.parametrize(
    ("asked", "shaped"),
    [(Asked(), False), (Asked(mtu_bytes=9000), False), (Asked(rate_bps=1e6), True), (Asked(loss=0.1), True), (Asked(delay_s=1e-3), True)],
)
def test_a_link_is_shaped_when_it_does_more_than_a_bare_one(asked: Asked, shaped: bool) -> None:
    assert asked.is_shaped is shaped
