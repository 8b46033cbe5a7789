"""What the plan says of hybrid links and stations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.errors import PlanError, ResourceError
from nepi.hosts.ns3.taps import tap_on
from nepi.model.commands import Completed, Exit
from nepi.model.experiment import ResourceDescription
from nepi.plan.result import InterfacePlan, RoutePlan
from nepi.resources.hybrid.checks import check_ends, check_place, check_station, inserted
from nepi.resources.hybrid.facts import missing_tun
from nepi.resources.hybrid.host_end import without_default


def one(rtype: str, name: str, **attributes: Any) -> ResourceDescription:
    return ResourceDescription(len(name), rtype, name, attributes)


A, ROUTER, HOST = one("netns::Node", "a"), one("ns3::Node", "router"), one("linux::Node", "h1")
LINK = one("hybrid::Link", "link")


@pytest.mark.parametrize(
    ("ends", "mistakes"),
    [
        ((A, ROUTER), []),
        ((one("ns3::Switch", "sw"), HOST), []),
        ((A,), []),
        ((A, HOST), ["joins a simulated node or switch with a netns::Node or a linux::Node, not a (netns::Node) and h1 (linux::Node)"]),
        ((ROUTER, one("dummy::Node", "d")), ["joins a simulated node or switch with a netns::Node or a linux::Node, not"]),
    ],
)
def test_a_hybrid_link_wants_one_end_in_a_simulation_and_one_outside(ends: Sequence[ResourceDescription], mistakes: list[str]) -> None:
    found = list(check_ends(ends))
    assert len(found) == len(mistakes)
    assert all(text.startswith(start) for text, start in zip(found, mistakes, strict=True))


def test_a_machine_without_a_tun_device_is_told_what_to_do_when_it_is_planned(tmp_path: Path) -> None:
    trouble = missing_tun(str(tmp_path / "tun"))
    assert trouble.startswith(f"{tmp_path}/tun cannot be opened (No such file or directory): the simulation's end of a namespace is a tap")
    assert list(check_place([A, ROUTER], {"no_tun": trouble})) == [f"cannot be made: {trouble}"]
    assert list(check_place([HOST, ROUTER], {"no_tun": trouble})) == []


def test_a_namespace_of_another_machine_is_refused_with_a_way_out() -> None:
    (mistake,) = check_place([one("netns::Node", "far", host="h1"), ROUTER], {})
    assert mistake.startswith("joins far, a namespace on h1, and the simulation runs here: join the simulation with h1 itself")


@pytest.mark.parametrize(
    ("medium", "attributes", "mistake"),
    [
        ("ns3::WifiNetwork", {"accessPoint": True}, ""),
        ("ns3::CsmaNetwork", {}, ""),
        ("ns3::CsmaNetwork", {"accessPoint": True}, "is an accessPoint, and there are none on a CsmaNetwork"),
        ("ns3::LteNetwork", {}, "cannot be on medium: a phone of LTE has no MAC address"),
        ("ns3::Switch", {}, "is on a ns3::WifiNetwork or a ns3::CsmaNetwork, not on medium, a ns3::Switch"),
    ],
)
def test_a_station_of_a_namespace_is_on_wifi_or_a_wire(medium: str, attributes: dict[str, Any], mistake: str) -> None:
    found = list(check_station(one("hybrid::Station", "s", **attributes), [A, one(medium, "medium")], {}))
    assert (len(found), "".join(found).startswith(mistake)) == (bool(mistake), True)


def test_the_plan_says_what_is_inserted(tmp_path: Path) -> None:
    assert list(inserted(LINK, [A, ROUTER])) == [
        "a tap in a, whose frames the simulation reads and writes",
        "the simulation follows the real time",
    ]
    assert list(inserted(LINK, [ROUTER, HOST]))[0].startswith("a tap on h1 (needs root there), and a UDP tunnel, not encrypted")


def test_a_hybrid_link_between_two_namespaces_is_a_mistake(tmp_path: Path) -> None:
    with ExperimentController("wrong", tmp_path, backend="netns") as ec:
        ec.add("hybrid::Link", ec.add("Node", name="a"), ec.add("Node", name="b"))
        with pytest.raises(PlanError, match=r"joins a simulated node or switch with .* not a \(netns::Node\) and b"):
            ec.deploy()


def test_a_host_gets_no_default_route_into_an_experiment() -> None:
    def end(node: int, address: str) -> InterfacePlan:
        return InterfacePlan(node, node, "eth0", "", (address,))

    interfaces = {
        1: (end(1, "10.0.0.1/30"), end(2, "10.0.0.2/30")),
        2: (end(2, "10.0.1.1/24"), end(3, "10.0.1.2/24")),
        3: (end(3, "10.0.2.1/24"), end(4, "10.0.2.2/24")),
        4: (end(3, "fd00::1/64"), end(4, "fd00::2/64")),
    }
    default, other = RoutePlan("10.0.0.2", "10.0.0.1/30", ("0.0.0.0/0",)), RoutePlan("10.0.0.2", "10.0.0.1/30", ("10.0.2.0/24",))
    assert list(without_default([default], interfaces, 1)) == [(default, ["10.0.1.0/24", "10.0.2.0/24"])]
    assert list(without_default([other, default], interfaces, 1)) == [(other, ["10.0.2.0/24"]), (default, ["10.0.1.0/24"])]


class WithoutTun:
    """A host whose /dev/net is empty."""

    name = "bare"

    async def run(self, argv: Sequence[str], **_: Any) -> Completed:
        """Run a command in a mount namespace of its own."""
        hidden = ["unshare", "--mount", "--map-root-user", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh"]
        process = await asyncio.create_subprocess_exec(*hidden, *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, err = await process.communicate()
        return Completed(tuple(argv), Exit(process.returncode, 0.0, 0.0), out, err)


@pytest.mark.netns
def test_a_namespace_without_a_tun_device_says_so_when_its_tap_is_opened() -> None:
    async def open_it() -> None:
        async with tap_on(WithoutTun(), "eth0", mac="02:00:00:00:00:01", mtu_bytes=1500):  # type: ignore[arg-type]
            raise AssertionError("there is a tap")

    # The error is what the opener really says where there is no device.
    with pytest.raises(ResourceError, match=r"no tap could be opened on bare: .*'/dev/net/tun'.*modprobe tun"):
        asyncio.run(open_it())
