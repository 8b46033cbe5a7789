from __future__ import annotations

import pytest

from nepi import ResourceFactory
from nepi.apps import catalogue as applications
from nepi.execution.deployment import facts_for
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import TypeSpec
from nepi.resources.netns.address import version_check
<<<<<<< HEAD
from nepi.resources.netns.applications import APPLICATIONS
from nepi.resources.netns.link import link_mistakes

ALL = {"tbf": True, "netem": True}
NO_NETEM = {"tbf": True, "netem": False}


@pytest.mark.parametrize(
    ("values", "features", "begins"),
    [
        ({"rate": 10**7, "queue": 10}, NO_NETEM, []),
        ({"rate": 10**7, "delay": 0.02, "jitter": 0.001, "loss": 0.01}, ALL, []),
        ({"delay": 0.0, "loss": 0.0}, NO_NETEM, []),
        ({"delay": 0.02}, NO_NETEM, ["delay cannot be had: this kernel has no netem; leave it out"]),
        ({"delay": 0.02, "corrupt": 0.1}, NO_NETEM, ["delay, corrupt cannot be had: this kernel has no netem; leave them out"]),
        ({"rate": 10**7}, {"tbf": False}, ["rate cannot be had"]),
        ({"jitter": 0.01}, ALL, ["jitter needs a delay"]),
        ({"reorder": 0.1, "loss": 0.1}, ALL, ["reorder needs a delay"]),
        ({"queue": 10}, ALL, ["queue needs a rate"]),
        ({"queue": 10}, {}, ["queue needs a rate"]),
    ],
)
def test_what_a_link_cannot_be(values: dict[str, Any], features: dict[str, bool], begins: list[str]) -> None:
    found = list(link_mistakes(values, features))
    assert [sentence[: len(begin)] for sentence, begin in zip(found, begins, strict=True)] == begins
=======
from nepi.resources.netns.facts import TOOLS
>>>>>>> 9776c9d (Links: every impairment in each direction, loss in bursts, queue disciplines, timelines from files; auto takes user space where the kernel lacks something)


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
