"""The schema for editors accepts what the reader accepts, and finds what it would find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nepi.cli.types import known_types
from nepi.formats.places import Mistakes
from nepi.formats.schema import attribute_schema, schema
from nepi.formats.starter import starter
from nepi.formats.tree import compose
from nepi.formats.values import plain_data
from nepi.model.attributes import Attribute, Flags, Types
from tests.formats.test_files import WHOLE

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    found = schema(known_types())
    jsonschema.Draft7Validator.check_schema(found)
    return jsonschema.Draft7Validator(found)


def against(validator: jsonschema.Draft7Validator, text: str) -> list[tuple[str, str]]:
    """Return where a text is not as the schema says, and by which word of the schema."""
    errors = validator.iter_errors(plain_data(compose(text, Mistakes("x"))))
    return sorted((".".join(map(str, one.absolute_path)), str(one.validator)) for one in errors)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        starter("x", "x.yaml"),
        *(path.read_text() for path in EXAMPLES.glob("*.yaml")),
        "experiment: x\nnodes: {a: , b: {type: 'dummy::Node', failOn: run}}\nlinks:\n  - {ends: [a, b], start: [a.started, b.started]}",
    ],
)
def test_what_the_reader_takes_is_valid(validator: jsonschema.Draft7Validator, text: str) -> None:
    assert against(validator, text) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("backend: netns", [("", "required")]),
        ("experiment: x\nlnks: []", [("", "additionalProperties")]),
        ("experiment: x\nlinks: [{ends: [a]}]", [("links.0.ends", "minItems")]),
        ("experiment: x\nlinks: [{ends: [a, b], delay: 20}]", [("links.0.delay", "type")]),
        ("experiment: x\nlinks: [{ends: [a, b], delay: 20 parsecs}]", [("links.0.delay", "pattern")]),
        ("experiment: x\nlinks: [{ends: [a, b], dely: 20ms}]", [("links.0", "anyOf")]),
        ("experiment: x\nlinks: [{ends: [a, b], up: yes}]", [("links.0.up", "type")]),
        ("experiment: x\napplications: {p: {on: a}}", [("applications.p", "required")]),
        ("experiment: x\napplications: {p: {type: Pong, on: a}}", [("applications.p.type", "enum")]),
        ("experiment: x\napplications: {p: {type: Ping, on: a, count: many}}", [("applications.p.count", "type")]),
        ("experiment: x\napplications: {p: {type: Ping, on: a, set: [{when: p.started, x: 1}]}}", [("applications.p.set.0", "anyOf")]),
        ("experiment: x\napplications: {p: {type: Ping, on: a, retry: {attempts: 2, dely: 1s}}}", [("applications.p.retry", "anyOf")]),
        ("experiment: x\nresources: {n: {type: 'dummy::Node', failOn: always}}", [("resources.n.failOn", "enum")]),
    ],
)
def test_what_the_reader_refuses_is_not(validator: jsonschema.Draft7Validator, text: str, where: list[tuple[str, str]]) -> None:
    assert against(validator, text) == where


@pytest.mark.parametrize(
    ("attribute", "good", "bad"),
    [
        (Attribute("x", "", Types.Duration), ["2s", "1m30s", "1.5 ms", "50us"], [2, "2", "s", "-1s"]),
        (Attribute("x", "", Types.Rate), ["10Mbit", "1 Gbit/s", "64kbit", "5bit"], [10, "10Mbps", "10MB"]),
        (Attribute("x", "", Types.Size), ["64kB", "1MiB", "1500B"], [64, "64Mb", "1.5"]),
        (Attribute("x", "", Types.Fraction), ["0.1%", "0.001", 0.001], [True, "x%", [1]]),
        (Attribute("x", "", Types.Integer, range=(1, 9)), [1, 9], [0, 10, "x", 1.5]),
        (Attribute("x", "", Types.Double), [1, 1.5], ["x", True]),
        (Attribute("x", "", Types.Bool), [True, False], ["yes", 1]),
        (Attribute("x", "", Types.Enumerate, allowed=("a", 1)), ["a", 1], ["b", 2]),
        (Attribute("x", ""), ["a", 1, True, {"resource": "b"}], [{"resourc": "b"}, ["a"]]),
        (Attribute("x", "", flags=Flags.Credential), ["${NAME}"], ["secret", "$NAME", 1]),
    ],
)
def test_values_are_checked_by_the_type_of_their_attribute(attribute: Attribute, good: list[Any], bad: list[Any]) -> None:
    one = jsonschema.Draft7Validator(attribute_schema(attribute))
    assert [value for value in good if not one.is_valid(value)] == []
    assert [value for value in bad if one.is_valid(value)] == []
