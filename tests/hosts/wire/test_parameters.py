"""What a shape means in numbers, and what is no shape."""

from __future__ import annotations

from statistics import fmean, pstdev
from typing import Any

import pytest

from nepi.hosts.agent.jitter_tables import jitter_table
from nepi.hosts.agent.queues import DISCIPLINES, DISTRIBUTIONS, Shape
from nepi.hosts.wire import parameters as wire
from nepi.hosts.wire.chance import Chance
from nepi.hosts.wire.distributions import SIZE, table
from nepi.hosts.wire.packets import flow_of
from nepi.hosts.wire.parameters import Parameters, parameters
from tests.hosts.wire.frames import ipv4, ipv6, plain


def test_the_wire_knows_what_the_agent_knows() -> None:
    assert wire.DISTRIBUTIONS == DISTRIBUTIONS
    assert wire.DISCIPLINES == DISCIPLINES


def test_a_shape_in_whole_numbers() -> None:
    shape = Shape(rate_bps=1.5e6, queue_packets=7, delay_s=0.02, jitter_s=1e-6, loss=0.5, distribution="pareto", ecn=True)
    assert parameters(shape._asdict()) == Parameters(
        rate=1_500_000, limit=7, delay_ns=20_000_000, jitter_ns=1000, loss=1 << 31, distribution=2, ecn=1
    )


def test_red_is_set_up_as_tc_red_advises() -> None:
    found = parameters({"rate_bps": 10e6, "queue_packets": 100, "discipline": "red"})
    assert (found.red_most, found.red_least) == (37_850, 12_616)  # a quarter of the limit, a third of that
    assert found.red_probability / 2**32 == pytest.approx(0.02)
    assert found.red_idle_ns == 800_000  # 1,000 bytes at 10 Mbit/s


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_bps": 0},
        {"rate_bps": -1.0},
        {"rate_bps": float("nan")},
        {"delay_s": -0.1},
        {"delay_s": 1e9},
        {"jitter_s": "1ms"},
        {"loss": 1.5},
        {"bursts": (0.1, 0.1)},
        {"bursts": (0.1, 0.1, 2.0, 0.0)},
        {"discipline": "cake"},
        {"distribution": "normale"},
        {"queue_packets": 0},
        {"queue_packets": True},
    ],
)
def test_what_no_link_can_be_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        parameters(wrong)


@pytest.mark.parametrize(("distribution", "deviation"), [("normal", 1.0), ("pareto", 0.9), ("paretonormal", 0.834)])
def test_tables_have_about_the_mean_zero_and_never_go_down(distribution: str, deviation: float) -> None:
    values = table(distribution)
    assert len(values) == SIZE
    assert values == sorted(values)
    assert abs(fmean(values)) / 8192 < 0.04  # cut off at 4, as in iproute2
    assert pstdev(values) / 8192 == pytest.approx(deviation, abs=0.1)


def test_the_generator_is_splitmix64() -> None:
    """The first numbers of the seed 1234567, as its authors' reference implementation gives them."""
    chance = Chance(1234567)
    assert [chance.draw() for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_packets_of_a_flow_go_to_one_queue_and_flows_to_different_ones() -> None:
    assert flow_of(ipv4(size=100, flow=1), 0, 1024) == flow_of(ipv4(size=1400, flow=1), 0, 1024)
    queues = {flow_of(make(size=100, flow=flow), 0, 1024) for make in (ipv4, ipv6) for flow in range(50)}
    assert len(queues) > 90
    assert flow_of(plain(size=60), 1, 1024) != flow_of(plain(size=60), 2, 1024)


def test_what_is_cut_short_is_a_flow_all_the_same() -> None:
    assert {flow_of(ipv4()[:length], 0, 8) < 8 for length in range(60)} == {True}


@pytest.mark.parametrize("distribution", ["normal", "pareto", "paretonormal"])
def test_jitter_has_the_same_tables_as_the_kernel_is_given(distribution: str) -> None:
    """Written twice, because the agent and the wire process are two programs that share no files."""
    assert tuple(table(distribution)) == jitter_table(distribution)
