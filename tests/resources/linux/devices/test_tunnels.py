from __future__ import annotations

import pytest

from nepi import ExperimentController, Handle
from tests.resources.linux.devices.conftest import needs_kernel, reaches, sh, two_ends, two_hosts, up

pytestmark = pytest.mark.netns

Hosts = tuple[Handle, Handle]


@pytest.mark.parametrize("cipher", ["AES", "ChaCha20", "PLAIN"])
def test_a_tunnel_in_user_space_carries_frames(ec: ExperimentController, hosts: Hosts, cipher: str) -> None:
    ec.add("linux::UdpTunnel", *two_ends(ec, hosts), cipher=cipher)
    up(ec)
    assert reaches(ec, hosts[0], "10.99.0.2")


def test_a_vxlan_tunnel_carries_the_longest_frames_unbroken(ec: ExperimentController, hosts: Hosts) -> None:
    ends = two_ends(ec, hosts)
    ec.add("linux::VxlanTunnel", *ends)
    up(ec)
    assert reaches(ec, hosts[0], "10.99.0.2", "-Mdo", f"-s{1450 - 28}")
    assert not reaches(ec, hosts[0], "10.99.0.2", "-Mdo", f"-s{1451 - 28}")
    assert "nepi:" in sh(ec, hosts[0], f"ip link show dev {ec.get(ends[0], 'deviceName')}")


@needs_kernel("gre", "local 127.0.0.1 remote 127.0.0.2")
@pytest.mark.parametrize("rtype", ["linux::Tap", "linux::Tun"])
def test_a_gre_tunnel_carries_frames_and_packets(ec: ExperimentController, hosts: Hosts, rtype: str) -> None:
    ec.add("linux::GRETunnel", *two_ends(ec, hosts, rtype))
    up(ec)
    assert reaches(ec, hosts[0], "10.99.0.2")


@needs_kernel("wireguard")
def test_a_wireguard_tunnel_carries_packets(ec: ExperimentController, hosts: Hosts) -> None:
    ec.add("linux::WireGuard", *two_ends(ec, hosts, "linux::Tun"))
    up(ec)
    assert reaches(ec, hosts[0], "10.99.0.2")


@needs_kernel("gre", "local 127.0.0.1 remote 127.0.0.2")
def test_two_taps_are_the_ends_of_a_gre_tunnel_by_themselves(ec: ExperimentController, hosts: Hosts) -> None:
    up(ec)
    for number, (host, other) in enumerate((hosts, hosts[::-1]), 1):
        remote = ec.plan.node_addresses[other.guid][0]
        ec.add("linux::Tap", host, ip=f"10.99.0.{number}", prefix="24", greRemote=remote, greKey="9")
    up(ec)
    assert reaches(ec, hosts[0], "10.99.0.2", "-Mdo", f"-s{1458 - 28}")


@pytest.mark.parametrize(("rtype", "end", "mtu"), [("UdpTunnel", "Tun", 1428), ("UdpTunnel", "Tap", 1414), ("VxlanTunnel", "Tap", 1430)])
def test_tunnels_over_ipv6_and_what_fits_through_them(ec: ExperimentController, rtype: str, end: str, mtu: int) -> None:
    hosts = two_hosts(ec, networks="fd01::/64")
    ec.add(f"linux::{rtype}", *two_ends(ec, hosts, f"linux::{end}"))
    up(ec)
    assert reaches(ec, hosts[0], "10.99.0.2", "-Mdo", f"-s{mtu - 28}")
    assert not reaches(ec, hosts[0], "10.99.0.2", "-Mdo", f"-s{mtu - 27}")
