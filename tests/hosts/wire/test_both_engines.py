"""The compiled model decides as the Python one does: each drop, mark and flipped bit, and each nanosecond of each departure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nepi.hosts.wire.compiled import CompiledDirection, load
from nepi.hosts.wire.direction import Direction
from nepi.hosts.wire.parameters import DISCIPLINES, DISTRIBUTIONS, Parameters, parameters
from tests.hosts.wire.frames import ipv4, ipv6, plain

LIBRARY = load()
needs_compiled = pytest.mark.skipif(
    LIBRARY is None, reason="needs the compiled part of the user-space link (a C compiler when nepi is installed)"
)

chances = st.sampled_from([None, 0.0, 0.01, 0.3, 1.0])
shapes = st.fixed_dictionaries(
    {},
    optional={
        "rate_bps": st.sampled_from([8, 1e5, 1e6, 1e7, 33_333_333.3, 1e9, 1e13]),
        "burst_bytes": st.integers(0, 20_000),
        "queue_packets": st.integers(1, 60),
        "delay_s": st.floats(0, 0.2),
        "jitter_s": st.floats(0, 0.3),
        "loss": chances,
        "duplicate": chances,
        "reorder": chances,
        "corrupt": chances,
        "distribution": st.sampled_from(DISTRIBUTIONS),
        "bursts": st.none() | st.tuples(*[st.sampled_from([0.0, 0.1, 0.6, 1.0])] * 4),
        "discipline": st.sampled_from(DISCIPLINES),
        "ecn": st.booleans(),
    },
)
frames = st.one_of(
    st.builds(ipv4, size=st.integers(0, 1486), flow=st.integers(0, 3), ecn=st.integers(0, 3)),
    st.builds(ipv6, size=st.integers(0, 1466), flow=st.integers(0, 3), ecn=st.integers(0, 3)),
    st.builds(plain, size=st.integers(14, 9014)),
)
times = st.lists(st.integers(0, 3_000_000), min_size=1, max_size=8).map(sorted).filter(lambda found: found[-1] > 0)
steps = st.lists(
    st.one_of(
        # many at once, so that queues become full
        st.tuples(st.just("arrive"), st.integers(0, 2_000_000), st.lists(frames, min_size=1, max_size=6)),
        st.tuples(st.just("wait"), st.integers(0, 300_000_000), st.none()),
        st.tuples(st.just("change"), st.integers(0, 5_000_000), shapes),
        st.tuples(st.just("trace"), st.integers(0, 5_000_000), st.tuples(st.none() | times, st.sampled_from([100, 1504]))),
    ),
    max_size=40,
)
Step = tuple[str, int, Any]


def play(direction: Any, steps: list[Step]) -> list[Any]:
    """Let steps happen to a direction; return all that can be seen of it."""
    seen: list[Any] = []
    now = 1_000_000_000
    for what, after, value in steps:
        now += after
        if what == "arrive":
            for frame in value:
                direction.arrive(now, frame)
        elif what == "change":
            direction.change(now, parameters(value))
        elif what == "trace":
            direction.set_trace(now, value[0], value[1])
        else:
            seen.append(direction.due(now))
        seen.append((direction.next_at(), direction.held))
    seen.append(direction.due(now + 10_000_000_000))
    return seen


@needs_compiled
@settings(max_examples=150)
@given(st.integers(0, 2**64 - 1), shapes, steps)
@example(
    7,
    {"rate_bps": 1e6, "discipline": "fq_codel", "ecn": True},
    [("arrive", 400_000, [ipv4(size=1400, flow=n % 3, ecn=n % 2)]) for n in range(4000)],
)
@example(
    7,
    {"rate_bps": 1e6, "discipline": "red", "ecn": True},
    [("arrive", 8_000_000, [ipv4(size=1400, flow=0, ecn=n % 2)]) for n in range(4000)],
)
@example(7, {"rate_bps": 5e6, "discipline": "red", "queue_packets": 60}, [("arrive", 1_500_000, [plain(size=1000)]) for n in range(4000)])
def test_every_decision_is_the_same(seed: int, shape: dict[str, Any], steps: list[Step]) -> None:
    assert LIBRARY is not None
    python, compiled = Direction(seed, parameters(shape)), CompiledDirection(LIBRARY, seed, parameters(shape))
    try:
        assert play(compiled, steps) == play(python, steps)
        assert compiled.counted == python.tally.values()
    finally:
        compiled.close()


@needs_compiled
def test_parameters_are_as_many_on_both_sides() -> None:
    """The last one reaches the compiled model: the queue has been idle for so long that RED has forgotten all."""
    assert Parameters._fields[-1] == "red_idle_ns"
