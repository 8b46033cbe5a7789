"""Simulated ping and iperf3 over both versions of IP: what they measure, refuse and report, as the real ones do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.apps.goodput import tcp_share, udp_share

pytestmark = [pytest.mark.ns3, pytest.mark.timeout(600)]


class Lane:
    """Two nodes and the router between them, where programs take turns."""

    def __init__(self, ec: ExperimentController) -> None:
        self.ec = ec
        self.a, self.b, router = (ec.add("Node", name=name) for name in ("a", "b", "router"))
        for node in (self.a, self.b):
            ec.add("Link", node, router, rate="10Mbit", delay="5ms", networks="10.1.0.0/16 fd01::/48")
        self._last: Handle | None = None

    def then(self, kind: str, node: Handle, **values: Any) -> Handle:
        """Add a program that begins when the one before has ended."""
        one = self.ec.add(kind, node, expectedStatus="any", **values)
        if self._last is not None:
            one.start_when(self._last.ended + "100ms")
        self._last = one
        return one


def pings(lane: Lane) -> None:
    a, b = lane.a, lane.b
    lane.then("Ping", a, target=b, count=2, name="four")
    lane.then("Ping", a, target="b", ipv6=True, count=2, tos=8, name="six")
    lane.then("Ping", a, target=b, ttl=1, count=2, name="near-four")
    lane.then("Ping", a, target="b", ipv6=True, ttl=1, count=2, name="near-six")
    lane.then("Ping", a, target="192.0.2.1", count=2, name="nowhere-four")
    lane.then("Ping", a, target="2001:db8::1", count=2, name="nowhere-six")
    lane.then("Ping", lane.ec.add("Node", name="lone"), target="192.0.2.1", count=2, name="lone-ping")
    lane.then("Ping", a, target=b, flood=True, count=50, name="flood")
    lane.then("Ping", a, target=b, interval=0, deadline="1s", name="unlimited")
    lane.then("Ping", a, target=b, adaptive=True, preload=3, count=10, pattern="ab", name="adaptive")
    lane.then("Ping", a, target=b, deadline="2s", interval="100ms", timeout="1s", reportOutstanding=True, name="deadline")


def measurements(lane: Lane) -> None:
    a, b, ec = lane.a, lane.b, lane.ec
    early = lane.then("Iperf3Client", a, target=b, name="early")
    json = ec.add("Iperf3Server", b, json=True, name="json")
    text = ec.add("Iperf3Server", b, port=5202, name="text")
    once = ec.add("Iperf3Server", b, port=5203, oneOff=True, json=True, name="once")
    taken = ec.add("Iperf3Server", b, json=True, expectedStatus="any", name="taken")
    for server in (json, text, once, taken):
        server.start_when(early.ended)
    # The first stream would have its own connection on this port, were that not taken.
    port = ec.add("Iperf3Server", b, port=50_000, json=True, name="port")
    port.start_when(early.ended)
    lane.then("Iperf3Client", a, target=b, port=50_000, duration="1s", name="port-client")
    tcp = lane.then("Iperf3Client", a, target=b, duration="3s", omit="1s", mss=1000, window="128kB", connectTimeout="50ms", name="tcp")
    busy = ec.add("Iperf3Client", a, target=b, duration="1s", expectedStatus="any", name="busy")
    busy.start_when(tcp.started + "1s")
    lane.then("Iperf3Client", a, target="b", ipv6=True, duration="4s", dscp="ef", cport=7000, name="tcp-six")
    lane.then("Iperf3Client", a, target="b", ipv6=True, udp=True, rate="12Mbit", duration="2s", name="udp-six")
    lane.then("Iperf3Client", a, target=b, reverse=True, duration="2s", name="reverse")
    lane.then("Iperf3Client", a, target=b, bytes="300kB", parallel=2, omit="1s", name="bytes")
    cut = lane.then("Iperf3Client", a, target=b, duration="10s", name="cut")
    cut.stop_when(cut.started + "1500ms")
    lane.then("Iperf3Client", a, target=b, port=5203, duration="1s", name="once-client")
    lane.then("Iperf3Client", a, target=b, port=5203, duration="1s", name="too-late")
    left = lane.then("Iperf3Client", a, target=b, port=5202, duration="10s", name="left")
    text.stop_when(left.started + "1s")


def two_ways(ec: ExperimentController) -> None:
    """A client with two interfaces: over the slow one, which is its first, nothing is measured."""
    c, d, slow, fast = (ec.add("Node", name=name) for name in ("c", "d", "slow", "fast"))
    for first, second, rate in ((c, slow, "1Mbit"), (c, fast, "8Mbit"), (fast, d, "8Mbit"), (slow, d, "1Mbit")):
        ec.add("Link", first, second, rate=rate, delay="1ms", networks="10.2.0.0/16 fd02::/48")
    server = ec.add("Iperf3Server", d, name="far-server")
    ec.add("Iperf3Client", c, target=d, reverse=True, duration="2s", name="far").start_when(server.started)


@pytest.fixture(scope="module")
def ec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExperimentController]:
    ec = ExperimentController("programs", tmp_path_factory.mktemp("programs"), backend="ns3", seed=1)
    lane = Lane(ec)
    pings(lane)
    measurements(lane)
    two_ways(ec)
    try:
        ec.run()
        yield ec
    finally:
        ec.shutdown()


def resource(ec: ExperimentController, name: str) -> Any:
    return ec.resource(name)


def result(ec: ExperimentController, name: str) -> Any:
    return resource(ec, name).result


RTT_S = 2 * (0.01 + 2 * 98 * 8 / 10e6)
RTT_SIX_S = 2 * (0.01 + 2 * 118 * 8 / 10e6)


def test_ping_measures_over_both_versions(ec: ExperimentController) -> None:
    four, six = result(ec, "four"), result(ec, "six")
    assert (four.rtt_min_s, four.rtt_max_s, four.replies[0].ttl) == (pytest.approx(RTT_S, abs=1e-6), pytest.approx(RTT_S, abs=1e-6), 63)
    assert (six.rtt_min_s, six.replies[0].ttl, six.address[:5]) == (pytest.approx(RTT_SIX_S, abs=1e-6), 63, "fd01:")


def test_ping_tells_of_refusals_in_the_words_of_each_version(ec: ExperimentController) -> None:
    reasons = {
        "near-four": "Time to live exceeded",
        "near-six": "Time exceeded: Hop limit",
        "nowhere-four": "Destination Net Unreachable",
        "nowhere-six": "Destination unreachable: No route",
    }
    for name, reason in reasons.items():
        found = result(ec, name)
        assert [one.reason for one in found.refusals] == [reason] * 2
        assert (found.received, found.errors) == (0, 2)
    assert ec.trace("lone-ping", "stderr") == "ping: connect: Network is unreachable\n"


def test_ping_floods_adapts_and_ends_at_its_deadline(ec: ExperimentController) -> None:
    flood, adaptive, deadline = (resource(ec, name) for name in ("flood", "adaptive", "deadline"))
    assert (flood.result.transmitted, flood.result.received) == (50, 50)
    assert 90 <= result(ec, "unlimited").transmitted <= 110
    assert [flood.result.replies, flood.trace("stdout").count(".\n--- b ping")] == [(), 0]
    assert (adaptive.result.received, adaptive.result.loss) == (10, 0.0)
    assert 19 <= deadline.result.transmitted <= 21
    assert deadline.result.notes == ()
    assert deadline.trace("stdout").count("time 19") + deadline.trace("stdout").count("time 20") == 1


def test_a_server_reports_on_each_test(ec: ExperimentController) -> None:
    reports = resource(ec, "json").results
    clients = [result(ec, name) for name in ("tcp", "tcp-six", "udp-six", "reverse", "bytes", "cut")]
    assert [one.protocol for one in reports] == ["TCP", "TCP", "UDP", "TCP", "TCP", "TCP"]
    for seen, measured in zip(reports[:3], clients[:3], strict=True):
        assert (seen.received_bytes, seen.throughput_bps, seen.sent_bytes) == (measured.received_bytes, measured.throughput_bps, None)
        assert [one.omitted for one in seen.intervals] == [one.omitted for one in measured.intervals]
    assert (reports[3].reverse, reports[3].sent_bytes, reports[3].received_bytes) == (True, clients[3].sent_bytes, None)
    assert (reports[4].complete, reports[5].error) == (True, "the client has terminated")
    assert 0.9e6 < reports[5].received_bytes / reports[5].duration_s < 1.25e6


def test_measurements_are_what_the_path_lets_through(ec: ExperimentController) -> None:
    tcp, six, udp = (result(ec, name) for name in ("tcp", "tcp-six", "udp-six"))
    assert tcp.throughput_bps == pytest.approx(10e6 * tcp_share(1500, mss_bytes=1000), rel=0.03)
    assert [one.omitted for one in tcp.intervals] == [True, False, False, False]
    assert six.throughput_bps == pytest.approx(10e6 * tcp_share(1500, version=6), rel=0.05)
    # A sixth more than fits is sent: what goes over the link is its rate; the word that the test has ended may have to be sent again.
    assert 0.9 <= udp.throughput_bps / (10e6 * udp_share(1428, 1500, version=6)) <= 1.001
    assert udp.sent_bps == pytest.approx(12e6, rel=0.01)
    assert udp.loss == pytest.approx(1 - 10 * udp_share(1428, 1500, version=6) / 12, abs=0.06)
    assert result(ec, "bytes").sent_bytes == 300_000
    assert [one.omitted for one in result(ec, "bytes").intervals] == [True, False]
    assert result(ec, "port-client").received_bytes == resource(ec, "port").results[0].received_bytes > 0.5e6
    assert result(ec, "far").throughput_bps == pytest.approx(8e6 * tcp_share(1500), rel=0.05)


def test_who_cannot_be_served_says_why(ec: ExperimentController) -> None:
    refused = "unable to connect to server: Connection refused"
    assert [result(ec, name).error for name in ("early", "too-late")] == [refused] * 2
    assert result(ec, "busy").error == "the server is busy running a test. try again later"
    assert "Address already in use" in resource(ec, "taken").results[0].error
    assert len(resource(ec, "once").results) == 1


def test_who_is_interrupted_in_mid_test_reports_on_what_was_until_then(ec: ExperimentController) -> None:
    cut, left = result(ec, "cut"), result(ec, "left")
    assert (cut.error, cut.duration_s) == ("interrupt - the client has terminated", pytest.approx(1.5, abs=0.1))
    assert (left.error, left.duration_s) == ("the server has terminated", pytest.approx(1.0, abs=0.1))
    lines = resource(ec, "text").trace("stdout").splitlines()
    assert lines[1] == "Server listening on 5202 (test #1)"
    assert lines[3].startswith("Accepted connection from 10.1.")
    assert "iperf3: interrupt - the server has terminated" in lines
