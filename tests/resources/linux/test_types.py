"""The types of the backend: names of the original and of the seed's time, and what of them is not here any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.errors import PlanError, UnknownTypeError
from nepi.execution.factory import ResourceFactory
from nepi.resources.linux import GONE, GONE_ALIASES
from nepi.resources.linux.applications import NEED_ROOT

SEEDS_NAMES = ("Node", "Application", "Ping", "Traceroute", "Mtr", "NPing", "Tcpdump", "UdpTest")
PROVISIONING = {"env", "sudo", "depends", "sources", "files", "libs", "bins", "code", "build", "install", "tearDown", "splitStderr"}


@pytest.mark.parametrize("name", SEEDS_NAMES)
def test_a_type_has_the_name_of_the_seeds_time_too(name: str) -> None:
    found = ResourceFactory.find(f"Linux{name}")
    assert found is ResourceFactory.find(f"linux::{name}")
    assert found is ResourceFactory.find(name, "linux")


@pytest.mark.parametrize("name", SEEDS_NAMES[1:])
def test_every_application_brings_along_what_it_needs(name: str) -> None:
    attributes = ResourceFactory.find(name, "linux")._attributes
    assert attributes.keys() >= PROVISIONING
    assert attributes["sudo"].default is (name in NEED_ROOT)


def test_a_node_has_the_attributes_of_the_original() -> None:
    original = "hostname port username home identity serverKey cleanHome cleanExperiment cleanProcesses cleanProcessesAfter tearDown"
    attributes = ResourceFactory.find("linux::Node")._attributes
    assert attributes.keys() >= {*original.split(), "gateway", "gatewayUser", "ip", "critical", "hardRelease"}


@pytest.mark.parametrize("name", [*GONE, *GONE_ALIASES])
def test_what_is_not_here_any_more_says_why(name: str) -> None:
    with pytest.raises(UnknownTypeError, match="any more: ") as caught:
        ResourceFactory.find(name, "linux")
    assert {**GONE, **GONE_ALIASES}[name] in str(caught.value)


def mistakes(tmp_path: Path, **attributes: Any) -> list[str]:
    ec = ExperimentController("mistakes", tmp_path, backend="linux")
    ec.add("Node", name="a", **attributes)
    try:
        ec.check()
    except PlanError as error:
        return list(error.mistakes)
    return []


@pytest.mark.parametrize(
    ("attributes", "mistake"),
    [
        ({}, "attribute 'hostname' is not set"),
        ({"hostname": "h1", "identity": "/no/such/key"}, "attribute 'identity': there is no file /no/such/key"),
        ({"hostname": "h1", "gatewayUser": "me"}, "attribute 'gatewayUser': there is no gateway"),
        ({"hostname": "h1", "gateway": "me@@gw"}, "gateway must be"),
        ({"hostname": "h1", "serverKey": "what?"}, "serverKey must be a public key"),
        ({"hostname": "-oProxyCommand=x"}, "hostname must be a name or an address"),
    ],
)
def test_how_a_host_is_reached_is_checked_before_anything_is_tried(tmp_path: Path, attributes: dict[str, str], mistake: str) -> None:
    (found,) = mistakes(tmp_path, **attributes)
    assert mistake in found


def test_this_machine_and_a_host_behind_two_gateways_are_fine(tmp_path: Path) -> None:
    assert mistakes(tmp_path, hostname="localhost") == []
    assert mistakes(tmp_path, hostname="h3", gateway="me@gw1:2222,[2001:db8::1]", gatewayUser="you", hostKeys="trust") == []


def test_every_mistake_of_an_application_is_told_once(tmp_path: Path) -> None:
    ec = ExperimentController("mistakes", tmp_path, backend="linux")
    ec.add("Application", ec.add("Node", hostname="localhost"), command="true", files="'", name="app")
    with pytest.raises(PlanError) as caught:
        ec.check()
    assert len(caught.value.mistakes) == 1
