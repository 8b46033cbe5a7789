"""What links do to packets, measured on the links themselves; with whatever this machine makes them of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.apps.tcp_theory import cubic_throughput_bps
from nepi.errors import UsageError
from nepi.hosts.namespace import Shape
from nepi.resources.netns.link import Link
from tests.resources.controllers import MakeController
from tests.resources.netns.conftest import SOON, up

pytestmark = pytest.mark.netns

BOTH = ("a > b", "b > a")


def two(ec: ExperimentController, **values: Any) -> tuple[Handle, Handle, Handle]:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    return a, b, ec.add("Link", a, b, name="link", **values)


@pytest.mark.parametrize(
    ("asked", "measured"),
    [
        ({"delay": "20ms"}, {"delay", "loss"}),
        ({"delay": "50ms", "jitter": "5ms", "jitterDistribution": "normal"}, {"delay", "jitter", "loss"}),
        ({"loss": "5%"}, {"delay", "loss"}),
        ({"loss": "5%", "lossBurst": 3}, {"delay", "loss", "burst"}),
        ({"duplicate": "5%"}, {"delay", "loss", "duplicate"}),
        ({"delay": "20ms", "reorder": "5%"}, {"delay", "loss", "reorder"}),
        ({"corrupt": "5%"}, {"delay", "loss", "corrupt"}),
        ({"rate": "2Mbit", "delay": "20ms", "loss": "10%"}, {"rate", "delay", "loss"}),
    ],
)
def test_a_link_does_what_it_was_asked(ec: ExperimentController, asked: dict[str, Any], measured: set[str]) -> None:
    _, _, link = two(ec, **asked)
    up(ec)
    found = link.verify()
    assert {(one.direction, one.what) for one in found} == {(way, what) for way in BOTH for what in measured}
    assert [str(one) for one in found if one.kept is not True] == []


def test_each_direction_is_measured_against_what_it_was_asked(ec: ExperimentController) -> None:
    _, _, link = two(ec, delay="10ms", delayBack="30ms", loss="20%", lossBack="0%")
    up(ec)
    found = link.verify()
    asked = {(one.direction, one.what): one.asked for one in found}
    assert asked == {("a > b", "delay"): 0.01, ("b > a", "delay"): 0.03, ("a > b", "loss"): 0.2, ("b > a", "loss"): 0.0}
    assert found, str(found)


def test_what_was_not_asked_is_found_out(ec: ExperimentController) -> None:
    _, _, link = two(ec, delay="10ms")
    up(ec)
    manager = ec.resource(link)
    assert isinstance(manager, Link)
    assert manager.run is not None
    ec._running().runner.call(manager.run.session.shape("a", "eth0", Shape(delay_s=0.02, loss=0.1)))
    assert [(one.direction, one.what) for one in link.verify().broken] == [("a > b", "delay"), ("a > b", "loss")]


def test_tcp_gets_what_theory_gives_it_at_one_per_cent_of_loss(ec: ExperimentController) -> None:
    # A flow whose packets are joined into large ones (offloads) sees a thirtieth of the losses, and gets many times as much.
    a, b, _ = two(ec, delay="10ms", loss="1%", lossBack="0%")
    client, _ = ec.iperf3(a, b, duration="6s", congestion="cubic")
    ec.run(deadline=SOON)
    theory = cubic_throughput_bps(rtt_s=0.02, loss=0.01, mss_bytes=1448)
    assert 0.4 * theory < client.result.throughput_bps < 2 * theory


def test_a_link_with_a_timeline_is_verified_before_it_begins(controller: MakeController, tmp_path: Path) -> None:
    timeline = tmp_path / "rates.csv"
    timeline.write_text("time,rate\n0,1Mbit\n3600,2Mbit\n")
    ec = controller(verify=True)
    _, _, link = two(ec, rate="4Mbit", timeline=str(timeline))
    ec.deploy()
    assert ec.wait_started(link, SOON)
    assert [one.asked for one in ec.promises if one.what == "rate"] == [4e6, 4e6]
    assert (link.get("rate"), not ec.promises.broken) == (1_000_000, True)
    with pytest.raises(UsageError, match="follows a timeline"):
        link.verify()
