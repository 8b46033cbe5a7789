"""Routing daemons on namespace nodes."""

from __future__ import annotations

import pytest

from nepi import ExperimentController, ExperimentError, Handle
from tests.resources.netns.conftest import SOON, reaches, sh, up

pytestmark = pytest.mark.netns


def ring(ec: ExperimentController, kind: str) -> tuple[list[Handle], list[Handle]]:
    """Four routers in a ring, each with a daemon; returns the links and the daemons."""
    routers = [ec.add("Node", name=f"r{number}") for number in range(4)]
    links = [ec.add("Link", router, routers[(number + 1) % 4]) for number, router in enumerate(routers)]
    return links, [ec.add(kind, router, name=f"daemon-{router.name}") for router in routers]


def reroutes(ec: ExperimentController, kind: str) -> None:
    links, daemons = ring(ec, kind)
    up(ec)
    # STARTED means that all ways are known.
    assert all(reaches(ec, "r0", f"r{number}") for number in (1, 2, 3))
    far = "10.0.0.6"  # r2, on its link to r1
    sh(ec, "r0", f"until ip route get {far} | grep -q 'dev eth0'; do sleep 0.05; done")  # the shortest one comes last
    links[0].set(up=False)
    sh(ec, "r0", f"until ip route get {far} 2>/dev/null | grep -q 'dev eth1'; do sleep 0.05; done")
    assert reaches(ec, "r0", far)
    lost = [one for one in daemons[0].result.changes if one.before == "Full"]
    assert [(one.interface, one.after) for one in lost] == [("eth0", "Down")]
    assert daemons[0].measured()[0][:2] == ("OSPF neighbours", "2")


def test_bird_finds_another_way_when_a_link_of_a_ring_is_cut(ec: ExperimentController) -> None:
    reroutes(ec, "Bird")


@pytest.mark.root
def test_frr_finds_another_way_when_a_link_of_a_ring_is_cut(ec: ExperimentController) -> None:
    reroutes(ec, "Frr")


@pytest.mark.root
def test_frr_leaves_the_machine_s_own_folders_alone_and_speaks_with_vtysh(ec: ExperimentController) -> None:
    _, daemons = ring(ec, "Frr")
    before = sh(ec, up_node(ec), "ls -A /etc/frr /run/frr")
    up(ec)
    assert sh(ec, "r0", "ls -A /etc/frr /run/frr") == before
    said = sh(ec, "r0", f"cd {daemons[0].run_home} && vtysh --vty_socket frr -c 'show ip ospf neighbor'")
    assert said.count("Full/") == 2


def up_node(ec: ExperimentController) -> Handle:
    """Return a node that is up beside the ring."""
    node = ec.add("Node", name="beside")
    ec.deploy([node])
    assert ec.wait_started(node, SOON)
    return node


def test_routers_on_one_switch_find_each_other(ec: ExperimentController) -> None:
    switch = ec.add("Switch")
    routers = [ec.add("Node", name=f"r{number}") for number in range(3)]
    for router in routers:
        ec.add("Link", router, switch)
        ec.add("Link", router, ec.add("Node", name=f"host-{router.name}"))
    for router in routers:
        ec.add("Bird", router)
    up(ec)
    assert len(sh(ec, "r0", "ip route show proto bird").splitlines()) >= 2
    assert reaches(ec, "host-r0", "host-r2")


def test_a_daemon_beside_static_routes_says_what_to_do(ec: ExperimentController) -> None:
    a, b, c = (ec.add("Node", name=name, routing="static") for name in "abc")
    ec.add("Link", a, b)
    ec.add("Link", b, c)
    for node in (a, b, c):
        ec.add("Bird", node)
    with pytest.raises(ExperimentError, match=r"has static routes from the plan, .*: leave out routing='static' of the node"):
        ec.run(deadline=SOON)
