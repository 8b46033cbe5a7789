from __future__ import annotations

import pytest

from nepi import ResourceFactory
from nepi.apps import catalogue as applications
from nepi.execution.deployment import facts_for
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import TypeSpec
from nepi.resources.netns.address import version_check
from nepi.resources.netns.applications import APPLICATIONS


@pytest.mark.parametrize(
    ("ip", "version", "count"), [("10.0.0.1", 4, 0), ("10.0.0.1", 6, 1), ("fd00::1", 4, 1), ("nonsense", 4, 0), (None, 6, 0)]
)
def test_an_address_has_the_version_of_its_type(ip: str | None, version: int, count: int) -> None:
    one = ResourceDescription(1, f"netns::IPv{version}Address", "x", {} if ip is None else {"ip": ip})
    assert len(list(version_check("ip", version)(one, (), {}))) == count


def test_a_node_has_every_application() -> None:
    assert list(APPLICATIONS) == [application.__name__ for application in applications.APPLICATIONS]
    for name, made in APPLICATIONS.items():
        assert ResourceFactory.find(name, "netns") is made
        assert (made.rtype(), made.get_help()) == (f"netns::{name}", made.__doc__)


def test_windows_of_commands_in_namespaces_are_refused() -> None:
    one = ResourceDescription(1, "netns::Application", "app", {"command": "xterm", "forwardX11": True})
    check = APPLICATIONS["Application"].check
    assert check is not None
    (mistake,) = check(one, (), {})
    assert "cannot be shown; those of a linux::Application can" in mistake


def test_every_program_that_an_application_needs_has_its_package_named() -> None:
    for name in APPLICATIONS:
        spec = ResourceFactory.spec(ResourceFactory.find(name, "netns"))
        assert set(spec.packages) >= set(spec.tools), name


def test_the_programs_that_types_need_are_looked_for() -> None:
    spec = TypeSpec("netns::X", backend="netns", tools=("sh", "no-such-program"), packages={"no-such-program": "no-such-package"})
    facts = facts_for({"netns::X": spec})["netns"]
    assert (facts["tools_missing"], facts["packages"]) == (["no-such-program"], {"no-such-program": "no-such-package"})


def test_what_runs_until_it_is_stopped_is_a_service() -> None:
    services = {
        name: ResourceFactory.spec(ResourceFactory.find(name, "netns")).service
        for name in (
            "Node",
            "Switch",
            "Link",
            "NodeInterface",
            "IPv4Address",
            "IPv4Route",
            "Iperf3Server",
            "Tcpdump",
            "Server",
            "Ping",
            "Application",
        )
    }
    assert [name for name, service in services.items() if not service] == ["Ping", "Application"]


def test_the_attributes_of_the_original_are_there() -> None:
    wanted = {
        "netns::Switch": {"up"},
        "netns::NodeInterface": {"up"},
        "netns::IPv4Address": {"ip", "prefix"},
        "netns::IPv4Route": {"network", "prefix", "nexthop"},
        "netns::Application": {"command", "env", "stdin", "sudo", "tearDown", "splitStderr", "sources", "build", "install"},
    }
    for rtype, names in wanted.items():
        assert names <= set(ResourceFactory.spec(ResourceFactory.find(rtype)).attributes), rtype
