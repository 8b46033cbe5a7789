"""Mistakes in descriptions of devices and tunnels, found before anything is made."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.errors import PlanError, ResourceError
from nepi.resources.linux.tunnel import both

ENDS = ("linux::Tap", "linux::Tap")


def mistakes(tmp_path: Path, rtype: str, ends: tuple[str, ...] = (), **values: Any) -> str:
    """What the plan says of a description with one device, or tunnel, on namespaces."""
    ec = ExperimentController("x", tmp_path, backend="netns")
    nodes = [ec.add("Node"), ec.add("Node")]
    peers = [ec.add(end, node) for end, node in zip(ends, nodes, strict=False)] or nodes[:1]
    ec.add(rtype, *peers, **values)
    try:
        ec.check()
    except PlanError as error:
        return str(error)
    else:
        pytest.fail("nothing was found")
    finally:
        ec.shutdown()


@pytest.mark.parametrize(
    ("rtype", "ends", "values", "said"),
    [
        ("linux::UdpTunnel", ENDS, {"cipher": "DES"}, "protects nothing any more"),
        ("linux::UdpTunnel", ENDS, {"cipher": "PLAIN", "cipherKey": "x"}, "leave one of them out"),
        ("linux::UdpTunnel", ENDS[:1], {}, "exactly two of linux::Tap"),
        ("linux::GRETunnel", ("linux::Tap", "linux::Tun"), {}, "do not go together"),
        ("linux::VxlanTunnel", ("linux::Tun", "linux::Tun"), {}, "connect two Taps"),
        ("linux::WireGuard", ENDS, {}, "connect two Tuns"),
        ("linux::Tap", (), {"ip": "10.0.0.0", "prefix": "24"}, "the network's own address"),
        ("linux::Tap", (), {"prefix": "24"}, "prefix is set, and ip is not"),
        ("linux::Tap", (), {"deviceName": "much too long a name"}, "name of an interface"),
        ("linux::Tap", (), {"queue": 5}, "queue needs a rate"),
        ("linux::Tap", (), {"jitterBack": "1ms"}, "of arriving packets (Back): jitter needs a delay"),
        ("linux::Tap", (), {"shapedNetworks": "10.0.0.0/8"}, "nothing says how these are shaped"),
        ("linux::Tap", (), {"shapedNetworks": "10.0.0.1/8", "rate": "1Mbit"}, "is no network"),
        ("linux::Interface", (), {}, "which interface is meant?"),
        ("linux::Interface", (), {"kind": "dummy", "ip4": "10.0.0.1", "mask4": "255.0.255.0"}, "is no netmask"),
        ("linux::Route", (), {"network": "10.0.0.0", "prefix": "8"}, "without nexthop"),
        ("linux::Route", (), {"nexthop": "10.0.0.1"}, "network is not set"),
        ("linux::OVSSwitch", (), {"controller_ip": "10.0.0.1", "controller_port": "70000"}, "is no port"),
        ("linux::OVSSwitch", (), {"datapath_id": "xyz"}, "no hexadecimal number"),
    ],
)
def test_a_mistake_is_found_and_said(tmp_path: Path, rtype: str, ends: tuple[str, ...], values: dict[str, Any], said: str) -> None:
    assert said in mistakes(tmp_path, rtype, ends, **values)


def test_the_other_end_of_a_tunnel_is_not_made_after_that_has_failed() -> None:
    async def scenario() -> None:
        failed = asyncio.Event()
        made: list[str] = []

        async def fail() -> None:
            failed.set()
            raise ResourceError("this end cannot be made")

        async def make() -> None:
            await failed.wait()
            await asyncio.sleep(0)
            made.append("the other end")

        with pytest.raises(ResourceError, match="this end"):
            await both([fail(), make()])
        assert made == ["the other end"]

    asyncio.run(scenario())
