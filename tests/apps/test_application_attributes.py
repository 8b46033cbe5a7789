"""What the types of applications declare and refuse, without a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepi.apps.application import check_application
from nepi.apps.expected_status import expected_statuses
from nepi.apps.option_attribute import option_attributes
from nepi.apps.output_text import last_lines
from nepi.apps.ping_command import PingOptions
from nepi.apps.tcpdump_command import TcpdumpOptions
from nepi.errors import BadValueError
from nepi.execution.attribute import Flags, Types
from nepi.model.attributes import Reference
from nepi.model.experiment import ResourceDescription


def test_every_option_of_a_tool_is_an_attribute_of_its_type() -> None:
    made = option_attributes(PingOptions, {})
    assert {name: made[name].type for name in ("target", "count", "interval", "packetSize", "quiet")} == {
        "target": Types.String,
        "count": Types.Integer,
        "interval": Types.Duration,
        "packetSize": Types.Size,
        "quiet": Types.Bool,
    }
    assert all(one.help and one.has_flag(Flags.Design) for one in made.values())


def test_an_attribute_takes_what_the_tool_takes() -> None:
    made = option_attributes(PingOptions, {})
    assert [made["interval"].converted(value) for value in ("200ms", "0.2", 0.2)] == [0.2] * 3
    assert made["mark"].converted("0x10") == 16
    assert made["target"].converted(Reference(7)) == Reference(7)
    for name, value in (("count", 0), ("count", Reference(7)), ("target", "-x"), ("quiet", "yes")):
        with pytest.raises(BadValueError, match=f"attribute {name!r}"):
            made[name].converted(value)


def test_a_type_may_have_another_default_than_its_tool() -> None:
    assert option_attributes(TcpdumpOptions, {"w": True})["w"].default is True
    assert option_attributes(TcpdumpOptions, {})["w"].default is False


@pytest.mark.parametrize(("text", "statuses"), [("0", {0}), ("0,1", {0, 1}), (" 0, -9 ", {0, -9}), ("any", None)])
def test_expected_statuses(text: str, statuses: set[int] | None) -> None:
    assert expected_statuses(text) == statuses


@pytest.mark.parametrize("text", ["", "zero", "0,", "1-3", "9999"])
def test_what_is_no_status_is_refused(text: str) -> None:
    with pytest.raises(BadValueError, match="expectedStatus"):
        expected_statuses(text)


def mistakes(**attributes: object) -> list[str]:
    return list(check_application(ResourceDescription(1, "x::Application", "app", dict(attributes)), (), {}))


def test_an_application_that_is_right_has_no_mistakes() -> None:
    assert mistakes(command="ls | wc -l", env="A=1", expectedStatus="0,1", tearDown="rm -f x") == []


def test_every_mistake_of_an_application_is_told() -> None:
    assert len(mistakes(command="'", env="$A", expectedStatus="x", tearDown='"')) == 4


def test_last_lines_begin_where_this_run_began(tmp_path: Path) -> None:
    path = tmp_path / "stderr"
    path.write_text("old\n" + "".join(f"line {number}\n" for number in range(20)))
    assert last_lines(path, 4, 3) == "line 17\nline 18\nline 19"
    path.write_text("old\nnew\n")
    assert last_lines(path, 4) == "new"
    assert last_lines(path, 100) == ""
    assert last_lines(tmp_path / "none") == ""
