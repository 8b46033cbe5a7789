from __future__ import annotations

from pathlib import Path

import pytest

from nepi import ExperimentController, Handle
from nepi.errors import ResourceError
from nepi.execution.ledger import Ledger
from tests.resources.linux.devices.conftest import SOON, kernel_has, links_of, needs_kernel, reaches, sh, two_ends, up

pytestmark = pytest.mark.netns

Hosts = tuple[Handle, Handle]


def wire_bps(ec: ExperimentController, hosts: Hosts, target: str, length: int = 1400, port: int = 5201) -> float:
    """The rate of frames with which UDP from the first host to the second arrives."""
    server = ec.add("Iperf3Server", hosts[1], port=port)
    client = ec.add("Iperf3Client", hosts[0], target=target, udp=True, rate="20Mbit", duration="2s", length=f"{length}B", port=port)
    client.start_when(server.started)
    ec.deploy()
    result = ec.wait_finished(client, SOON)
    assert result, result.reason
    return float(client.result.throughput_bps) * (length + 42) / length


def address_of(ec: ExperimentController, host: Handle) -> str:
    return ec.plan.node_addresses[host.guid][0]


def test_a_tap_is_there_with_its_address_and_gone_after_its_release(ec: ExperimentController, hosts: Hosts) -> None:
    tap = ec.add("linux::Tap", hosts[0], ip="10.7.0.1", prefix="255.255.255.0", mtu=1300, txqueuelen=77, deviceName="mine")
    up(ec)
    shown = sh(ec, hosts[0], "ip address show dev mine")
    assert "mtu 1300" in shown
    assert "qlen 77" in shown
    assert "inet 10.7.0.1/24" in shown
    with Ledger(Path(ec.run_dir) / "ledger.sqlite") as ledger:
        (row,) = [row for row in ledger.rows() if row.kind == "host-interface"]
    assert (row.state, row.identity["ifname"], row.owner) == ("made", "mine", tap.guid)
    ec.release([tap])
    assert "mine" not in links_of(ec, hosts[0])


def test_a_device_of_a_name_that_is_taken_is_refused_and_the_other_one_stays(ec: ExperimentController, hosts: Hosts) -> None:
    up(ec)
    sh(ec, hosts[0], "ip tuntap add dev mine mode tap")
    tap = ec.add("linux::Tap", hosts[0], deviceName="mine", critical=False)
    ec.deploy()
    ec.wait_deployed([tap], SOON)
    assert "mine" in ec.resource(tap.guid).failure
    ec.release([tap])
    assert "mine" in links_of(ec, hosts[0])


@pytest.mark.parametrize("named", ["&& ip link set mine alias theirs", ""], ids=["with another alias", "without one"])
def test_an_interface_that_somebody_else_made_anew_stays(ec: ExperimentController, hosts: Hosts, named: str) -> None:
    tap = ec.add("linux::Tap", hosts[0], deviceName="mine")
    up(ec)
    sh(ec, hosts[0], f"ip link del mine && ip tuntap add dev mine mode tap {named}")
    ec.release([tap])
    assert "mine" in links_of(ec, hosts[0])


def test_an_interface_of_the_host_is_as_it_was_after_the_release(ec: ExperimentController, hosts: Hosts) -> None:
    up(ec)
    command = "ip -o address show dev eth0; ip -o link show dev eth0; tc qdisc show dev eth0"
    before = sh(ec, hosts[0], command)
    interface = ec.add("linux::Interface", hosts[0], deviceName="eth0", ip4="10.8.0.1", mask4="24", mtu=1400, txqueuelen=55, rate="5Mbit")
    up(ec)
    assert "10.8.0.1/24" in sh(ec, hosts[0], command)
    assert "mtu 1400" in sh(ec, hosts[0], command)
    assert "rate 5Mbit" in sh(ec, hosts[0], command)
    ec.release([interface])
    assert sh(ec, hosts[0], command) == before


def test_an_interface_is_found_by_its_address(ec: ExperimentController, hosts: Hosts) -> None:
    up(ec)
    interface = ec.add("linux::Interface", hosts[0], ip4=address_of(ec, hosts[0]))
    up(ec)
    assert ec.get(interface, "deviceName") == "eth0"


def test_an_interface_that_is_not_there_is_named_with_those_that_are(ec: ExperimentController, hosts: Hosts) -> None:
    up(ec)
    interface = ec.add("linux::Interface", hosts[0], deviceName="eth7", critical=False)
    ec.deploy()
    ec.wait_deployed([interface], SOON)
    assert "it has lo, eth0" in ec.resource(interface.guid).failure


@pytest.mark.parametrize("kind", ["bridge", pytest.param("dummy", marks=needs_kernel("dummy"))])
def test_a_new_interface_of_a_kind(ec: ExperimentController, hosts: Hosts, kind: str) -> None:
    interface = ec.add("linux::Interface", hosts[0], kind=kind, ip4="10.6.0.1", mask4="255.255.0.0")
    up(ec)
    name = ec.get(interface, "deviceName")
    assert "inet 10.6.0.1/16" in sh(ec, hosts[0], f"ip address show dev {name}")
    ec.release([interface])
    assert name not in links_of(ec, hosts[0])


def test_a_rate_holds_and_can_be_changed(ec: ExperimentController, hosts: Hosts) -> None:
    up(ec)
    interface = ec.add("linux::Interface", hosts[0], deviceName="eth0", rate="3Mbit")
    up(ec)
    assert wire_bps(ec, hosts, address_of(ec, hosts[1])) == pytest.approx(3e6, rel=0.1)
    ec.set(interface, "rate", "6Mbit")
    assert "rate 6Mbit" in sh(ec, hosts[0], "tc qdisc show dev eth0")
    ec.set(interface, "rate", None)
    assert "tbf" not in sh(ec, hosts[0], "tc qdisc show dev eth0")


def test_only_the_networks_that_are_named_are_shaped(ec: ExperimentController, hosts: Hosts) -> None:
    up(ec)
    ec.add("linux::Interface", hosts[1], deviceName="eth0", ip4="10.55.0.2", mask4="24")
    chosen = "10.55.0.0/24 fd55::/64"
    ec.add("linux::Interface", hosts[0], deviceName="eth0", ip4="10.55.0.1", mask4="24", rate="3Mbit", shapedNetworks=chosen)
    up(ec)
    assert wire_bps(ec, hosts, "10.55.0.2") == pytest.approx(3e6, rel=0.1)
    assert wire_bps(ec, hosts, address_of(ec, hosts[1]), port=5202) > 15e6


@pytest.mark.skipif(not kernel_has("ifb"), reason="needs ifb")
def test_what_arrives_is_shaped_on_its_way_in(ec: ExperimentController, hosts: Hosts) -> None:
    up(ec)
    interface = ec.add("linux::Interface", hosts[1], deviceName="eth0", rateBack="3Mbit")
    up(ec)
    assert wire_bps(ec, hosts, address_of(ec, hosts[1])) == pytest.approx(3e6, rel=0.1)
    ec.release([interface])
    assert sh(ec, hosts[1], "tc qdisc show dev eth0") == sh(ec, hosts[0], "tc qdisc show dev eth0")
    assert links_of(ec, hosts[1]) == {"lo", "eth0"}


def test_netem_delays_or_the_error_names_what_the_kernel_lacks(ec: ExperimentController, hosts: Hosts) -> None:
    up(ec)
    interface = ec.add("linux::Interface", hosts[0], deviceName="eth0", delay="30ms", critical=False)
    ec.deploy()
    ec.wait_deployed([interface], SOON)
    failure = ec.resource(interface.guid).failure
    if failure:
        assert "its kernel has no netem" in failure.lower()
        assert "netem" not in sh(ec, hosts[0], "tc qdisc show dev eth0")
    else:
        assert "delay 30ms" in sh(ec, hosts[0], "tc qdisc show dev eth0")
        assert reaches(ec, hosts[0], address_of(ec, hosts[1]))


def test_what_cannot_go_together_is_refused_later_too(ec: ExperimentController, hosts: Hosts) -> None:
    tap = ec.add("linux::Tap", hosts[0], rate="1Mbit", queue=10)
    up(ec)
    with pytest.raises(ResourceError, match="queue needs a rate"):
        ec.set(tap, "rate", None)
    assert ec.get(tap, "rate") == 1e6


def test_a_route_over_a_tunnel_waits_for_it_and_goes_with_its_release(ec: ExperimentController, hosts: Hosts) -> None:
    ends = two_ends(ec, hosts)
    sides = [ec.add("linux::Route", end, network="10.200.0.0", prefix="16", nexthop=f"10.99.0.{3 - n}") for n, end in enumerate(ends, 1)]
    ec.add("linux::VxlanTunnel", *ends)
    up(ec)
    assert "10.200.0.0/16 via 10.99.0.2" in sh(ec, hosts[0], "ip route")
    ec.release(sides)
    assert "10.200" not in sh(ec, hosts[0], "ip route")


def test_routes_of_ipv6_over_a_tun_need_no_next_hop(ec: ExperimentController, hosts: Hosts) -> None:
    tun = ec.add("linux::Tun", hosts[0], ip="fd99::1", prefix="64")
    routes = [ec.add("linux::Route", tun, network=network, prefix=prefix) for network, prefix in (("fd98::", "48"), ("::", None))]
    up(ec)
    shown = sh(ec, hosts[0], "ip -6 route")
    assert ("fd98::/48 dev" in shown, "default dev" in shown) == (True, True)
    ec.release(routes)
    assert "fd98" not in sh(ec, hosts[0], "ip -6 route")


def test_its_tear_down_command_is_run_while_it_is_there_still(ec: ExperimentController, hosts: Hosts, tmp_path: Path) -> None:
    tap = ec.add("linux::Tap", hosts[0], deviceName="mine", tearDown=f"ip -o link show dev mine > {tmp_path}/seen")
    up(ec)
    ec.release([tap])
    assert "mine" in (tmp_path / "seen").read_text()
