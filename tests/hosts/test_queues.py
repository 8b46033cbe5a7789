"""What is asked of the kernel for a shape: the options against pyroute2's reading of them, and the changes from one to another."""

from __future__ import annotations

import math
import statistics
import struct
from typing import Any

import pytest
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from nepi.hosts.agent import disciplines, netlink, queues
from nepi.hosts.agent.jitter_tables import SCALE, SIZE, jitter_table
from nepi.hosts.agent.netlink import Request
from nepi.hosts.agent.queues import Shape

FRAME = 1514
WHOLE = 2**32 - 1


def decoded(request: Request) -> Any:
    message = tcmsg(netlink.frame(request, 1))
    message.decode()
    return message


def asked(shape: Shape | None) -> list[Any]:
    """Return what the kernel is sent for a shape where nothing was, as pyroute2 reads it."""
    return [decoded(request) for request in queues.changes(7, (), queues.stages(shape, FRAME))]


def tree(requests: list[Any]) -> list[tuple[str, int]]:
    """Return (kind, number of the discipline above it or -1) of each discipline; each must hang below the one before."""
    handles = [one["handle"] for one in requests]
    return [(one.get_attr("TCA_KIND"), -1 if one["parent"] == 0xFFFFFFFF else handles.index(one["parent"] - 1)) for one in requests]


def kinds(before: Shape | None, after: Shape | None) -> list[tuple[str, str]]:
    """Return (set or remove, kind) of the requests that turn one shape into another."""
    requests = queues.changes(7, queues.stages(before, FRAME), queues.stages(after, FRAME))
    return [("set" if one.kind == queues.RTM_NEWQDISC else "remove", decoded(one).get_attr("TCA_KIND") or "") for one in requests]


def netem_options(shape: Shape, stage: int = 0) -> Any:
    return asked(shape)[stage].get_attr("TCA_OPTIONS")


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        (None, []),
        (Shape(), []),
        (Shape(rate_bps=1e7), ["tbf", "pfifo"]),
        (Shape(rate_bps=1e7, discipline="fq_codel"), ["tbf", "fq_codel"]),
        (Shape(rate_bps=1e7, discipline="red", ecn=True), ["tbf", "red"]),
        (Shape(delay_s=0.01), ["netem"]),
        (Shape(rate_bps=1e7, loss=0.1), ["netem"]),
        (Shape(rate_bps=1e7, delay_s=0.01), ["netem", "netem"]),
        (Shape(rate_bps=1e7, delay_s=0.01, burst_bytes=9000), ["netem", "tbf", "pfifo"]),
        # Kernels refuse a netem that duplicates beside another one.
        (Shape(rate_bps=1e7, delay_s=0.01, duplicate=0.1), ["netem", "tbf", "pfifo"]),
        (Shape(rate_bps=1e7, delay_s=0.01, discipline="fq_codel"), ["netem", "tbf", "fq_codel"]),
        (Shape(rate_bps=1e7, delay_s=0.01, reorder=0.1), ["tbf", "netem"]),
    ],
)
def test_a_shape_is_a_chain_of_disciplines(shape: Shape | None, wanted: list[str]) -> None:
    assert tree(asked(shape)) == [(kind, number - 1) for number, kind in enumerate(wanted)]


def test_a_rate_is_a_token_bucket_above_a_queue_of_frames() -> None:
    bucket, queue = asked(Shape(rate_bps=10e6, queue_packets=100))
    parms = bucket.get_attr("TCA_OPTIONS").get_attr("TCA_TBF_PARMS")
    assert (bucket["index"], parms["rate"], parms["buffer"]) == (7, 1_250_000, int(3028 / 1_250_000 * 1e9 / 64))
    assert queues.stages(Shape(rate_bps=10e6, queue_packets=100), FRAME)[1].options == struct.pack("=I", 100)
    assert queue.get_attr("TCA_KIND") == "pfifo"


def test_netem_gets_everything_that_is_asked() -> None:
    shape = Shape(delay_s=0.01, jitter_s=0.001, loss=0.01, duplicate=0.02, reorder=0.25, corrupt=0.03)
    options = netem_options(shape)
    fields = {name: options[name] for name in ("delay", "jitter", "loss", "duplicate", "gap")}
    wanted = {"delay": 156_250, "jitter": 15_625, "loss": round(0.01 * WHOLE), "duplicate": round(0.02 * WHOLE), "gap": 1}
    assert fields == wanted
    assert options.get_attr("TCA_NETEM_REORDER")["prob_reorder"] == round(0.25 * WHOLE)
    assert options.get_attr("TCA_NETEM_CORRUPT")["prob_corrupt"] == round(0.03 * WHOLE)
    assert options.get_attr("TCA_NETEM_RATE")["rate"] == 0


def test_what_is_not_asked_is_said_because_the_kernel_would_keep_it() -> None:
    options = netem_options(Shape(delay_s=0.01))
    assert options.get_attr("TCA_NETEM_REORDER")["prob_reorder"] == 0
    assert options.get_attr("TCA_NETEM_CORRUPT")["prob_corrupt"] == 0
    assert options.get_attr("TCA_NETEM_RATE")["rate"] == 0


def test_the_rate_below_a_delay_counts_only_what_waits() -> None:
    shape = Shape(rate_bps=10e6, delay_s=0.01, queue_packets=50)
    assert netem_options(shape)["limit"] == queues.ON_THE_WAY
    rate = netem_options(shape, 1)
    assert (rate["limit"], rate.get_attr("TCA_NETEM_RATE")["rate"], rate["delay"]) == (51, 1_250_000, 0)


def test_a_delay_above_a_rate_keeps_the_order_of_frames() -> None:
    whole = b"".join(one.options for one in queues.stages(Shape(rate_bps=10e6, delay_s=0.01, jitter_s=0.005), FRAME))
    assert struct.pack("=Q", disciplines.AT_ONCE) in whole
    assert struct.pack("=Q", disciplines.AT_ONCE) not in queues.stages(Shape(delay_s=0.01, jitter_s=0.005), FRAME)[0].options


def test_bursts_of_loss_are_a_chain_of_two_states() -> None:
    stage = queues.stages(Shape(bursts=(0.01, 0.2, 1.0, 0.001)), FRAME)[0]
    chain = struct.pack("=IIII", round(0.01 * WHOLE), round(0.2 * WHOLE), 0, round(0.001 * WHOLE))
    assert netlink.attribute(disciplines.TCA_NETEM_LOSS, netlink.attribute(disciplines.NETEM_LOSS_GE, chain)) in stage.options
    assert netem_options(Shape(bursts=(0.01, 0.2, 1.0, 0.001), loss=0.5))["loss"] == 0


def test_fq_codel_gets_its_queue_and_whether_it_marks() -> None:
    options = asked(Shape(rate_bps=1e7, discipline="fq_codel", queue_packets=77, ecn=True))[1].get_attr("TCA_OPTIONS")
    assert (options.get_attr("TCA_FQ_CODEL_LIMIT"), options.get_attr("TCA_FQ_CODEL_ECN")) == (77, 1)
    options = asked(Shape(rate_bps=1e7, discipline="fq_codel"))[1].get_attr("TCA_OPTIONS")
    assert (options.get_attr("TCA_FQ_CODEL_LIMIT"), options.get_attr("TCA_FQ_CODEL_ECN")) == (10_240, 0)


def test_red_begins_at_a_twelfth_of_its_queue() -> None:
    options = disciplines.red(limit_packets=120, frame_bytes=1000, rate_bps=8e6, ecn=True)
    limit, least, most, weight, _, cell, flags = struct.unpack_from("=IIIBBBB", options, 4)
    assert (limit, least, most, flags) == (120_000, 10_000, 30_000, 1)
    assert least.bit_length() + weight < 32  # what the kernel wants
    shifts = options[24:280]
    # A packet takes 1 ms; the average falls to 1/2 within ln 2 * 2**weight of them.
    half = math.log(2) * 2**weight * 1000
    assert shifts[int(half) >> cell] in (0, 1)
    assert shifts[int(4 * half) >> cell] in (3, 4)


def test_one_property_changed_changes_one_discipline() -> None:
    shape = Shape(rate_bps=1e7, delay_s=0.01)
    assert kinds(shape, shape._replace(delay_s=0.05)) == [("set", "netem")]
    assert kinds(shape, shape._replace(queue_packets=9)) == [("set", "netem")]
    assert kinds(Shape(rate_bps=1e7), Shape(rate_bps=1e7, queue_packets=9)) == [("set", "pfifo")]
    assert kinds(shape, shape) == []


def test_a_changed_bucket_has_its_queue_set_again_because_it_gives_it_its_own_limit() -> None:
    assert kinds(Shape(rate_bps=1e7), Shape(rate_bps=2e7)) == [("set", "tbf"), ("set", "pfifo")]


def test_another_kind_in_a_place_replaces_all_from_there() -> None:
    assert kinds(Shape(rate_bps=1e7), Shape(rate_bps=1e7, discipline="fq_codel"))[-1] == ("set", "fq_codel")
    assert kinds(Shape(rate_bps=1e7), Shape(rate_bps=1e7, delay_s=0.1)) == [("set", "netem"), ("set", "netem")]
    assert kinds(Shape(rate_bps=1e7, delay_s=0.1), Shape(rate_bps=1e7)) == [("set", "tbf"), ("set", "pfifo")]
    old, new = (asked(shape)[0]["handle"] for shape in (Shape(rate_bps=1e7), Shape(rate_bps=1e7, delay_s=0.1)))
    assert old != new


def test_what_is_not_needed_any_more_is_removed() -> None:
    assert kinds(Shape(rate_bps=1e7), None) == [("remove", "")]
    assert kinds(None, None) == []
    below = queues.changes(7, queues.stages(Shape(rate_bps=1e7, delay_s=0.1), FRAME), queues.stages(Shape(delay_s=0.1), FRAME))
    root = asked(Shape(delay_s=0.1))[0]["handle"]
    assert [(one.kind, decoded(one)["parent"]) for one in below] == [
        (queues.RTM_NEWQDISC, 0xFFFFFFFF),
        (queues.RTM_DELQDISC, root + 1),
    ]


def test_after_a_refused_change_all_is_made_anew() -> None:
    requests = [decoded(one) for one in queues.changes(7, None, queues.stages(Shape(rate_bps=1e7), FRAME))]
    assert [one.get_attr("TCA_KIND") for one in requests] == ["pfifo", "tbf", "pfifo"]
    assert [one.kind for one in queues.changes(7, None, ())] == [queues.RTM_NEWQDISC, queues.RTM_DELQDISC]


def test_a_table_of_jitter_is_replaced_by_an_even_one() -> None:
    normal = Shape(delay_s=0.1, jitter_s=0.01, distribution="normal")
    even = normal._replace(distribution=None)
    (request,) = queues.changes(7, queues.stages(normal, FRAME), queues.stages(even, FRAME))
    assert disciplines.uniform_jitter() in request.body
    assert disciplines.uniform_jitter() not in queues.changes(7, (), queues.stages(even, FRAME))[0].body


@pytest.mark.parametrize(("distribution", "deviation"), [("uniform", 3**-0.5), ("normal", 1.0), ("pareto", 0.82), ("paretonormal", 0.834)])
def test_tables_of_jitter_have_the_mean_zero_and_their_deviation(distribution: str, deviation: float) -> None:
    values = [one / SCALE for one in jitter_table(distribution)]
    assert len(values) == SIZE
    assert statistics.fmean(values) == pytest.approx(0, abs=0.06)
    # As of the tables that iproute2 installs (/usr/lib/tc/*.dist); the longest tail of "pareto" does not fit into 16 bits, so that its
    # deviation is less than that of the formula.
    assert statistics.pstdev(values) == pytest.approx(deviation, rel=0.03)


def test_rates_above_32_bits_keep_their_value() -> None:
    assert struct.pack("=Q", 12_500_000_000) in queues.stages(Shape(rate_bps=100e9), FRAME)[0].options
    assert struct.pack("=Q", 12_500_000_000) in queues.stages(Shape(rate_bps=100e9, loss=0.1), FRAME)[0].options
