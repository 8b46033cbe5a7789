"""What a simulation is told before its first object, and times as ns-3 writes them."""

from __future__ import annotations

import pytest

from nepi.errors import BadValueError
from nepi.resources.ns3.attributes import time_s
from nepi.resources.ns3.settings import logs


def test_components_log_as_in_the_variable_of_ns3() -> None:
    assert logs("UdpEchoClient=info: Ping:TcpSocket=level_debug:") == [
        ("UdpEchoClient", "LOG_LEVEL_INFO"),
        ("Ping", "LOG_LEVEL_ALL"),
        ("TcpSocket", "LOG_LEVEL_DEBUG"),
    ]
    assert logs("") == []


def test_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadValueError, match="'loud' is no level; use one of error, warn"):
        logs("Ping=loud")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("+2e+06ns", 0.002), ("-1ms", -0.001), ("1.5s", 1.5), ("2", 2.0), ("1min", 60.0), ("1m30s", 90.0), ("50us", 0.00005)],
)
def test_times_are_read_as_ns3_and_as_people_write_them(written: str, seconds: float) -> None:
    assert time_s(written) == seconds


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(BadValueError):
        time_s("soon")
