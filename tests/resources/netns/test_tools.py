"""Every tool application once, between two nodes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, ExperimentError, Handle, TraceAttr
from nepi.errors import PlanError
from tests.resources.netns.conftest import SOON, up

SOON_S = 20.0

pytestmark = pytest.mark.netns


@pytest.fixture
def line(ec: ExperimentController) -> tuple[Handle, Handle]:
    """Two nodes with a router between them: a, r, b."""
    a, r, b = (ec.add("Node", name=name) for name in "arb")
    ec.add("Link", a, r, rate="50Mbit")
    ec.add("Link", r, b)
    for node, via in ((a, "10.0.0.2"), (b, "10.0.0.5")):
        ec.add("IPv4Route", node, network="0.0.0.0", prefix=0, nexthop=via)
    return a, b


@pytest.fixture
def pair(ec: ExperimentController) -> tuple[Handle, Handle]:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b, rate="50Mbit")
    return a, b


def run_after(ec: ExperimentController, server: Handle, client: Handle) -> None:
    client.start_when(server.started)
    ec.run(deadline=SOON)


@pytest.mark.parametrize("method", ["udp", "icmp", "tcp"])
def test_traceroute_finds_the_router(ec: ExperimentController, line: tuple[Handle, Handle], method: str) -> None:
    a, b = line
    app = ec.add("Traceroute", a, target=b, useIP=True, method=method, printTimestamp=True)
    ec.run(deadline=SOON)
    assert [probes[0].address for _, probes in app.result.hops] == ["10.0.0.2", "10.0.0.6"]
    assert app.result.reached
    assert app.result.at == pytest.approx(app.start_time.timestamp(), abs=SOON_S)
    assert app.measured() == [("hops", "-", "2, reached")]


def test_a_traceroute_goes_on_until_it_is_stopped(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    a, b = pair
    app = ec.add("Traceroute", a, target=b, useIP=True, continuous=True)
    app.stop_when(app.started + "3s")
    ec.run(deadline=SOON)
    assert len(app.result.runs) >= 2
    assert all(run.reached for run in app.result.runs)


def test_mtr_has_the_figures_of_every_router(ec: ExperimentController, line: tuple[Handle, Handle]) -> None:
    a, b = line
    app = ec.add("Mtr", a, target=b, reportCycles=2, interval="1s", patience="200ms")
    ec.run(deadline=SOON)
    assert [(hop.hop, hop.host, hop.sent, hop.loss) for hop in app.result.hops] == [(1, "10.0.0.2", 2, 0.0), (2, "10.0.0.6", 2, 0.0)]


def test_mtr_to_nowhere_fails_although_its_status_is_0(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    ec.add("Mtr", pair[0], target="no.such.host.invalid", reportCycles=1)
    with pytest.raises(ExperimentError, match="Failed to resolve host"):
        ec.run(deadline=SOON)


@pytest.mark.parametrize("kind", ["icmp", "tcp", "udp", "arp"])
def test_nping_counts_what_comes_back(ec: ExperimentController, pair: tuple[Handle, Handle], kind: str) -> None:
    a, b = pair
    values: dict[str, Any] = {kind: True}
    app = ec.add("NPing", a, target=b, c=2, delay="50ms", **values)
    ec.run(deadline=SOON)
    assert app.result.sent == 2
    assert sum(packet.sent for packet in app.result.packets) == 2
    assert len(app.result.packets) > 2


def test_irtt_measures_each_way(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    a, b = pair
    server = ec.add("IrttServer", b)
    client = ec.add("IrttClient", a, target=b, duration="200ms", interval="10ms", tos=16)
    run_after(ec, server, client)
    result = client.result
    assert result.complete
    assert 0 < result.packets_sent == len(result.round_trips) <= 20
    assert result.send_delay.mean_s + result.receive_delay.mean_s == pytest.approx(result.rtt.mean_s, rel=0.2)


def test_an_irtt_that_is_stopped_has_what_was_measured_so_far(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    a, b = pair
    server = ec.add("IrttServer", b)
    client = ec.add("IrttClient", a, target=b, duration="60s", interval="10ms")
    client.stop_when(client.started + "500ms")
    run_after(ec, server, client)
    assert client.result.complete
    assert 0 < client.result.packets_sent < 6000


def test_a_file_arrives_whole(ec: ExperimentController, pair: tuple[Handle, Handle], tmp_path: Path) -> None:
    a, b = pair
    data = bytes(range(256)) * 1000
    (tmp_path / "film").write_bytes(data)
    sender = ec.add("NetcatSender", a, target=b, file=str(tmp_path / "film"))
    receiver = ec.add("NetcatReceiver", b, source=sender)
    run_after(ec, receiver, sender)
    assert sender.result.sha256 == receiver.result.sha256 == hashlib.sha256(data).hexdigest()
    assert (sender.result.bytes, receiver.result.bytes) == (len(data), len(data))
    assert Path(receiver.trace("stdout", TraceAttr.PATH)).read_bytes() == data


def test_a_transfer_that_is_cut_off_is_a_failure_of_the_receiver(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    a, b = pair
    sender = ec.add("NetcatSender", a, target=b, bytes="50MB", name="sender")
    receiver = ec.add("NetcatReceiver", b, source=sender, critical=False)
    sender.stop_when(sender.started + "200ms")
    run_after(ec, receiver, sender)
    assert "of 50000000 bytes of sender came, with another digest" in receiver.failure


@pytest.mark.parametrize("program", ["python", "nginx"])
def test_a_file_is_fetched_over_http(ec: ExperimentController, pair: tuple[Handle, Handle], program: str) -> None:
    a, b = pair
    server = ec.add("HttpServer", b, program=program, bytes="100kB")
    client = ec.add("HttpClient", a, target=b, path="/data", count=3, save=True)
    run_after(ec, server, client)
    assert [(fetch.status, fetch.body_bytes, fetch.error) for fetch in client.result.fetches] == [(200, 100_000, "")] * 3
    assert [fetch.new_connection for fetch in client.result.fetches] == [True, False, False]
    assert (client.run_home / "body").read_bytes() == (server.run_home / "www" / "data").read_bytes()


def test_a_web_server_that_is_not_there_is_a_failure(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    client = ec.add("HttpClient", pair[0], target=pair[1], name="client")
    with pytest.raises(ExperimentError, match=r"(?s)client failed: .*Couldn't connect to server"):
        ec.run(deadline=SOON)
    assert client.result.fetches[0].status == 0


def test_a_name_server_knows_the_nodes_and_what_it_is_told(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    a, b = pair
    server = ec.add("DnsServer", b, records="www.test=10.9.9.9", ttl="60s")
    client = ec.add("DnsClient", a, target=b, names="a www.test none.test")
    run_after(ec, server, client)
    answers = [(one.name, one.status, [record.data for record in one.records]) for one in client.result.answers]
    assert answers[:2] == [("a", "NOERROR", ["10.0.0.1"]), ("www.test", "NOERROR", ["10.9.9.9"])]
    assert answers[2][1] in ("NXDOMAIN", "REFUSED")


def test_tcp_is_looked_at_while_it_runs_and_the_interval_may_change(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    a, b = pair
    info = ec.add("TcpInfo", a, interval="500ms", filter="dport = :5201")
    client, _ = ec.iperf3(a, b, duration="2s", congestion="cubic")
    info.set_when(client.started + "500ms", interval="20ms")
    info.stop_when(client.finished)
    ec.run(deadline=SOON)
    result = info.result
    assert result.moments > 10  # with the first interval it would be 5
    data = max(result.flows().values(), key=lambda samples: samples[-1].bytes_sent or 0)
    assert data[-1].congestion == "cubic"
    assert data[-1].bytes_acked > 1_000_000
    assert all(sample.cwnd_segments > 0 and sample.rtt_s > 0 for sample in data)
    assert [sample.at for sample in data] == sorted(sample.at for sample in data)


def test_a_film_is_shown_and_compared(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    a, b = pair
    sender = ec.add("VideoSender", a, target=b, duration="1s", size="160x120")
    receiver = ec.add("VideoReceiver", b, source=sender, size="160x120")
    receiver.stop_when(sender.finished + "2s")
    run_after(ec, receiver, sender)
    assert (sender.result.frames, sender.result.complete) == (25, True)
    # The last is not known to be whole; on a busy machine the decoder may be stopped before it comes to the end.
    assert 0 < receiver.result.frames <= 24
    assert receiver.result.errors == 0
    assert receiver.result.psnr_mean_db > 35
    assert [row[:2] for row in receiver.measured()] == [("pictures", "25 sent"), ("PSNR", "-")]


def test_a_udp_test_counts_packets(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    a, b = pair
    server = ec.add("UdpTest", b, s=True)
    client = ec.add("UdpTest", a, target=b, T=2, t=1, l=1000)
    run_after(ec, server, client)
    assert client.result.throughput_bps == pytest.approx(2e6, rel=0.1)
    assert client.result.packets == pytest.approx(250, rel=0.1)


def test_load_is_made_until_it_is_stopped(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    stress = ec.add("Stress", pair[0], cpu=1, cpuLoad=20)
    stress.stop_when(stress.started + "1s")
    ec.run(deadline=SOON)
    assert [row.kind for row in stress.result.rows] == ["cpu"]


def test_options_that_contradict_each_other_are_mistakes_of_the_plan(ec: ExperimentController, pair: tuple[Handle, Handle]) -> None:
    a, b = pair
    ec.add("NetcatSender", a, target=b)
    ec.add("Stress", a)
    ec.add("NetcatReceiver", b, source="b")
    with pytest.raises(PlanError) as caught:
        up(ec)
    assert [mistake.partition(": ")[2] for mistake in caught.value.mistakes] == [
        "nc: file, bytes: set one of them, to say what is sent",
        "stress-ng: cpu, memory, io: set one of them at least, to say what load",
        "attribute 'source': 'b' is no resource of the experiment; give it the NetcatSender",
    ]
