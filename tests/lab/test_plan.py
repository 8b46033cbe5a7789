"""Names, addresses, and who is behind whom."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from nepi.errors import BadValueError
from nepi.lab.plan import LabPlan, free_subnets, plan_lab


def planned(count: int, hidden: int) -> LabPlan:
    return plan_lab(count, hidden, "abcdef", free_subnets(max(hidden, 0) + 1, [], "x"), 1)


def test_hidden_hosts_are_a_chain_behind_the_first_host() -> None:
    plan = plan_lab(4, 2, "0a0b0c", ("10.200.0.0/24", "10.200.1.0/24", "10.200.2.0/24"), 1)
    ways = [(host.name, host.behind, [(link.interface, link.address, link.bridge) for link in host.links]) for host in plan.hosts]
    assert ways == [
        ("h1", "", [("eth0", "10.200.0.1", "lab0"), ("eth1", "10.200.1.1", "lab1")]),
        ("h2", "", [("eth0", "10.200.0.2", "lab0")]),
        ("h3", "h1", [("eth0", "10.200.1.3", "lab1"), ("eth1", "10.200.2.3", "lab2")]),
        ("h4", "h3", [("eth0", "10.200.2.4", "lab2")]),
    ]
    assert (plan.machine_address, plan.machine_interface) == ("10.200.0.254", "nlab0a0b0c")


def test_every_interface_of_the_largest_lab_has_a_name_and_an_address_of_its_own() -> None:
    links = [link for host in planned(250, 249).hosts for link in host.links]
    for of in ("outside", "address", "mac"):
        assert len({getattr(link, of) for link in links}) == len(links) == 250 + 249
    assert max(len(link.outside) for link in links) <= 15


@pytest.mark.parametrize(("count", "hidden"), [(0, 0), (251, 0), (1, 1), (3, -1)])
def test_a_lab_that_cannot_be_is_refused(count: int, hidden: int) -> None:
    with pytest.raises(BadValueError):
        planned(count, hidden)


def test_subnets_keep_away_from_what_the_machine_knows() -> None:
    first = free_subnets(2, [], "somewhere")
    again = free_subnets(2, [first[1], "192.168.0.1/32", "0.0.0.0/0", "fe80::/64"], "somewhere")
    assert set(first).isdisjoint(again)


def test_a_machine_without_room_is_told_so() -> None:
    with pytest.raises(BadValueError, match="take a lab down first"):
        free_subnets(1, ["10.0.0.0/8"], "anywhere")


def test_a_plan_survives_its_record() -> None:
    plan = planned(3, 1)
    assert LabPlan.from_json(asdict(plan)) == plan
