from __future__ import annotations

import pytest

from nepi.apps.goodput import tcp_share, udp_share


def test_tcp_over_ipv4_with_full_frames() -> None:
    assert tcp_share(1500) == 1448 / 1514


def test_tcp_over_ipv6_has_twenty_bytes_less() -> None:
    assert tcp_share(1500, version=6) == 1428 / 1514


def test_jumbo_frames_leave_more() -> None:
    assert tcp_share(9000) == 8948 / 9014


def test_a_smaller_segment_size_costs_more_headers() -> None:
    assert tcp_share(1500, mss_bytes=512) == 500 / 566


@pytest.mark.parametrize("mss", [1460, 9000])
def test_a_segment_size_larger_than_the_mtu_changes_nothing(mss: int) -> None:
    assert tcp_share(1500, mss_bytes=mss) == tcp_share(1500)


def test_a_udp_packet_that_fits() -> None:
    assert udp_share(1472, 1500) == 1472 / 1514


def test_a_udp_packet_in_fragments_pays_for_each_of_them() -> None:
    # 1480 bytes fit a fragment: 2960 bytes of data and 8 of header are three of them.
    assert udp_share(2960, 1500) == 2960 / (2968 + 3 * 34)
