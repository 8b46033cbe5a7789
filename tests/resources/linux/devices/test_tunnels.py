from __future__ import annotations

import pytest

from nepi import ExperimentController, Handle
from tests.resources.linux.devices.conftest import needs_kernel, reaches, sh, two_ends, up

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
