from typing import Any

import pytest

from nepi.apps.ping_output import PingRefusal, PingReply, PingResult, parse_ping
from nepi.hosts.ns3.programs.commands import PingCommand
from nepi.hosts.ns3.programs.output import PingText, Row

S = 1_000_000_000


def text_of(command: PingCommand, *rows: Row, address: str = "10.0.0.2") -> str:
    writer = PingText(command, address)
    return "".join(writer.line(row) for row in ([1, 1, 0, 0, 0, 0, 0, ""], *rows))


def test_ping_prints_what_the_reader_of_ping_reads() -> None:
    rows = [
        [1, 2, 40_000_000, 1, 64, 40_000_000, 64, "10.0.0.2"],
        [1, 2, 41_000_000, 1, 64, 41_000_000, -64, "10.0.0.2"],
        [1, 3, 2 * S, 2, 3, 1, 0, "10.0.0.9"],
        [1, 4, 3 * S, 2, 1, 1, 1 * S, ""],
    ]
    assert parse_ping(text_of(PingCommand("b", count=2, timestamps=True), *rows)) == PingResult(
        target="b",
        address="10.0.0.2",
        transmitted=2,
        received=1,
        duplicates=1,
        errors=1,
        loss=0.5,
        rtt_min_s=0.04,
        rtt_avg_s=0.0405,
        rtt_max_s=0.041,
        rtt_mdev_s=0.0005,
        replies=(PingReply(1, 64, 0.04, 0.04), PingReply(1, 64, 0.041, 0.041, duplicate=True)),
        refusals=(PingRefusal(2, "10.0.0.9", "Destination Host Unreachable", 2.0),),
        complete=True,
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([1, 3, S, 1, 1, 0, 0, "fd00::1"], "Destination unreachable: No route"),
        ([1, 3, S, 1, 3, 0, 0, "fd00::1"], "Time exceeded: Hop limit"),
        ([1, 3, S, 1, 2, 0, 1280, "fd00::1"], "Packet too big: mtu=1280"),
    ],
)
def test_refusals_over_ipv6_have_their_own_words(row: list[Any], reason: str) -> None:
    text = text_of(PingCommand("b"), row, [1, 4, S, 1, 0, 1, 0, ""], address="fd00::2")
    assert text.startswith("PING b(fd00::2) 56 data bytes\n")
    result = parse_ping(text)
    assert (result.address, result.errors, result.refusals) == ("fd00::2", 1, (PingRefusal(1, "fd00::1", reason),))


def test_ping_without_replies_is_read_as_total_loss_and_took_until_its_last_request() -> None:
    text = text_of(PingCommand("b"), [1, 4, 12 * S, 2, 0, 0, S, ""])
    assert "2 packets transmitted, 0 received, 100% packet loss, time 1000ms\n" in text
    result = parse_ping(text)
    assert (result.transmitted, result.received, result.loss, result.complete) == (2, 0, 1.0, True)


def test_ping_without_a_route_says_what_the_real_one_says() -> None:
    result = parse_ping(PingText(PingCommand("b"), "10.0.0.2").line([1, 5, 0, 0, 0, 0, 0, ""]))
    assert (result.error, result.complete, result.target) == ("connect: Network is unreachable", False, "")


def test_a_flood_prints_a_point_for_each_request_without_a_reply() -> None:
    rows = [[1, 2, S, 1, 64, 2_000_000, 64, "10.0.0.2"], [1, 4, 12 * S, 3, 1, 0, 2 * S, ""]]
    text = text_of(PingCommand("b", flood=True, pattern="ff"), *rows)
    assert text.startswith("PATTERN: 0xff\nPING b (10.0.0.2) 56(84) bytes of data.\n..\n--- b ping")
    assert text.endswith("rtt min/avg/max/mdev = 2.000/2.000/2.000/0.000 ms, ipg/ewma 1000.000/2.000 ms\n")
    result = parse_ping(text)
    assert (result.transmitted, result.received, result.replies, result.complete) == (3, 1, (), True)


def test_packets_too_small_for_a_time_have_none_and_late_ones_are_told() -> None:
    rows = [[1, 6, S, 1, 0, 0, 0, ""], [1, 2, 2 * S, 1, 64, 5, 16, "10.0.0.2"], [1, 4, 2 * S, 1, 1, 0, 0, ""]]
    result = parse_ping(text_of(PingCommand("b", size_bytes=8), *rows))
    assert result.replies == (PingReply(1, 64, None),)
    assert result.notes == ("no answer yet for icmp_seq=1",)
    assert result.rtt_avg_s is None
