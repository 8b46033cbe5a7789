"""Everything of ns-3 that can be a network, side by side in one simulation; then what changes how it carries packets, in another."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepi import ExperimentController
from tests.resources.ns3.technologies import ECHOES, Side, rows

pytestmark = pytest.mark.ns3
DEADLINE = "300s"


def test_packets_get_through_every_technology_and_are_answered(tmp_path: Path) -> None:
    with ExperimentController("technologies", backend="ns3", local_dir=str(tmp_path)) as ec:
        side = Side(ec, ec.add("Simulation", StopTime="9s"))
        side.bridged("BridgeNetDevice", 1)
        side.bridged("OpenFlowSwitchNetDevice", 2)
        disc = side.bus(3)
        side.simple(4)
        yans = side.wifi("YansWifiPhy", "YansWifiPhy", "YansWifiChannel", 1)
        side.wifi("SpectrumWifiPhy", "SpectrumWifiPhy", "MultiModelSpectrumChannel", 2)
        side.mesh("Dot11sStack", "Dot11sStack", 3)
        side.mesh("FlameStack", "FlameStack", 4)
        radios = side.low_power("LrWpanNetDevice", "SingleModelSpectrumChannel", 11)
        side.low_power("LrWpanNetDevice-of-more", "MultiModelSpectrumChannel", 12)
        side.metropolitan("WimaxNetDevice", "BE")
        side.cellular()
        disc.enable_trace("Enqueue")
        for device in (yans[0], radios[0]):
            device.enable_trace("pcap")
        ec.run(deadline=DEADLINE)
        assert side.counts() == dict.fromkeys(side.expected, (ECHOES, ECHOES))
        assert rows(disc, "Enqueue") > ECHOES
        sizes = [ec.trace_path(device.guid, "pcap").stat().st_size for device in (yans[0], radios[0])]
        assert all(size > 500 for size in sizes), sizes


def test_routing_batteries_leases_and_packets_without_ip_do_what_they_are_for(tmp_path: Path) -> None:
    with ExperimentController("features", backend="ns3", local_dir=str(tmp_path)) as ec:
        simulation = ec.add("Simulation", StopTime="100s")
        side = Side(ec, simulation)
        side.underwater()
        for number, protocol in enumerate(("olsr::RoutingProtocol", "aodv::RoutingProtocol", "dsdv::RoutingProtocol", "dsr::DsrRouting")):
            side.routed(f"ns3::{protocol}", number)
        side.wired_routed("Rip", 1)
        side.wired_routed("Ipv4NixVectorRouting", 3)
        server = side.packets()
        side.leased()
        side.advertised()
        charge = side.battery()
        moved = side.placed()
        page = side.pages()
        flows = ec.add("FlowMonitor", simulation)
        flows.enable_trace("flows")
        ec.run(deadline=DEADLINE)
        assert side.counts() == dict.fromkeys(side.expected, (ECHOES, ECHOES))
        assert rows(server, "Rx") == 5
        assert "10.8.0.10" in (side.lease.trace("NewLease") or "")
        assert rows(charge, "RemainingEnergy") > 5
        assert [rows(one, "CourseChange") > 0 for one in moved] == [True] * len(moved)
        assert rows(page, "RxPage") > 0
        assert (flows.trace("flows") or "").count("<Flow ") > 20
