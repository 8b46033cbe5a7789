"""LTE of the high level: what the plan refuses, and one experiment with phones that move between cells, run twice."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.errors import PlanError
from nepi.resources.ns3.high.cells import CellRow


def network(folder: Path, phones: int = 2, gateways: int = 1, **attributes: Any) -> ExperimentController:
    """Return an experiment of phones and gateways on one network."""
    ec = ExperimentController("lte", folder, backend="ns3")
    lte = ec.add("LteNetwork", name="lte", **attributes)
    for number in range(phones + gateways):
        node = ec.add("Node", name=f"node{number}")
        ec.add("Station", node, lte, accessPoint=number < gateways)
    return ec


@pytest.mark.parametrize(
    ("attributes", "mistake"),
    [
        ({"gateways": 0}, "an LTE network has one gateway, a station that is an accessPoint; here are 0"),
        ({"gateways": 2}, "here are 2"),
        ({"cells": "here"}, "'here' is no place"),
        ({"handover": "A2A4"}, "handover needs more than one cell"),
        ({"pathloss": "Friis", "exponent": 3.5}, "exponent is one of pathloss LogDistance"),
        ({"phones": 281}, "at most 280 phones, not 281"),
    ],
)
def test_the_plan_refuses_what_lte_cannot_be(tmp_path: Path, attributes: dict[str, Any], mistake: str) -> None:
    with network(tmp_path, **attributes) as ec, pytest.raises(PlanError) as caught:
        ec.check()
    assert mistake in str(caught.value)


def test_phones_and_gateway_are_in_one_network_of_the_plan(tmp_path: Path) -> None:
    with network(tmp_path, networks="10.0.3.0/24") as ec:
        plan = ec.check()
    assert [plan.node_addresses[ec.resource(f"node{number}").guid] for number in range(3)] == [
        ("10.0.3.1",),
        ("10.0.3.2",),
        ("10.0.3.3",),
    ]


def driving(folder: Path, run_id: str) -> ExperimentController:
    """Run a phone that drives from one cell to the other while it downloads, and one that stays."""
    ec = ExperimentController("driving", folder, backend="ns3", seed=3, run_id=run_id)
    server, gateway = ec.add("Node", name="server"), ec.add("Node", name="gateway")
    lte = ec.add("LteNetwork", name="lte", cells="0,0 800,0", handover="A3RSRP")
    ec.add("Station", gateway, lte, accessPoint=True)
    ec.add("Link", gateway, server, rate="1Gbit", delay="5ms", networks="10.9.0.0/24 fd09::/64")
    car, still = ec.add("Node", name="car", x=300.0, speedX=50.0), ec.add("Node", name="still", x=50.0)
    for phone in (car, still):
        ec.add("Station", phone, lte)
    ec.add("Recording", name="recording")
    ways = {"outwards": (car, gateway), "across": (car, still), "inwards": (server, car)}
    for name, (source, target) in ways.items():
        ec.add("Ping", source, name=name, target=target, count=3, interval="100ms")
    ec.add("Ping", still, name="six", target="fd09::2", count=3, interval="100ms", ipv6=True)
    last = ec.add("Iperf3Server", server).started + "100ms"
    for name, phone, options in (
        ("down", car, {"duration": "5s", "reverse": True}),
        ("up", still, {"duration": "1s"}),
        ("udp", still, {"duration": "1s", "udp": True, "rate": "5Mbit", "reverse": True}),
    ):
        client = ec.add("Iperf3Client", phone, name=name, target=server, **options)
        client.start_when(last)
        last = client.finished + "500ms"
    try:
        ec.run()
    finally:
        ec.shutdown()
    return ec


def digests(ec: ExperimentController) -> dict[str, str]:
    """Return a digest of each trace."""
    root = Path(ec.run_dir) / "traces"
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(root.rglob("*")) if path.is_file()
    }


@pytest.mark.ns3
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_phones_download_while_they_change_their_cell_and_twice_the_same(tmp_path: Path) -> None:
    first = driving(tmp_path, "first")
    managers: dict[str, Any] = {
        name: first.resource(name) for name in ("outwards", "across", "inwards", "six", "down", "up", "udp", "lte", "recording")
    }
    result = {name: one.result for name, one in managers.items()}
    # What is sent before the phones have found their cells is lost; what follows takes a turn of scheduling each way.
    assert [result[name].received for name in ("outwards", "across", "inwards", "six")] == [2, 2, 2, 2]
    assert 0.010 < result["outwards"].rtt_avg_s < 0.025
    assert result["outwards"].rtt_avg_s + 0.008 < result["inwards"].rtt_avg_s < 0.035
    assert result["outwards"].rtt_avg_s + 0.008 < result["across"].rtt_avg_s < 0.060
    # 25 blocks carry about 18 Mbit/s; the phone in the car has less between the cells.
    assert 7e6 < result["down"].throughput_bps < 18e6
    assert 12e6 < result["up"].throughput_bps < 19e6
    assert (result["udp"].loss, round(result["udp"].throughput_bps / 1e5)) == (0.0, 50)
    rows = result["lte"]
    assert [(row.node, row.event, row.cell) for row in rows] == [
        ("car", "connected", 1),
        ("still", "connected", 1),
        ("car", "handover", 2),
    ]
    assert isinstance(rows[0], CellRow)
    assert rows[0].at_s < 0.05
    assert 2.0 < rows[2].at_s < 6.0
    # The flows are those of the experiment's nodes: none of the core's own.
    nodes = {address for node in ("car", "still", "server") for address in first.plan.node_addresses[first.resource(node).guid]}
    assert {address for row in result["recording"] for address in (row.source, row.destination)} <= nodes

    second = driving(tmp_path, "second")
    assert digests(first) == digests(second)
