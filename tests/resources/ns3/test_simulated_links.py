"""What simulated links do to packets, compared with theory: the counterpart of tests/resources/netns/test_links_alike.py.

One simulation for all of it, and simulated time costs little, so there are many packets and the bounds are those of statistics.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.apps.goodput import tcp_share
from nepi.apps.ping_output import PingResult

pytestmark = [pytest.mark.ns3, pytest.mark.timeout(600)]

COUNT = 4000
SIGMAS = 4
FRAME = 1042
"""Bytes of a frame with a packet of 1000 bytes of ping."""


class Pairs:
    """Pairs of nodes with a link each, in one experiment."""

    def __init__(self, folder: Path) -> None:
        self.ec = ExperimentController("links", folder, backend="ns3", seed=3)
        self.found: dict[str, Any] = {}

    def link(self, name: str, **values: Any) -> tuple[Handle, Handle, Handle]:
        a, b = self.ec.add("Node", name=f"{name}-a"), self.ec.add("Node", name=f"{name}-b")
        return a, b, self.ec.add("Link", a, b, name=name, **values)

    def ping(
        self, name: str, count: int = COUNT, *, interval: str = "1ms", size: int = 56, preload: int | None = None, **values: Any
    ) -> Handle:
        """Ping over a link of its own."""
        a, b, _ = self.link(name, **values)
        how: dict[str, Any] = {"count": count, "interval": interval, "packetSize": size, "preload": preload, "timeout": "3s"}
        ping = self.ec.add("Ping", a, target=b, **how, name=f"{name}-ping", expectedStatus="0,1")
        self.found[name] = ping
        return ping

    def iperf(self, name: str, *, options: dict[str, Any] | None = None, **values: Any) -> tuple[Handle, Handle]:
        """Measure over a link of its own; return the client and the link."""
        a, b, link = self.link(name, **values)
        server = self.ec.add("Iperf3Server", b, json=True, name=f"{name}-server")
        client = self.ec.add("Iperf3Client", a, target=b, name=f"{name}-client", **{"duration": "4s", **(options or {})})
        client.start_when(server.started)
        self.found[name] = client
        return client, link


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Run one experiment with a link for each test, and return its results by the links' names."""
    pairs = Pairs(tmp_path_factory.mktemp("links"))
    pairs.ping("delay", 10, delay="30ms", delayBack="10ms")
    pairs.ping("loss", loss="20%", lossBack=0)
    pairs.ping("bursts", loss="20%", lossBurst=8, lossBack=0)
    pairs.ping("model", gemodel="p 10% r 30% bad 80% good 0%", lossBack=0)
    pairs.ping("duplicate", duplicate="30%", duplicateBack=0)
    pairs.ping("corrupt", corrupt="30%", corruptBack=0)
    for name in ("uniform", "normal", "pareto", "paretonormal"):
        pairs.ping(name, delay="80ms", delayBack=0, jitter="20ms", jitterBack=0, jitterDistribution=name)
    pairs.ping("reorder", delay="100ms", delayBack=0, reorder="30%", reorderBack=0, interval="10ms", count=1000)
    pairs.ping("order", rate="10Mbit", delay="80ms", delayBack=0, jitter="40ms", jitterBack=0, interval="5ms", count=400)
    pairs.ping("queue", 30, preload=30, size=1000, rate="100kbit", queue=10, rateBack="10Gbit", queueBack=100)
    pairs.ping("burst", 5, preload=5, size=1000, rate="100kbit", burst=3 * FRAME, rateBack="10Gbit")
    pairs.iperf("rates", rate="8Mbit", rateBack="3Mbit", delay="5ms", options={"reverse": True})
    pairs.iperf("six", rate="8Mbit", delay="5ms", networks="fd00:6::/48", options={"duration": "6s"})
    pairs.iperf("late", delay="50ms", reorder="10%", reorderBack=0, options={"udp": True, "rate": "4Mbit", "length": "500"})
    pairs.iperf("paced", delay="5ms", loss="1%", lossBack=0, options={"rate": "6Mbit"})
    pairs.iperf("drops", rate="1Mbit", options={"udp": True, "rate": "2Mbit", "duration": "2s"})
    shared_load(pairs)
    change(pairs)
    ease(pairs)
    pairs.found["flows"] = pairs.ec.add("Recording")
    try:
        pairs.ec.run()
        yield {name: one.result for name, one in pairs.found.items()}
    finally:
        pairs.ec.shutdown()


def shared_load(pairs: Pairs) -> None:
    """Pings beside a long flow, where frames wait in one queue or in fair ones."""
    for name in ("fifo", "fq_codel", "red"):
        client, _ = pairs.iperf(name, rate="4Mbit", delay="5ms", queue=200, queueDiscipline=name, ecn=name != "fifo" or None)
        a, b = (pairs.ec.resource(f"{name}-{end}") for end in "ab")
        ping = pairs.ec.add(
            "Ping", pairs.ec.handle(a.guid), target=pairs.ec.handle(b.guid), name=f"{name}-ping", count=20, interval="100ms"
        )
        ping.start_when(client.started + "2s")
        pairs.found[f"{name}-ping"] = ping


def change(pairs: Pairs) -> None:
    """A link that is changed, and pulled out."""
    a, b, link = pairs.link("change", delay="20ms", loss="100%")
    before = None
    steps: list[dict[str, Any]] = [{}, {"loss": 0}, {"delayBack": "50ms"}, {"up": False}, {"up": True, "rate": "1Mbit"}]
    for number, values in enumerate(steps):
        ping = pairs.ec.add("Ping", a, target=b, name=f"change-{number}", count=3, interval="20ms", timeout="1s", expectedStatus="0,1")
        if before is not None:
            link.set_when(before.finished, **values)
            ping.start_when(before.finished + "300ms")
        before = pairs.found[f"change-{number}"] = ping


def ease(pairs: Pairs) -> None:
    """A link on which more has left at once than its rate, and which then gets a higher one."""
    a, b, link = pairs.link("ease", rate="100kbit", burst="100kB", queue=100)
    many = pairs.ec.add("Ping", a, target=b, name="ease-many", count=50, preload=50, packetSize=1000)
    link.set_when(many.finished, rate="100Mbit")
    few = pairs.found["ease"] = pairs.ec.add("Ping", a, target=b, name="ease-few", count=1)
    few.start_when(many.finished + "10ms")


def rtts(result: PingResult) -> list[float]:
    return [one.rtt_s for one in result.replies if one.rtt_s is not None and not one.duplicate]


def bound(share: float, count: int) -> float:
    """Return how far a share of so many independent draws may be off."""
    return SIGMAS * sqrt(share * (1 - share) / count)


def test_a_delay_is_that_of_each_direction(results: dict[str, Any]) -> None:
    assert set(rtts(results["delay"])) == {0.04}


def test_losses_are_those_of_one_direction(results: dict[str, Any]) -> None:
    assert results["loss"].loss == pytest.approx(0.2, abs=bound(0.2, COUNT))


def test_losses_come_in_bursts(results: dict[str, Any]) -> None:
    arrived = {reply.seq for reply in results["bursts"].replies}
    runs = [len(list(group)) for lost, group in itertools.groupby(seq not in arrived for seq in range(1, COUNT + 1)) if lost]
    # About 100 bursts, of geometric length: their mean has a standard deviation of sqrt(8 * 7 / 100).
    assert mean(runs) == pytest.approx(8, abs=SIGMAS * sqrt(56 / len(runs)))
    assert results["model"].loss == pytest.approx(0.2, abs=0.04)  # three quarters good, a quarter bad, of which 80 %


def test_some_packets_come_twice(results: dict[str, Any]) -> None:
    assert results["duplicate"].loss == 0
    assert results["duplicate"].duplicates / COUNT == pytest.approx(0.3, abs=bound(0.3, COUNT))


def test_a_corrupt_packet_is_one_that_nobody_takes(results: dict[str, Any]) -> None:
    assert results["corrupt"].loss == pytest.approx(0.3, abs=bound(0.3, COUNT))


@pytest.mark.parametrize(
    ("distribution", "deviation"), [("uniform", 1 / sqrt(3)), ("normal", 1.0), ("pareto", 0.82), ("paretonormal", 0.84)]
)
def test_a_delay_varies_as_its_distribution_says(results: dict[str, Any], distribution: str, deviation: float) -> None:
    found = rtts(results[distribution])
    assert len(found) == COUNT
    assert mean(found) == pytest.approx(0.08, abs=SIGMAS * 0.02 * deviation / sqrt(COUNT) + 0.0008)  # tails are cut off at four times
    assert pstdev(found) == pytest.approx(0.02 * deviation, rel=0.08)
    least, most = {"uniform": (0.06, 0.1), "normal": (0.0, 0.16), "pareto": (0.06, 0.16), "paretonormal": (0.045, 0.16)}[distribution]
    assert least <= min(found) <= max(found) <= most


def test_who_skips_the_delay_overtakes(results: dict[str, Any]) -> None:
    fast = [rtt for rtt in rtts(results["reorder"]) if rtt < 0.05]
    assert len(fast) / 1000 == pytest.approx(0.3, abs=bound(0.3, 1000))
    # A packet of UDP each millisecond: who skips the delay arrives before 49 or so, of which nine tenths are then late.
    late = results["late"]
    assert late.loss == 0
    assert late.streams[0].out_of_order_packets / late.sent_packets == pytest.approx(0.9, abs=0.02)


def test_jitter_keeps_the_order_where_there_is_a_rate(results: dict[str, Any]) -> None:
    seqs = [reply.seq for reply in results["order"].replies]
    assert seqs == list(range(1, 401))


def test_a_queue_holds_so_many_frames_and_no_more(results: dict[str, Any]) -> None:
    # Thirty at once: one is being sent, ten wait.
    assert rtts(results["queue"]) == pytest.approx([number * FRAME * 8 / 1e5 for number in range(1, 12)], abs=2e-6)


def test_a_burst_leaves_at_once(results: dict[str, Any]) -> None:
    assert rtts(results["burst"]) == pytest.approx([0, 0, 0, FRAME * 8 / 1e5, 2 * FRAME * 8 / 1e5], abs=2e-6)


def test_a_rate_counts_ethernet_frames_in_each_direction(results: dict[str, Any]) -> None:
    assert results["rates"].throughput_bps == pytest.approx(3e6 * tcp_share(1500), rel=0.04)
    assert results["six"].throughput_bps == pytest.approx(8e6 * tcp_share(1500, version=6), rel=0.04)


def test_fair_and_early_queues_are_shorter_than_a_plain_one(results: dict[str, Any]) -> None:
    for name in ("fifo", "fq_codel", "red"):
        assert results[name].throughput_bps == pytest.approx(4e6 * tcp_share(1500), rel=0.1)
    plain, fair, early = (sorted(rtts(results[f"{name}-ping"]))[10] for name in ("fifo", "fq_codel", "red"))
    assert plain > 0.2  # 200 frames are 600 ms
    assert fair < 0.02
    # RED drops from a twelfth of the queue on, and everything from a quarter on.
    assert early < 0.2


def test_a_sender_catches_up_to_its_rate(results: dict[str, Any]) -> None:
    assert results["paced"].throughput_bps == pytest.approx(6e6, rel=0.05)


def test_what_a_full_queue_drops_is_lost_at_once(results: dict[str, Any]) -> None:
    lost = [row for row in results["flows"] if row.protocol == 17 and row.lost_packets]
    assert len(lost) == 1
    assert lost[0].lost_packets == lost[0].sent_packets - lost[0].received_packets > 100


def test_a_higher_rate_is_not_held_up_by_what_has_left_at_the_lower_one(results: dict[str, Any]) -> None:
    assert rtts(results["ease"]) == pytest.approx([0], abs=1e-4)


def test_changes_take_effect_at_their_instant(results: dict[str, Any]) -> None:
    found = [results[f"change-{number}"] for number in range(5)]
    assert [one.loss for one in found] == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert [one.rtt_min_s for one in found] == [None, 0.04, 0.07, None, pytest.approx(0.07 + 2 * 98 * 8 / 1e6, abs=1e-6)]
