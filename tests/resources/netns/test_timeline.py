"""Timelines of links: what is read, and every mistake with its file and line. Pure."""

from __future__ import annotations

import itertools

import pytest

from nepi.errors import BadValueError
from nepi.resources.netns.link import changeable
from nepi.resources.netns.timeline import Changes, Deliveries, parse


def read(text: str) -> Changes | Deliveries:
    return parse(text, "f.csv", changeable())


def test_a_csv_is_read_as_changes() -> None:
    text = "# made by hand\ntime, rate, delayBack, up\n0, 10Mbit, 20ms,\n1.5, , none, false\n1m, 5 Mbit, ,yes\n"
    assert read(text) == Changes(
        (
            (0.0, {"rate": 10**7, "delayBack": 0.02}),
            (1.5, {"delayBack": None, "up": False}),
            (60.0, {"rate": 5 * 10**6, "up": True}),
        )
    )


def test_whole_numbers_line_by_line_are_packet_deliveries() -> None:
    trace = read("0\n4\n4\n8\n")
    assert trace == Deliveries((0.0, 0.004, 0.004, 0.008))
    assert isinstance(trace, Deliveries)
    assert trace.mean_rate_bps == 4 * 1504 * 8 / 0.008


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "timeline f.csv: is empty"),
        ("\n\n", "timeline f.csv: is empty"),
        ("delay,time\n1ms,1\n", "f.csv:1: the first line has the columns' names, and the first of them is time; it is 'delay'"),
        ("time\n1\n", "f.csv:1: has no property beside time"),
        ("time,delay\n", "f.csv:1: has no line below the columns' names"),
        ("time,delai\n1,1ms\n", "f.csv:1: 'delai' is no property of a link that changes"),
        ("time,implementation\n1,kernel\n", "f.csv:1: 'implementation' is no property of a link that changes"),
        ("time,delay,delay\n1,1ms,2ms\n", "f.csv:1: there are two columns 'delay'"),
        ("time,delay\n1,1ms\n0.5,2ms\n", "f.csv:3: time goes back from 1 to 0.5 s"),
        ("time,delay\n1,1ms\n1000ms,2ms\n", "f.csv:3: time stands still at 1 s"),
        ("time,delay\n1,1ms,3\n", "f.csv:2: has 3 values for 2 columns"),
        ("time,delay\nsoon,1ms\n", "f.csv:2: duration 'soon': not understood"),
        ("time,delay\n-1,1ms\n", "f.csv:2: duration -1.0: must not be negative"),
        ("time,delay\n1,10\n", "f.csv:2: attribute 'delay': duration '10': the unit is missing; write for example 10s"),
        ("time,loss\n1,150%\n", "f.csv:2: attribute 'loss': fraction '150%': must not be more than 1"),
        ("time,up\n1,maybe\n", "f.csv:2: attribute 'up': expected true or false, got 'maybe'"),
        ("1\n2\nx\n", "f.csv:3: 'x' is no whole number of milliseconds, as lines before are"),
        ("1\n5\n3\n", "f.csv:3: time goes back from 5 to 3 ms"),
        ("0\n0\n", "f.csv: all packets at 0 ms: the last line must be later, for there the trace begins anew"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(BadValueError) as raised:
        read(text)
    assert str(raised.value)[: len(message)] == message


def test_a_repeated_timeline_begins_anew_at_its_last_line() -> None:
    changes = read("time,delay\n0,1ms\n1,2ms\n3,1ms\n")
    assert isinstance(changes, Changes)
    once = list(changes.steps(repeat=False))
    assert [at for at, _ in once] == [0, 1, 3]
    again = itertools.islice(changes.steps(repeat=True), 7)
    assert [at for at, _ in again] == [0, 1, 3, 3, 4, 6, 6]


def test_one_line_is_never_repeated() -> None:
    changes = read("time,delay\n0,1ms\n")
    assert isinstance(changes, Changes)
    assert len(list(changes.steps(repeat=True))) == 1


def test_the_states_of_a_link_add_up() -> None:
    changes = read("time,delay,loss\n0,1ms,\n1,,2%\n")
    assert isinstance(changes, Changes)
    assert list(changes.states({"rate": 5, "delay": 0.5})) == [{"rate": 5, "delay": 0.001}, {"rate": 5, "delay": 0.001, "loss": 0.02}]
