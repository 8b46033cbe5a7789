"""What tcpdump said of its captures."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.apps.tcpdump_output import TcpdumpResult, parse_tcpdump, tcpdump_listens
from nepi.errors import TraceError
from tests.apps.recordings import recorded

COUNTED = TcpdumpResult("wire", "EN10MB", captured_packets=4, filtered_packets=4, dropped_packets=0, complete=True)


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("terminated", COUNTED),
        ("text", COUNTED),
        ("killed", TcpdumpResult("wire", "EN10MB")),
        ("no_interface", TcpdumpResult(error="nonsense: No such device exists")),
        ("bad_expression", TcpdumpResult(error="unknown port 'nonsense'")),
        ("unwritable", TcpdumpResult(error="/no/such/folder/x.pcap: No such file or directory")),
    ],
)
def test_recordings(name: str, result: TcpdumpResult) -> None:
    assert parse_tcpdump(recorded(f"tcpdump/{name}")) == result
    assert tcpdump_listens(recorded(f"tcpdump/{name}")) == bool(result.interface)


@pytest.mark.parametrize("name", ["terminated", "text"])
def test_cut_anywhere_no_number_is_wrong(name: str) -> None:
    output = recorded(f"tcpdump/{name}")
    for length in range(len(output)):
        part = parse_tcpdump(output[:length])
        assert not part.complete
        assert part.captured_packets in (None, COUNTED.captured_packets)
        assert part.interface in ("", COUNTED.interface)


def test_silence_is_nothing_known() -> None:
    assert parse_tcpdump(b"") == TcpdumpResult()


def test_packets_lost_by_the_interface() -> None:
    text = "9 packets captured\n12 packets received by filter\n3 packets dropped by kernel\n1 packet dropped by interface\n"
    expected = TcpdumpResult(captured_packets=9, filtered_packets=12, dropped_packets=3, interface_dropped_packets=1, complete=True)
    assert parse_tcpdump(text) == expected


def test_garbage_is_refused_with_its_place() -> None:
    with pytest.raises(TraceError, match="^tcpdump output, line 1: 'hello' is nothing that tcpdump prints"):
        parse_tcpdump("hello\nworld\n")


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    tcpdump_listens(data)
    with suppress(TraceError):
        parse_tcpdump(data)
