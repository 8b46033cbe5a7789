from __future__ import annotations

from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.apps.goodput import tcp_share
from nepi.errors import ResourceError
from nepi.resources.netns import probe
from tests.resources.netns.conftest import SOON, sh, up

pytestmark = pytest.mark.netns

TCP = tcp_share(1500)


def two(ec: ExperimentController, **values: Any) -> tuple[Handle, Handle, Handle]:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    return a, b, ec.add("Link", a, b, name="link", **values)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_rate_limits_either_direction(ec: ExperimentController, reverse: bool) -> None:
    a, b, _ = two(ec, rate="20Mbit")
    client, _ = ec.iperf3(a, b, duration="2s", reverse=reverse)
    ec.run(deadline=SOON)
    assert client.result.throughput_bps == pytest.approx(20e6 * TCP, rel=0.1)
    (row,) = client.measured()
    assert row[:2] == ("throughput", "20Mbit (at most 19.13Mbit of data)")


def test_udp_beyond_the_rate_is_lost_and_told(ec: ExperimentController) -> None:
    # At the sender's own link the socket would wait instead: its buffer is smaller than the queue.
    a, b, switch = ec.add("Node", name="a"), ec.add("Node", name="b"), ec.add("Switch")
    ec.add("Link", a, switch)
    ec.add("Link", switch, b, rate="10Mbit")
    client, _ = ec.iperf3(a, b, duration="2s", udp=True, rate="20Mbit")
    ec.run(deadline=SOON)
    assert client.result.loss == pytest.approx(0.5, abs=0.1)
    assert [row[0] for row in client.measured()] == ["throughput", "loss", "jitter"]


def test_the_lowest_rate_of_a_path_counts(ec: ExperimentController) -> None:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    west, east = ec.add("Switch"), ec.add("Switch")
    for one, other, rate in ((a, west, "50Mbit"), (west, east, "8Mbit"), (east, b, None)):
        ec.add("Link", one, other, rate=rate)
    client, _ = ec.iperf3(a, b, duration="2s")
    ec.run(deadline=SOON)
    assert client.result.throughput_bps == pytest.approx(8e6 * TCP, rel=0.1)
    assert client.measured()[0][1] == "8Mbit (at most 7.651Mbit of data)"


def test_a_rate_is_changed_while_packets_flow(ec: ExperimentController) -> None:
    a, b, link = two(ec, rate="40Mbit")
    client, _ = ec.iperf3(a, b, duration="4s", interval="500ms")
    link.set_when(client.started + "2s", rate="10Mbit")
    ec.run(deadline=SOON)
    rates = [one.throughput_bps for one in client.result.intervals]
    assert max(rates[1:3]) > 30e6
    assert min(rates[5:]) < 13e6
    assert client.measured()[0][1] == "changed while it ran"


def test_one_property_changed_leaves_the_others(ec: ExperimentController) -> None:
    a, _, link = two(ec, rate="10Mbit", mtu=1400)
    up(ec)
    before = sh(ec, a, "tc qdisc show dev eth0")
    ec.set(link, "queue", 7)
    after = sh(ec, a, "tc qdisc show dev eth0; ip link show eth0")
    assert "rate 10Mbit" in before
    assert "rate 10Mbit" in after
    assert "mtu 1400" in after
    assert ("limit 7p" in before, "limit 7p" in after) == (False, True)


def test_several_properties_are_one_change(ec: ExperimentController) -> None:
    a, b, link = two(ec)
    up(ec)
    assert "tbf" not in sh(ec, a, "tc qdisc show dev eth0")
    link.set(rate="10Mbit", mtu=1300)
    for node in (a, b):
        assert "rate 10Mbit" in sh(ec, node, "tc qdisc show dev eth0")
        assert "mtu 1300" in sh(ec, node, "ip link show eth0")
    ec.set(link, "rate", None)
    assert "tbf" not in sh(ec, a, "tc qdisc show dev eth0")


def test_a_change_that_the_kernel_cannot_make_is_refused_with_what_would_do(ec: ExperimentController) -> None:
    if probe()["features"]["netem"]:
        pytest.skip("needs netem to be missing")
    _, _, link = two(ec, rate="10Mbit")
    up(ec)
    with pytest.raises(ResourceError, match=r'no netem.*implementation="userspace" has to be there from the beginning'):
        link.set(delay="10ms")
    assert (link.get("delay"), link.get("rate")) == (None, 10**7)


def test_jumbo_frames_pass_a_rate(ec: ExperimentController) -> None:
    a, b, _ = two(ec, rate="20Mbit", mtu=9000)
    client, _ = ec.iperf3(a, b, duration="2s")
    ec.run(deadline=SOON)
    assert client.result.throughput_bps == pytest.approx(20e6 * tcp_share(9000), rel=0.1)
