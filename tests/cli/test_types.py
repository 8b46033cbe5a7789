from __future__ import annotations

import json

import pytest

from nepi.cli.types import flag_names, type_record, written
from nepi.execution.attribute import Attribute, Flags, Types
from nepi.execution.factory import ResourceFactory
from nepi.execution.resource import ResourceManager
from tests.cli.conftest import nepi


def test_the_types_of_a_backend_are_listed_with_one_line_each() -> None:
    assert nepi("types", "dummy").out == (
        "dummy\n"
        "  dummy::Application  Something that runs on a node for `duration` and ends by itself.\n"
        "  dummy::Interface    An interface of a node, on a link.\n"
        "  dummy::Link         A link between interfaces.\n"
        "  dummy::Node         A computer that does nothing.\n"
    )


def test_a_backend_may_be_written_as_the_beginning_of_its_types() -> None:
    assert nepi("types", "dummy::").out == nepi("types", "dummy").out


def test_of_a_backend_with_many_types_those_of_a_family_are_listed_together_after_the_others() -> None:
    text = nepi("types", "ns3").out
    heads = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert heads[0] == "ns3"
    assert heads[1:] == sorted(heads[1:])
    assert {"ns3, module Csma", "ns3, module Wifi"} <= set(heads)
    first = text.partition("\n\n")[0]
    assert all(f"  ns3::{name} " in first for name in ("Node", "Switch", "Link", "Ping", "Iperf3Client", "WifiNetwork", "Simulation"))
    assert len(first.splitlines()) < 30


def test_a_pattern_lists_the_types_that_are_like_it() -> None:
    text = nepi("types", "ns3::csma*").out
    assert [line.split()[0] for line in text.splitlines() if line.startswith("  ")] == [
        "ns3::CsmaNetwork",
        "ns3::CsmaChannel",
        "ns3::CsmaNetDevice",
    ]
    assert nepi("types", "*nothing*").err == "nepi: no resource type is like '*nothing*'; `nepi types` lists them\n"


def test_without_a_name_all_backends_are_listed() -> None:
    heads = [line for line in nepi("types").out.splitlines() if line and not line.startswith(" ")]
    assert {"dummy", "netns"} <= set(heads)


def test_one_type_is_shown_in_detail() -> None:
    text = nepi("types", "dummy::Interface").out
    assert text.startswith("dummy::Interface\n\nAn interface of a node, on a link.\n\n")
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert lines >= {
        "Ends by itself no, it is a service",
        "Needs Node READY",
        "Waits for, if connected Link READY",
        "failOn enum - deploy | start | run | stop | release The verb that fails, or 'run' for while it runs.",
        "failTimes integer - 1 to 1000000 How many times it fails before it works; for ever when not set.",
        "deployTime duration 0s How long deploying takes.",
    }


def test_json_has_everything_of_a_type() -> None:
    record = json.loads(nepi("types", "--json", "dummy::Application").out)
    assert {key: record[key] for key in ("type", "backend", "service", "samples_state", "needs", "traces")} == {
        "type": "dummy::Application",
        "backend": "dummy",
        "service": False,
        "samples_state": False,
        "needs": [{"kind": "Node", "state": "READY", "required": False}],
        "traces": [],
    }
    [duration] = [one for one in record["attributes"] if one["name"] == "duration"]
    assert duration == {
        "name": "duration",
        "type": "duration",
        "unit": "s",
        "default": 0.0,
        "range": None,
        "allowed": None,
        "flags": [],
        "help": "How long it runs before it ends by itself.",
    }
    assert [one["type"] for one in json.loads(nepi("types", "--json", "dummy").out)] == [
        "dummy::Application",
        "dummy::Interface",
        "dummy::Link",
        "dummy::Node",
    ]


def test_an_unknown_type_has_near_names() -> None:
    said = nepi("types", "dummy::Nod")
    assert said.status == 2
    assert said.err.startswith("nepi: there is no resource type 'dummy::Nod' (did you mean 'dummy::Node'")


def test_a_name_of_several_backends_asks_which() -> None:
    said = nepi("types", "Node")
    assert said.status == 2
    assert "dummy::Node" in said.err
    assert "netns::Node" in said.err


def test_a_class_that_overrides_state_is_marked() -> None:
    class Sampled(ResourceManager):
        """Asked again and again."""

        _rtype = "test::Sampled"

        @property
        def state(self) -> int:
            return self._current

    spec = ResourceFactory.spec(Sampled)
    assert type_record(spec)["samples_state"] is True


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [(0.1, Types.Duration, "100ms"), (20_000_000, Types.Rate, "20Mbit"), (0.001, Types.Fraction, "0.1%"), ("x", Types.String, "x")],
)
def test_values_are_written_with_their_unit(value: object, kind: str, text: str) -> None:
    assert written(value, kind) == text


def test_flags_are_named() -> None:
    attribute = Attribute("key", "A secret.", flags=Flags.Credential | Flags.Design)
    assert flag_names(attribute.flags) == ["Credential", "Design"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("ns3::RedQueue", "any more: queue management moved out of devices into ns3::RedQueueDisc"),
        ("ns3::ErrorModel", "ns3::ErrorModel is abstract: use one of its kinds"),
        ("linux::ns3::dce::Ping", "any more: DCE is in no wheel"),
        ("linux::ns3::FdUdpTunnel", "any more: a hybrid::Link does what it did"),
    ],
)
def test_of_a_type_that_there_is_not_it_is_said_why(asked: str, said: str) -> None:
    assert said in nepi("types", asked).err


def test_a_type_that_goes_by_an_old_name_is_shown_and_one_of_no_use_says_so() -> None:
    assert nepi("types", "ns3::Ping6").out.startswith("ns3::V4Ping\n")
    assert "Of no use as a resource: nobody opens a tap for it here: use a hybrid::Link" in nepi("types", "ns3::FdNetDevice").out
