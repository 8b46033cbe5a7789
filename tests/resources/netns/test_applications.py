from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, ExperimentError, Handle, TraceAttr, trace_matches
from nepi.errors import BadValueError, PlanError
from tests.resources.netns.conftest import SOON, sh, up

pytestmark = pytest.mark.netns


def two(ec: ExperimentController, **values: Any) -> tuple[Handle, Handle]:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b, **values)
    return a, b


def test_a_ping_has_a_typed_result(ec: ExperimentController) -> None:
    a, b = two(ec)
    ping = ec.add("Ping", a, target=b, count=3, interval="10ms", name="ping")
    assert ping.measured() == []
    ec.run(deadline=SOON)
    result = ping.result
    assert (result.target, result.transmitted, result.received, result.loss, result.complete) == ("10.0.0.2", 3, 3, 0.0, True)
    assert [row[:2] for row in ping.measured()] == [("round-trip time", "no added delay"), ("loss there and back", "0%")]
    assert [reply.seq for reply in result.replies] == [1, 2, 3]


def test_a_ping_that_is_stopped_has_its_statistics(ec: ExperimentController) -> None:
    a, b = two(ec)
    ping = ec.add("Ping", a, target=b, interval="10ms")
    ping.stop_when(ping.started + "300ms")
    ec.run(deadline=SOON)
    assert ping.result.complete
    assert ping.stop_time is not None


def test_a_ping_without_answer_fails_and_says_how_many_came_back(ec: ExperimentController) -> None:
    a, b = two(ec, up=False)
    ping = ec.add("Ping", a, target=b, count=2, interval="10ms", deadline="1s", name="ping", critical=False)
    patient = ec.add("Ping", a, target=b, count=2, interval="10ms", deadline="1s", expectedStatus="0,1")
    ec.run(deadline=SOON)
    assert re.search(r"0 of \d+ packets were answered", ping.failure)
    assert ping.result.loss == patient.result.loss == 1.0
    assert patient.finish_time is not None


def test_a_target_may_be_a_name_an_application_or_an_address(ec: ExperimentController) -> None:
    a, b = two(ec)
    server = ec.add("Iperf3Server", b)
    pings = [ec.add("Ping", a, target=target, count=1) for target in ("b", server, b, "10.0.0.2", "b.ip6")]
    ec.run(deadline=SOON)
    assert [ping.result.address for ping in pings] == ["10.0.0.2"] * 4 + ["fd00::2"]


def test_options_that_a_tool_would_refuse_are_mistakes_of_the_plan(ec: ExperimentController) -> None:
    a, b = two(ec)
    with pytest.raises(BadValueError, match="'count'"):
        ec.add("Ping", a, target=b, count=0)
    ec.add("Ping", a, name="aimless")
    ec.add("Iperf3Client", a, target=b, reverse=True, bidir=True, name="both")
    with pytest.raises(PlanError) as caught:
        ec.deploy()
    assert [mistake.partition(": ")[2] for mistake in caught.value.mistakes] == [
        "ping: target: must be set",
        "iperf3: bidir: cannot be combined with reverse",
    ]


def test_an_iperf3_client_without_a_server_fails_although_its_status_is_0(ec: ExperimentController) -> None:
    a, b = two(ec)
    ec.add("Iperf3Client", a, target=b, name="client")
    with pytest.raises(ExperimentError, match=r"client failed: .*Connection refused"):
        ec.run(deadline=SOON)


def test_a_client_never_races_its_server(ec: ExperimentController) -> None:
    a, b = two(ec)
    for number in range(8):
        ec.iperf3(a, b, port=5201 + number, bytes="100kB")
    ec.run(deadline=SOON)


def test_an_iperf3_test_that_is_stopped_has_what_was_measured_so_far(ec: ExperimentController) -> None:
    a, b = two(ec, rate="10Mbit")
    client, _ = ec.iperf3(a, b, duration="60s", interval="200ms")
    client.stop_when(client.started + "1s")
    ec.run(deadline=SOON)
    assert not client.result.complete
    assert client.result.sent_bytes > 100_000


def test_a_server_with_json_has_the_tests_that_it_served(ec: ExperimentController) -> None:
    a, b = two(ec)
    server = ec.add("Iperf3Server", b, json=True)
    clients = [ec.add("Iperf3Client", a, target=b, bytes="100kB") for _ in range(2)]
    clients[0].start_when(server.started)
    clients[1].start_when(clients[0].finished)
    ec.run(deadline=SOON)
    assert [result.protocol for result in server.results] == ["TCP", "TCP"]


def test_tcpdump_has_every_packet_since_it_started(ec: ExperimentController) -> None:
    a, b = two(ec)
    dump = ec.add("Tcpdump", b, i="eth0", expression="icmp", name="dump")
    ping = ec.add("Ping", a, target=b, count=5, interval="10ms")
    ping.start_when(dump.started)
    ec.run(deadline=SOON)
    assert (dump.result.captured_packets, dump.result.dropped_packets, dump.result.complete) == (10, 0, True)
    assert dump.measured() == [("packets captured", "all", "10")]
    path = dump.trace("pcap", TraceAttr.PATH)
    assert Path(path).parent == Path(ec.run_dir) / "traces" / "dump"
    packets = Path(path).read_bytes()
    assert packets[:4] == b"\xd4\xc3\xb2\xa1"
    assert len(packets) == 24 + 10 * (16 + 98)


def test_tcpdump_prints_when_it_is_not_to_write(ec: ExperimentController) -> None:
    a, b = two(ec)
    dump = ec.add("Tcpdump", b, i="eth0", w=False, n=True, expression="icmp[icmptype] = icmp-echo", c=2)
    ping = ec.add("Ping", a, target=b, count=3, interval="10ms")
    ping.start_when(dump.started)
    ec.deploy()
    assert ec.wait_for(dump.finished, SOON)
    assert dump.trace().count("ICMP echo request") == 2


def test_tcpdump_on_an_interface_that_is_not_there_says_so(ec: ExperimentController) -> None:
    a, _ = two(ec)
    ec.add("Tcpdump", a, i="eth7", name="dump")
    ec.add("Application", a, command="sleep 600")
    with pytest.raises(ExperimentError, match=r"(?s)dump failed: .*eth7"):
        ec.run(deadline=SOON)


def test_an_application_that_is_started_again_adds_to_its_output(ec: ExperimentController) -> None:
    a = ec.add("Node")
    app = ec.add("Application", a, command="echo again; exec sleep 600")
    up(ec)
    assert ec.wait_for(trace_matches(app, "again"), SOON)
    app.stop()
    assert ec.wait_for(app.stopped, SOON)
    app.start()
    sh(ec, a, f"while [ $(wc -l < {app.trace('stdout', TraceAttr.PATH)}) -lt 2 ]; do sleep 0.02; done")
    assert app.trace() == "again\nagain\n"


def test_an_application_without_a_command_stops_at_once(ec: ExperimentController) -> None:
    app = ec.add("Application", ec.add("Node"))
    ec.run(deadline=SOON)
    assert app.stop_time is not None
    assert app.start_time is None
