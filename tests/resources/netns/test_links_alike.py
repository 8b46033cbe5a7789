"""Links in the kernel and links in user space do the same: each test is run against both.

Tolerances leave room for a machine that is emulated in software (`make test-kernel`); how exact the links are is measured by bench/.
"""

from __future__ import annotations

import itertools
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, ExperimentError, Handle, trace_matches
from nepi.apps.goodput import tcp_share
from nepi.apps.ping_output import PingResult
from nepi.resources.netns import probe
from tests.resources.netns.conftest import SOON, up

pytestmark = pytest.mark.netns

TCP = tcp_share(1500)
CATCH_UP = "64kB"
"""A burst with which a token bucket makes up for timers that come late, as those of an emulated machine do, by tens of milliseconds."""
SLOW_S = 0.025
"""What an emulated machine adds to a round trip at most, nearly always."""


@pytest.fixture(params=["kernel", "userspace"])
def implementation(request: pytest.FixtureRequest) -> str:
    facts = probe()
    if request.param == "kernel" and not facts["features"]["netem"]:
        pytest.skip("needs netem")
    if request.param == "userspace" and not facts.get("userspace_links", {}).get("available"):
        pytest.skip("needs user-space links")
    return str(request.param)


class Pair:
    """Two nodes with a link, and what passes between them."""

    def __init__(self, ec: ExperimentController, implementation: str, **values: Any) -> None:
        self.ec = ec
        self.a, self.b = ec.add("Node", name="a"), ec.add("Node", name="b")
        self.link = ec.add("Link", self.a, self.b, name="link", implementation=implementation, **values)

    def ping(self, **values: Any) -> Handle:
        return self.ec.add("Ping", self.a, target=self.b, expectedStatus="0,1", **values)

    def pinged(self, **values: Any) -> PingResult:
        """Return the result of an application that pings, alone."""
        ping = self.ping(**values)
        self.ec.run(deadline="60s")
        result = ping.result
        assert isinstance(result, PingResult)
        return result


def rtts(result: PingResult) -> list[float]:
    return [reply.rtt_s for reply in result.replies if reply.rtt_s is not None and not reply.duplicate]


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def test_a_delay_is_that_of_each_direction(ec: ExperimentController, implementation: str) -> None:
    result = Pair(ec, implementation, delay="30ms", delayBack="10ms").pinged(count=10, interval="50ms")
    assert min(rtts(result)) >= 0.0399
    assert median(rtts(result)) < 0.04 + SLOW_S


def test_the_first_end_is_the_one_that_was_connected_first(ec: ExperimentController, implementation: str) -> None:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", b, a, implementation=implementation, rate="2Mbit", rateBack="6Mbit", burst=CATCH_UP)
    client, _ = ec.iperf3(a, b, duration="2s")
    ec.run(deadline="60s")
    assert client.result.throughput_bps == pytest.approx(6e6 * TCP, rel=0.15)
    assert client.measured()[0][1] == "6Mbit (at most 5.738Mbit of data)"


def test_a_rate_holds_in_each_direction_beside_a_delay(ec: ExperimentController, implementation: str) -> None:
    pair = Pair(ec, implementation, rate="8Mbit", rateBack="3Mbit", delay="5ms")
    client, _ = ec.iperf3(pair.a, pair.b, duration="3s", reverse=True)
    ec.run(deadline="60s")
    assert client.result.throughput_bps == pytest.approx(3e6 * TCP, rel=0.15)


def test_loss_is_that_of_one_direction(ec: ExperimentController, implementation: str) -> None:
    result = Pair(ec, implementation, loss="20%", lossBack=0).pinged(count=500, interval="4ms")
    # Four standard deviations of 500 packets.
    assert result.loss == pytest.approx(0.2, abs=0.072)


def test_losses_come_in_bursts(ec: ExperimentController, implementation: str) -> None:
    result = Pair(ec, implementation, loss="20%", lossBurst=8, lossBack=0).pinged(count=1500, interval="3ms")
    arrived = {reply.seq for reply in result.replies}
    runs = [len(list(group)) for lost, group in itertools.groupby(seq not in arrived for seq in range(1, 1501)) if lost]
    # By chance alone, bursts of a fifth have 1.25 packets. About 37 bursts; four standard deviations of their mean are 5.
    assert 3 < sum(runs) / len(runs) < 13


def test_a_model_of_loss_loses_what_it_says(ec: ExperimentController, implementation: str) -> None:
    result = Pair(ec, implementation, gemodel="p 10% r 30% bad 80% good 0%", lossBack=0).pinged(count=1000, interval="3ms")
    assert result.loss == pytest.approx(0.2, abs=0.08)


def test_some_packets_come_twice(ec: ExperimentController, implementation: str) -> None:
    result = Pair(ec, implementation, duplicate="30%", duplicateBack=0).pinged(count=300, interval="5ms")
    assert result.loss == 0
    assert (result.duplicates or 0) / 300 == pytest.approx(0.3, abs=0.11)


def test_a_flipped_bit_is_a_packet_that_nobody_takes(ec: ExperimentController, implementation: str) -> None:
    result = Pair(ec, implementation, corrupt="30%", corruptBack=0).pinged(count=300, interval="5ms", packetSize=1000)
    # A flipped bit in a time stamp is found by the checksum, too; few hit a field that nobody looks at.
    assert result.loss == pytest.approx(0.3, abs=0.11)


@pytest.mark.parametrize("distribution", [None, "normal", "pareto"])
def test_a_delay_varies(ec: ExperimentController, implementation: str, distribution: str | None) -> None:
    pair = Pair(ec, implementation, delay="80ms", delayBack=0, jitter="20ms", jitterBack=0, jitterDistribution=distribution)
    found = rtts(pair.pinged(count=300, interval="10ms"))
    assert median(found) == pytest.approx(0.08, abs=SLOW_S)
    least, most = {None: (0.0599, 0.0701), "normal": (0, 0.06), "pareto": (0.06, 0.075)}[distribution]
    assert least <= min(found) <= most
    assert max(found) > 0.095


def test_who_skips_the_delay_overtakes(ec: ExperimentController, implementation: str) -> None:
    result = Pair(ec, implementation, delay="100ms", delayBack=0, reorder="30%", reorderBack=0).pinged(count=200, interval="10ms")
    fast = [rtt for rtt in rtts(result) if rtt < 0.07]
    assert len(fast) / 200 == pytest.approx(0.3, abs=0.14)
    seqs = [reply.seq for reply in result.replies]
    assert seqs != sorted(seqs)


def test_jitter_keeps_the_order_where_there_is_a_rate(ec: ExperimentController, implementation: str) -> None:
    pair = Pair(ec, implementation, rate="10Mbit", delay="80ms", delayBack=0, jitter="40ms", jitterBack=0)
    seqs = [reply.seq for reply in pair.pinged(count=200, interval="5ms").replies]
    assert seqs == sorted(seqs)
    assert len(seqs) == 200


RECEIVER = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 9999))
print("listening", flush=True)
times = []
s.settimeout(20)
try:
    while True:
        s.recv(2000)
        times.append(time.monotonic())
        s.settimeout(1)
except TimeoutError:
    print(len(times), times[-1] - times[0])
"""
SENDER = """
import socket, time
# Neighbour discovery of IPv6 would take places in the queue: none from now on, and what is under way gets time to leave.
open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w").write("1")
time.sleep(0.3)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
began = time.monotonic()
for _ in range(30):
    s.sendto(bytes(1000), ("b", 9999))
print(time.monotonic() - began)
"""


def test_a_queue_holds_so_many_frames_and_no_more(ec: ExperimentController, implementation: str) -> None:
    pair = Pair(ec, implementation, rate="100kbit", queue=10, delay="1ms")
    receiver = ec.add("Application", pair.b, command=f"{sys.executable} -u -c {shlex.quote(RECEIVER)}")
    sender = ec.add("Application", pair.a, command=f"{sys.executable} -c {shlex.quote(SENDER)}")
    sender.start_when(trace_matches(receiver, "listening"))
    ec.run(deadline="60s")
    count, span_s = receiver.trace("stdout").splitlines()[1].split()
    # One is being sent, ten wait; for each time in which one is sent that it takes to hand all over, another one may leave.
    frame_s = 1042 * 8 / 1e5
    assert 11 <= int(count) <= 13 + float(sender.trace("stdout")) / frame_s
    assert float(span_s) == pytest.approx((int(count) - 1) * frame_s, abs=0.06)


def test_one_property_changed_leaves_the_others(ec: ExperimentController, implementation: str) -> None:
    pair = Pair(ec, implementation, delay="20ms", loss="100%")
    lost = pair.ping(count=3, interval="20ms", name="lost")
    passed = pair.ping(count=3, interval="20ms", name="passed")
    pair.link.set_when(lost.finished, loss=0)
    passed.start_when(lost.finished + "300ms")
    ec.run(deadline="60s")
    assert (lost.result.loss, passed.result.loss) == (1, 0)
    assert 0.0399 <= min(rtts(passed.result)) < 0.04 + SLOW_S


def test_changes_at_run_time_take_effect_in_each_direction(ec: ExperimentController, implementation: str) -> None:
    pair = Pair(ec, implementation, delay="10ms")
    up(ec)
    for values, least in (({"delay": "30ms"}, 0.06), ({"delayBack": "50ms"}, 0.08), ({"delay": None}, 0.05), ({"rate": "1Mbit"}, 0.05)):
        pair.link.set(**values)
        done = ec.exec(pair.a, ["ping", "-n", "-c3", "-i0.05", "b"], deadline=SOON)
        (line,) = [line for line in done.stdout.decode().splitlines() if line.startswith("rtt")]
        assert least - 0.0001 <= float(line.split(" = ")[1].split("/")[0]) / 1000 < least + SLOW_S


def test_a_timeline_is_followed_from_the_start_of_the_link(ec: ExperimentController, implementation: str, tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    path.write_text("time,delay,loss\n0,50ms,\n1s,100ms,\n2s,,100%\n2.5,5ms,0%\n")
    pair = Pair(ec, implementation, delay="5ms", delayBack="0s", lossBack=0, timeline=path)
    ping = pair.ping(count=80, interval="50ms", printTimestamp=True)
    pair.link.start_when(ping.started)
    ec.run(deadline="60s")
    began = pair.link.start_time.timestamp()
    found = [(reply.at - began - reply.rtt_s, reply.rtt_s) for reply in ping.result.replies]
    assert min(rtt for sent, rtt in found if 0.2 < sent < 0.9) == pytest.approx(0.05, abs=0.01)
    assert min(rtt for sent, rtt in found if 1.2 < sent < 1.8) == pytest.approx(0.1, abs=0.01)
    assert [sent for sent, _ in found if 2.1 < sent < 2.4] == []
    assert min(rtt for sent, rtt in found if sent > 2.7) < 0.03
    lines = pair.link.trace("changes").splitlines()
    assert lines[0] == "time_s,at,property,value"
    rows = [line.split(",") for line in lines[1:]]
    assert [(row[2], row[3]) for row in rows] == [("delay", "0.05"), ("delay", "0.1"), ("loss", "1.0"), ("delay", "0.005"), ("loss", "0.0")]
    assert [float(row[0]) for row in rows] == pytest.approx([0, 1, 2, 2.5, 2.5], abs=0.25)
    assert pair.link.trace("timeline") == path.read_text()


def test_fair_queueing_spares_the_small_flow(ec: ExperimentController, implementation: str) -> None:
    if implementation == "kernel" and not probe()["features"]["fq_codel"]:
        pytest.skip("needs netem and fq_codel")
    pair = Pair(ec, implementation, rate="4Mbit", delay="5ms", queueDiscipline="fq_codel", ecn=True, burst=CATCH_UP)
    client, _ = ec.iperf3(pair.a, pair.b, duration="3s")
    ping = pair.ping(count=20, interval="100ms")
    ping.start_when(client.started + "500ms")
    ec.run(deadline="60s")
    assert client.result.throughput_bps == pytest.approx(4e6 * TCP, rel=0.15)
    # First in first out, the queue of 100 ms would be nearly full.
    assert median(rtts(ping.result)) < 0.01 + 2 * SLOW_S


def test_random_early_detection_keeps_the_queue_short(ec: ExperimentController, implementation: str) -> None:
    if implementation == "kernel" and not probe()["features"]["red"]:
        pytest.skip("needs netem and red")
    pair = Pair(ec, implementation, rate="4Mbit", delay="5ms", queue=200, queueDiscipline="red", burst=CATCH_UP)
    client, _ = ec.iperf3(pair.a, pair.b, duration="4s")
    ping = pair.ping(count=20, interval="100ms")
    ping.start_when(client.started + "1s")
    ec.run(deadline="60s")
    assert client.result.throughput_bps == pytest.approx(4e6 * TCP, rel=0.2)
    # A full queue would be 600 ms; RED drops from a twelfth of it on, and everything from a quarter on.
    assert median(rtts(ping.result)) < 0.3


def test_who_moves_the_frames_is_kept_with_the_run(ec: ExperimentController, implementation: str) -> None:
    pair = Pair(ec, implementation, delay="1ms")
    up(ec)
    ec.shutdown()
    assert pair.link.in_force == implementation
    environment = json.loads((Path(ec.run_dir) / "environment.json").read_text())
    assert environment["links"] == {"link": implementation}


def test_packets_leave_when_a_delivery_trace_says(ec: ExperimentController, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_text("".join(f"{time}\n" for time in range(4, 1001, 4)))
    back.write_text("".join(f"{time}\n" for time in range(2, 1001, 2)))
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    link = ec.add("Link", a, b, name="link", timeline=there, timelineBack=back)
    client, _ = ec.iperf3(a, b, duration="3s")
    client.start_when(link.started)
    ec.run(deadline="60s")
    # 250 packets of 1,500 bytes a second, 1,448 of them data.
    assert client.result.throughput_bps == pytest.approx(250 * 1448 * 8, rel=0.1)
    assert link.in_force == "userspace"
    assert client.measured()[0][1] == "changed while it ran"
    assert link.trace("timelineBack") == back.read_text()


def test_a_delay_that_is_to_come_makes_a_link_that_can_have_it(ec: ExperimentController) -> None:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    link = ec.add("Link", a, b, rate="10Mbit")
    first = ec.add("Ping", a, target=b, count=2, interval="50ms")
    second = ec.add("Ping", a, target=b, count=2, interval="50ms")
    link.set_when(first.finished, delay="30ms", loss="0%")
    second.start_when(first.finished + "300ms")
    ec.run(deadline="60s")
    assert link.in_force == ("kernel" if probe()["features"]["netem"] else "userspace")
    assert min(rtts(first.result)) < 0.05
    assert 0.0599 <= min(rtts(second.result)) < 0.06 + SLOW_S


def test_a_timeline_that_goes_wrong_fails_the_link(ec: ExperimentController, tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    path.write_text("time,mtu\n0.2,1400\n0.4,1300\n")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b, name="link", timeline=path, timelineRepeat=True)
    ec.add("Application", a, command="sh -c 'ip link delete eth0; sleep 600'")
    with pytest.raises(ExperimentError, match=r"link failed: its timeline: "):
        ec.run(deadline="60s")
