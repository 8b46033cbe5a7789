"""Every application of the library runs on hosts as it does on namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.lab import Lab
from tests.resources.controllers import MakeController
from tests.resources.linux.conftest import add_host

pytestmark = [pytest.mark.root, pytest.mark.netns]


def pair(
    ec: ExperimentController, a: Handle, b: Handle, server: str, client: str, *, of_server: Any = None, of_client: Any = None
) -> Handle:
    first = ec.add(server, b, attributes=of_server)
    second = ec.add(client, a, target=b, attributes=of_client)
    second.start_when(first.started)
    return second


def test_tools_measure_between_hosts_and_their_results_are_read(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    a, b = add_host(ec, lab, "h1"), add_host(ec, lab, "h2")
    iperf3 = pair(ec, a, b, "Iperf3Server", "Iperf3Client", of_client={"duration": "1s"})
    http = pair(ec, a, b, "HttpServer", "HttpClient", of_server={"bytes": 1000}, of_client={"path": "/data"})
    irtt = pair(ec, a, b, "IrttServer", "IrttClient", of_client={"duration": "500ms"})
    dns = pair(ec, a, b, "DnsServer", "DnsClient", of_server={"records": "www.test=192.0.2.1"}, of_client={"names": "www.test"})
    ping = ec.add("Ping", a, target=b, count=2, interval="200ms")
    ways = [ec.add("Traceroute", a, target=b), ec.add("Mtr", a, target=b, reportCycles=1)]
    nping = ec.add("NPing", a, target=b, c=1)
    nping.start_when(ping.finished & ways[0].finished & ways[1].finished)  # it counts replies to others, too
    stress = ec.add("Stress", a, duration="1s", cpu=1)
    watch = ec.add("TcpInfo", a)
    ec.run(deadline="60s")
    assert iperf3.result.throughput_bps > 1e6
    assert [fetch.body_bytes for fetch in http.result.fetches] == [1000]
    assert irtt.result.packets_received > 0
    assert dns.result.answers[0].records[0].data == "192.0.2.1"
    assert (ping.result.received, nping.result.received) == (2, 1)
    assert [len(way.result.hops) for way in ways] == [1, 1]
    assert stress.result.rows[0].operations > 0
    assert watch.result.moments > 0


def test_a_film_is_compared_with_what_was_sent(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    a, b = add_host(ec, lab, "h1"), add_host(ec, lab, "h2")
    receiver = ec.add("VideoReceiver", b)
    sender = ec.add("VideoSender", a, target=b, duration="1s")
    sender.start_when(receiver.started)
    ec.run(deadline="60s")
    assert sender.result.complete
    assert receiver.result.frames > 0
    assert receiver.result.psnr_mean_db > 25
