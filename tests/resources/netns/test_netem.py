"""Delay and loss, where the kernel has netem."""

from __future__ import annotations

import pytest

from nepi import ExperimentController
from nepi.resources.netns import probe
from tests.resources.netns.conftest import SOON

pytestmark = pytest.mark.netns


def test_a_delay_is_there_in_both_directions_and_can_be_changed(ec: ExperimentController) -> None:
    if not probe()["features"]["netem"]:
        pytest.skip("needs netem")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    link = ec.add("Link", a, b, delay="20ms", rate="10Mbit")
    first = ec.add("Ping", a, target=b, count=3, interval="100ms")
    second = ec.add("Ping", a, target=b, count=3, interval="100ms")
    link.set_when(first.finished, delay="50ms")
    second.start_when(first.finished + "200ms")
    ec.run(deadline=SOON)
    assert first.result.rtt_min_s == pytest.approx(0.04, rel=0.1)
    assert second.result.rtt_min_s == pytest.approx(0.1, rel=0.1)
    assert first.measured()[0][1] == "40ms"


def test_loss_is_lost(ec: ExperimentController) -> None:
    if not probe()["features"]["netem"]:
        pytest.skip("needs netem")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b, loss="20%")
    ping = ec.add("Ping", a, target=b, count=300, interval="5ms", deadline="10s", expectedStatus="0,1")
    ec.run(deadline=SOON)
    assert ping.result.loss == pytest.approx(0.36, abs=0.12)
