from __future__ import annotations

import json
from typing import Any

import pytest

from nepi.errors import BadValueError
from nepi.model.attributes import FromEnvironment, Reference
from nepi.model.conditions import Reached
from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.states import ENDED, ResourceAction, ResourceState, ResourceState2str
from nepi.model.traces import Trace, TraceAttr
from nepi.model.typespec import TypeSpec


def test_a_description_survives_json() -> None:
    description = ExperimentDescription(
        "first",
        "netns",
        [
            ResourceDescription(1, "netns::Node", "a"),
            ResourceDescription(
                2,
                "netns::Ping",
                "p",
                {"target": Reference(1), "count": 3, "interval": 0.1, "useIp": True, "label": None},
                (1,),
                ((ResourceAction.START, Reached((1,), ResourceState.READY) + "1s"),),
                ("stdout",),
                ((Reached((1,), ResourceState.STARTED), {"interval": 0.2, "secret": FromEnvironment("NEPI_P_SECRET")}),),
                {"retry": {"attempts": 3, "delay_s": 1.0}},
            ),
            ResourceDescription(3, "t", "c", {"secret": FromEnvironment("NEPI_C_SECRET"), "odd": {"a": [1]}}),
        ],
        networks=("10.9.0.0/16",),
        stop_on_abort=True,
        deadline_s=60.0,
    )
    assert ExperimentDescription.from_record(json.loads(json.dumps(description.to_record()))) == description


def test_a_record_says_only_what_was_set() -> None:
    description = ExperimentDescription("x", "dummy", [ResourceDescription(1, "dummy::Node", "a")])
    assert description.to_record() == {
        "format": 1,
        "experiment": "x",
        "backend": "dummy",
        "resources": [{"guid": 1, "type": "dummy::Node", "name": "a"}],
    }


GOOD: dict[str, Any] = {"guid": 1, "type": "t", "name": "a"}


@pytest.mark.parametrize(
    ("resource", "sentence"),
    [
        ({**GOOD, "guid": "1"}, "damaged description: 'guid' of resource 'a' is '1'"),
        ({**GOOD, "name": 3}, "damaged description: 'name' of resource 3 is 3"),
        ({**GOOD, "attributes": []}, "damaged description: 'attributes' of resource 'a' is []"),
        ({**GOOD, "connections": "ab"}, "damaged description: 'connections' of resource 'a' is 'ab'"),
        ({"guid": 1, "name": "a"}, "damaged description: KeyError('type')"),
        ({**GOOD, "conditions": [["JUMP", ["exited", 1, 0]]]}, "damaged description: KeyError('JUMP')"),
        ({**GOOD, "conditions": [["START", ["never"]]]}, "not a condition: ['never']"),
        ({**GOOD, "attributes": {"x": {}}}, "damaged description: {} is no value of an attribute"),
    ],
)
def test_a_damaged_description_is_refused_with_what_is_damaged(resource: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadValueError) as caught:
        ExperimentDescription.from_record({"format": 1, "experiment": "x", "backend": "", "resources": [resource]})
    assert str(caught.value) == sentence


@pytest.mark.parametrize("format", [None, 0, 2, "1"])
def test_another_format_is_refused(format: Any) -> None:
    with pytest.raises(BadValueError, match="this version reads format 1"):
        ExperimentDescription.from_record({"format": format})


def test_states_have_the_numbers_of_the_seed() -> None:
    assert ResourceState2str == {
        0: "NEW",
        1: "DISCOVERED",
        2: "PROVISIONED",
        3: "READY",
        4: "STARTED",
        5: "STOPPED",
        6: "FINISHED",
        7: "FAILED",
        8: "RELEASED",
    }
    assert sorted(ENDED) == [5, 6, 7, 8]


def test_a_copied_trace_is_independent() -> None:
    trace = Trace("stdout", "Output.")
    other = trace.copy()
    other.enabled = True
    assert (trace.enabled, other.enabled, other.name, other.help) == (False, True, "stdout", "Output.")
    assert (TraceAttr.ALL, TraceAttr.STREAM, TraceAttr.PATH, TraceAttr.SIZE) == ("all", "stream", "path", "size")


def test_a_type_is_what_its_lineage_says() -> None:
    spec = TypeSpec("netns::Ping", lineage=frozenset({"netns::Ping", "nepi.apps.ping.Ping"}))
    assert [spec.is_a(kind) for kind in ("netns::Ping", "nepi.apps.ping.Ping", "netns::Node")] == [True, True, False]
