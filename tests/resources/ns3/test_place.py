"""Where a simulation runs, as a description says it. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from nepi.hosts.ns3.there_python import missing
from nepi.model.experiment import ResourceDescription
from nepi.resources.ns3.place import check_place

HERE = ResourceDescription(2, "ns3::Node", "n")
MACHINES = [ResourceDescription(guid, "linux::Node", f"h{guid}") for guid in (3, 4)]
NAMESPACE = ResourceDescription(5, "netns::Node", "place")


@pytest.mark.parametrize(
    ("peers", "attributes", "mistakes"),
    [
        ([HERE], {}, []),
        ([HERE, MACHINES[0]], {"python": "/opt/bin/python", "install": True}, []),
        ([HERE], {"install": True}, ["attribute 'install' is of simulations on other machines: connect it to a linux::Node"]),
        (MACHINES, {}, ["it is connected to h3 and h4: a simulation is on one machine"]),
        ([NAMESPACE], {}, ["it is connected to place: a simulation runs on this machine, or on a linux::Node, but in no namespace"]),
    ],
)
def test_a_simulation_is_on_one_machine(peers: list[ResourceDescription], attributes: dict[str, Any], mistakes: list[str]) -> None:
    assert list(check_place(ResourceDescription(1, "ns3::Simulation", "sim", attributes), peers, {})) == mistakes


def test_of_a_missing_wheel_it_is_said_what_to_type_where() -> None:
    assert missing("h1", "/opt/my python") == (
        "ns-3 is not installed on h1 (/opt/my python): type `'/opt/my python' -m pip install ns3` there, "
        "name an interpreter that has it with `python`, or set `install`"
    )
