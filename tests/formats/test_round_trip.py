"""What a program describes, a file says, and the other way round: nothing is lost, whatever way it goes."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nepi import ExperimentController, Retry
from nepi.errors import BadConnectionError, BadValueError
from nepi.execution.factory import ResourceFactory
from nepi.execution.handle import Handle
from nepi.formats.yaml_text import yaml_text
from nepi.model.attributes import Attribute, Flags, Types
from nepi.model.conditions import Condition, quorum, trace_matches
from nepi.model.states import ResourceAction

TYPES = ("dummy::Node", "dummy::Link", "dummy::Application", "dummy::Interface") + tuple(
    f"netns::{name}"
    for name in ("Node", "Switch", "Link", "NodeInterface", "IPv4Address", "IPv4Route", "Application", "Iperf3Client", "Ping", "Tcpdump")
)
NEVER = Flags.ReadOnly | Flags.NoWrite | Flags.Credential

ODD = ["null", "~", "10", "yes", "on: x", "a", "1.10", "two\nlines\n", "- x"]
texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(ODD)
values_by_type: dict[str, st.SearchStrategy[Any]] = {
    Types.String: texts,
    Types.Bool: st.booleans(),
    Types.Integer: st.integers(0, 100_000),
    Types.Double: st.floats(allow_nan=False),
    Types.Duration: st.floats(0, 3600),
    Types.Rate: st.integers(8, 10**12),
    Types.Size: st.integers(1, 10**9),
    Types.Fraction: st.floats(0, 1),
}
plain_names = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,8}\Z").filter(lambda name: ".." not in name)
names = plain_names | st.sampled_from(["null", "yes", "1.10"])


def value_of(attribute: Attribute) -> st.SearchStrategy[Any]:
    if attribute.type == Types.Enumerate:
        return st.sampled_from(list(attribute.allowed or ()))
    return values_by_type[attribute.type]


@st.composite
def experiments(draw: st.DrawFn) -> ExperimentController:
    """Draw an experiment, described as a program does."""
    settings: dict[str, Any] = {"backend": draw(st.sampled_from(["dummy", "netns"]))}
    if draw(st.booleans()):
        settings |= {
            "networks": ("10.9.0.0/16",),
            "routing": draw(st.sampled_from(["static", "hosts"])),
            "stop_on_abort": draw(st.booleans()),
            "deadline": draw(st.floats(1, 1e6)),
        }
    ec = ExperimentController("drawn", **settings)
    for _ in range(draw(st.integers(1, 6))):
        add_one(draw, ec)
    if draw(st.booleans()) and len(ec.resources) > 1:
        ec.remove_resource(draw(st.sampled_from(ec.resources)))
    for guid in ec.resources:
        say_more(draw, ec, guid)
    return ec


def add_one(draw: st.DrawFn, ec: ExperimentController) -> None:
    rtype = draw(st.sampled_from(TYPES))
    guid = draw(st.none() | st.integers(1, 40))
    taken = [manager.name for one in ec.resources if (manager := ec.get_resource(one)) is not None]
    name = draw(st.none() | names.filter(lambda one: one not in taken))
    try:
        number = ec._create(rtype, guid if guid not in ec.resources else None, name, (), {})
    except BadValueError:  # the name is one that another resource has by itself
        return
    for other in draw(st.lists(st.sampled_from(ec.resources), max_size=3, unique=True)):
        with contextlib.suppress(BadConnectionError):
            ec.register_connection(number, other)


def say_more(draw: st.DrawFn, ec: ExperimentController, guid: int) -> None:
    manager = ec.resource(guid)
    settable = [one for one in manager.get_attributes() if not one.flags & NEVER]
    for attribute in draw(st.lists(st.sampled_from(settable), max_size=4, unique_by=lambda one: one.name)):
        value = draw(value_of(attribute))
        if attribute.takes_resource and draw(st.booleans()):
            value = Handle(ec, draw(st.sampled_from(ec.resources)))
        try:
            ec.set(guid, attribute.name, value)
        except BadValueError:  # out of its range
            continue
        if draw(st.booleans()):
            ec.set_when(guid, draw(conditions(ec)), **{attribute.name: value})
    for trace in manager.get_traces():
        if draw(st.booleans()):
            ec.enable_trace(guid, trace.name)
    for action in draw(st.lists(st.sampled_from(ResourceAction), max_size=4)):
        ec.add_condition(guid, action, draw(conditions(ec)))
    if draw(st.booleans()):
        ec.register_condition(guid, ResourceAction.START, draw(st.sampled_from(ec.resources)), 4, draw(st.sampled_from([None, "2s"])))
    if draw(st.booleans()):
        ec.set_policy(guid, Retry(draw(st.integers(1, 5)), draw(st.floats(0, 60))))


def conditions(ec: ExperimentController) -> st.SearchStrategy[Condition]:
    handles = st.sampled_from([Handle(ec, guid) for guid in ec.resources])
    simple = st.one_of(
        handles.map(lambda one: one.started),
        handles.map(lambda one: one.ended),
        handles.map(lambda one: one.exited(3)),
        handles.map(lambda one: trace_matches(one, r"^\d+ 'x' \"y\"$")),
        handles.map(lambda one: quorum(0.5, [one, *ec.resources], "READY")),
    )
    return simple | st.builds(lambda one, other: ((one + "1s") & other).within("1m"), simple, simple)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(experiments())
def test_a_description_survives_yaml_and_json(ec: ExperimentController) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first = ec.save(Path(folder) / "x.yaml")
        text = first.read_text(encoding="utf-8")
        loaded = ExperimentController.load(first)
        assert loaded.describe().to_record() == ec.describe().to_record(), text
        assert loaded.save(Path(folder) / "again.yml").read_text(encoding="utf-8") == text
        again = ExperimentController.load(loaded.save(Path(folder) / "x.json"))
        assert again.describe().to_record() == ec.describe().to_record()
        assert again.save(first).read_text(encoding="utf-8") == text


def test_types_of_every_backend_that_ships_are_drawn() -> None:
    assert {ResourceFactory.find(rtype).get_backend() for rtype in TYPES} == {"dummy", "netns"}


@pytest.mark.parametrize("suffix", [".txt", "", ".py"])
def test_other_suffixes_are_refused(suffix: str, tmp_path: Path) -> None:
    from nepi.errors import UsageError

    with pytest.raises(UsageError, match=r"must end in .yaml, .yml or .json$"):
        ExperimentController("x").save(tmp_path / f"x{suffix}")
    with pytest.raises(UsageError, match=r"must end in .yaml, .yml, .json or .xml$"):
        ExperimentController.load(tmp_path / f"x{suffix}")


@pytest.mark.parametrize("text", ["\x85", "a\u2028b", " \u2029 ", "x\ny\x85z"])
def test_every_end_of_a_line_that_yaml_knows_survives_it(text: str) -> None:
    document = {"section": {"entry": {"text": text}}}
    assert yaml.safe_load(yaml_text(document)) == document
