"""What a link cannot be, which implementation it gets, and what its attributes mean. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nepi.errors import BadValueError
from nepi.hosts.impairments import BACKWARD, DIRECTIONAL, shape_of
from nepi.hosts.namespace import Shape
from nepi.model.experiment import ResourceDescription
from nepi.model.loss_bursts import GilbertElliott, bursts_of_mean_length, mean_loss
from nepi.model.typespec import Remark
from nepi.resources.netns.implementation import choose
from nepi.resources.netns.link import Link, check_link
from nepi.resources.netns.link_checks import link_mistakes

ALL = {
    "features": {"tbf": True, "netem": True, "fq_codel": True, "red": True},
    "userspace_links": {"available": True, "packets_per_s": 80_000},
}
NO_NETEM = {**ALL, "features": {"tbf": True, "netem": False, "fq_codel": False, "red": False}}
NOTHING = {"features": {"tbf": True, "netem": False}, "userspace_links": {"available": False, "why": "no reason"}}


@pytest.mark.parametrize(
    ("values", "facts", "begins"),
    [
        ({"rate": 10**7, "queue": 10}, NOTHING, []),
        ({"rate": 10**7, "delay": 0.02, "jitter": 0.001, "loss": 0.01}, ALL, []),
        ({"delay": 0.0, "loss": 0.0}, NOTHING, []),
        ({"queue": 10}, {}, ["queue needs a rate"]),
        ({"jitter": 0.01}, ALL, ["jitter needs a delay"]),
        ({"reorder": 0.1, "loss": 0.1}, ALL, ["reorder needs a delay"]),
        ({"jitter": 0.03, "delay": 0.02}, ALL, ["jitter 30ms is more than the delay of 20ms"]),
        ({"jitterDistribution": "normal", "delay": 0.1}, ALL, ["jitterDistribution needs a jitter"]),
        ({"lossBurst": 3}, ALL, ["lossBurst needs a loss"]),
        ({"loss": 0.9, "lossBurst": 2}, ALL, ["lossBurst: a loss of 90% cannot come in bursts of 2 packets"]),
        ({"burst": 9000}, ALL, ["burst needs a rate"]),
        ({"ecn": True, "rate": 10**6}, ALL, ["ecn needs a queue that can mark packets"]),
        ({"ecn": True, "rate": 10**6, "queueDiscipline": "fifo"}, ALL, ["ecn needs a queue that can mark packets"]),
        ({"ecn": True, "rate": 10**6, "queueDiscipline": "red"}, ALL, []),
        ({"gemodel": "p 1%", "loss": 0.1}, ALL, ["gemodel says everything about loss"]),
        # The way back has what the way there has, unless it was given something else.
        ({"delay": 0.1, "jitterBack": 0.2}, ALL, ["jitterBack 200ms is more than the delay of 100ms"]),
        ({"queueBack": 5}, ALL, ["queueBack needs a rate"]),
        ({"rateBack": 10**6, "queueBack": 5}, ALL, []),
        ({"loss": 0.1, "gemodelBack": "p 1%"}, ALL, []),
    ],
)
def test_values_that_do_not_go_together(values: dict[str, Any], facts: dict[str, Any], begins: list[str]) -> None:
    found = list(link_mistakes(values, facts))
    assert [sentence[: len(begin)] for sentence, begin in zip(found, begins, strict=True)] == begins


@pytest.mark.parametrize(
    ("values", "facts", "wanted"),
    [
        ({"rate": 10**7}, NO_NETEM, "kernel"),
        ({"delay": 0.1}, ALL, "kernel"),
        ({"delay": 0.1}, NO_NETEM, "userspace"),
        ({"lossBack": 0.1}, NO_NETEM, "userspace"),
        ({"rate": 10**7, "queueDisciplineBack": "fq_codel"}, NO_NETEM, "userspace"),
        ({"rate": 10**7, "implementation": "userspace"}, ALL, "userspace"),
        ({"rate": 10**7, "delay": 0.1, "reorder": 0.1}, ALL, "kernel"),
        ({"rate": 10**7, "delay": 0.1, "reorder": 0.1, "queueDiscipline": "red"}, ALL, "userspace"),
    ],
)
def test_auto_is_the_kernel_where_it_can(values: dict[str, Any], facts: dict[str, Any], wanted: str) -> None:
    assert choose(values, (), facts) == (wanted, {})


def test_what_is_to_come_decides_as_well() -> None:
    assert choose({}, [{"delay": 0.1}], NO_NETEM) == ("userspace", {})
    assert choose({}, (), ALL, traced=True) == ("userspace", {})


@pytest.mark.parametrize(
    ("values", "facts", "sentence"),
    [
        ({"delay": 0.02}, NOTHING, "delay cannot be had: this kernel has no netem, and no reason; leave it out, or see `nepi doctor`"),
        (
            {"delay": 0.02, "corruptBack": 0.1, "implementation": "kernel"},
            NO_NETEM,
            'delay, corrupt cannot be had: this kernel has no netem; leave them out, or write implementation="userspace"',
        ),
        ({"implementation": "userspace"}, NOTHING, "implementation cannot be had: no reason; leave it out, or see `nepi doctor`"),
        (
            {"rate": 10**6},
            {"features": {"tbf": False}},
            "rate cannot be had: this kernel has no TBF queue, and links in user space cannot be ",
        ),
    ],
)
def test_what_cannot_be_had_here(values: dict[str, Any], facts: dict[str, Any], sentence: str) -> None:
    (found,) = link_mistakes(values, facts)
    assert found[: len(sentence)] == sentence


def test_a_rate_beyond_what_user_space_carries_is_remarked() -> None:
    remarks = list(link_mistakes({"rate": 10**9, "implementation": "userspace"}, ALL))
    assert [type(one) for one in remarks] == [Remark]
    assert "2Gbit, both directions together, and a core of this machine moves about 970Mbit" in remarks[0]
    assert list(link_mistakes({"rate": 4 * 10**8, "implementation": "userspace"}, ALL)) == []


def test_each_impairment_has_a_sibling_for_the_way_back() -> None:
    assert {"rate", "burst", "queue", "queueDiscipline", "ecn", "delay", "jitter", "loss", "gemodel", "reorder"} <= set(DIRECTIONAL)
    for name in DIRECTIONAL:
        forward, back = Link._attributes[name], Link._attributes[f"{name}Back"]
        assert (back.type, back.range, back.allowed, back.default) == (forward.type, forward.range, forward.allowed, None)
    assert {"mtuBack", "upBack", "addressingBack"}.isdisjoint(BACKWARD)


def test_what_is_not_said_of_the_way_back_is_as_in_the_other_direction() -> None:
    values = {"rate": 10**7, "delay": 0.01, "delayBack": 0.0, "lossBack": 0.5, "gemodel": "p 1% r 20%"}
    assert shape_of(values, back=False) == Shape(rate_bps=10**7, delay_s=0.01, bursts=(0.01, 0.2, 1.0, 0.0))
    assert shape_of(values, back=True) == Shape(rate_bps=10**7, delay_s=0.0, loss=0.5)


def test_what_varies_a_delay_goes_with_it() -> None:
    values = {"delay": 0.1, "jitter": 0.01, "jitterDistribution": "normal", "reorder": 0.1, "loss": 0.1, "lossBurst": 3}
    assert shape_of({**values, "delayBack": 0, "lossBack": 0}, back=True) == Shape(delay_s=0, loss=0)
    assert shape_of({**values, "jitterBack": 0}, back=True) == shape_of(values, back=False)._replace(jitter_s=0, distribution=None)


def test_a_mean_burst_length_is_a_model_of_two_states() -> None:
    bursts = bursts_of_mean_length(0.05, 4)
    assert bursts == pytest.approx((0.05 / 0.95 / 4, 0.25, 1, 0))
    assert mean_loss(bursts) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("p 1% r 20% bad 100% good 0.1%", (0.01, 0.2, 1.0, 0.001)),
        ("p 1%", (0.01, 0.99, 1.0, 0.0)),
        ("good 0.1 bad 0.5 r 0.3 p 0.2", (0.2, 0.3, 0.5, 0.1)),
    ],
)
def test_a_loss_model_is_read(text: str, wanted: tuple[float, ...]) -> None:
    assert GilbertElliott.parse(text) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "p, the probability to become bad, is missing"),
        ("r 1%", "p, the probability to become bad, is missing"),
        ("p 1% q 3%", "'q' is none of p, r, bad, good"),
        ("p 1% p 3%", "p is given twice"),
        ("p 1% r", "r has no value"),
        ("p 101%", "must not be more than 1"),
        ("p 1% r 0%", "it stays bad for ever"),
        ("p 1% r 9% bad 1% good 2%", "less is lost while bad"),
    ],
)
def test_a_loss_model_that_makes_no_sense_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadValueError, match=why):
        Link._attributes["gemodelBack"].converted(text)


def described(**values: Any) -> ResourceDescription:
    return ResourceDescription(1, "netns::Link", "l", values)


def test_a_timeline_is_checked_with_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,delay,jitter\n0,10ms,1ms\n1,10ms,20ms\n")
    (mistake,) = check_link(described(timeline=str(path)), (), ALL)
    assert mistake.startswith("by its timeline, jitter 20ms is more than the delay of 10ms")
    (mistake,) = check_link(described(timeline=str(tmp_path / "none.csv")), (), ALL)
    assert mistake == f"timeline {tmp_path / 'none.csv'}: cannot be read: No such file or directory"


def test_a_timeline_of_delays_makes_the_link_one_of_user_space(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,delay\n0,10ms\n")
    (found,) = check_link(described(timeline=str(path)), (), NOTHING)
    assert found.startswith("delay cannot be had")
    (found,) = check_link(described(timeline=str(path)), (), NO_NETEM)
    assert isinstance(found, Remark)


def test_packet_deliveries_leave_no_room_for_a_rate(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text("0\n5\n10\n")
    assert [str(one) for one in check_link(described(timeline=str(path), rate=10**6), (), ALL)] == [
        "timeline says when packets leave, and rate does as well: leave one of them out"
    ]
    (found,) = check_link(described(timeline=str(path), implementation="kernel"), (), ALL)
    assert found.startswith("timeline cannot be had: the kernel does not know packet-delivery traces")
    assert [one for one in check_link(described(timeline=str(path), queue=5), (), ALL) if not isinstance(one, Remark)] == []


def test_the_way_back_takes_packet_deliveries_only(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,delay\n0,10ms\n")
    (found,) = check_link(described(timelineBack=str(path)), (), ALL)
    assert found.startswith("timelineBack takes a packet-delivery trace")
