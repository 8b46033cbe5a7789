from __future__ import annotations

from pathlib import Path

import pytest

from nepi import ExperimentController
from nepi.errors import BadValueError, PlanError
from nepi.formats.xml_elements import MOST_DEPTH
from nepi.model.conditions import After, Reached
from nepi.model.states import ResourceAction, ResourceState
from tests.formats.conftest import Load, Mistakes

SAVED = """\
<?xml version="1.0" encoding="UTF-8"?>
<experiment exp_id="old" run_id="20160401120000000000" nthreads="20" local_dir="/tmp">
    <topology topo-type="adhoc"><nodes><node nid="0" nid-type="integer" source="True"/></nodes></topology>
    <rms>
        <rm guid="2" rtype="netns::Node" state="8" start_time="20160401120000000000"/>
        <rm guid="1" rtype="netns::Node" state="8"/>
        <rm guid="3" rtype="netns::Switch" state="8"/>
        <rm guid="4" rtype="netns::NodeInterface" state="8">
            <attributes><attribute name="mtu" value="1400" type="integer"/><attribute name="up" value="False" type="bool"/></attributes>
            <connections><connection guid="1"/><connection guid="3"/></connections>
        </rm>
        <rm guid="8" rtype="netns::Application" state="8">
            <attributes><attribute name="command" value="ping -c 2 10.0.0.2 &amp;&amp; echo &quot;é&quot;" type="string"/></attributes>
            <connections><connection guid="1"/></connections>
            <conditions>
                <condition action="1" group="[4, 3L]" state="5" time="1s"/>
                <condition action="1" group="set([4])" state="2" time="None"/>
                <condition action="2" group="[]" state="5" time="None"/>
            </conditions>
            <traces><trace name="stdout"/></traces>
        </rm>
    </rms>
</experiment>
"""


def test_an_experiment_that_the_original_saved_is_read(load: Load) -> None:
    ec = load(SAVED, "x.xml")
    assert (ec.exp_id, ec.backend) == ("old", "netns")
    assert [(one.guid, one.rtype, one.name, one.connections) for one in ec.describe().resources] == [
        (1, "netns::Node", "node-1", (4, 8)),
        (2, "netns::Node", "node-2", ()),
        (3, "netns::Switch", "switch-3", (4,)),
        (4, "netns::NodeInterface", "nodeinterface-4", (1, 3)),
        (8, "netns::Application", "application-8", (1,)),
    ]
    interface, application = ec.describe().resources[3:]
    assert interface.attributes == {"mtu": 1400, "up": False}
    assert application.attributes == {"command": 'ping -c 2 10.0.0.2 && echo "é"'}
    assert application.traces == ("stdout",)
    assert application.conditions == (
        (ResourceAction.START, After(Reached((4, 3), ResourceState.STARTED, "at_least"), 1.0)),
        (ResourceAction.START, Reached((4,), ResourceState.PROVISIONED, "at_least")),
    )
    assert ec.loading_notes == ("states of conditions are read as release 6.1 numbered them",)


def test_states_have_the_numbers_of_the_release(load: Load, tmp_path: Path) -> None:
    load(SAVED, "x.xml")
    ec = ExperimentController.load(tmp_path / "x.xml", release="3.2")
    assert [condition for _, condition in ec.describe().resources[4].conditions][1] == Reached((4,), ResourceState.PROVISIONED, "at_least")
    assert [condition for _, condition in ec.describe().resources[4].conditions][0] == After(
        Reached((4, 3), ResourceState.STOPPED, "at_least"), 1.0
    )
    with pytest.raises(BadValueError, match=r"^release '5' of the original is not known; it is one of 6.1, 3.2$"):
        ExperimentController.load(tmp_path / "x.xml", release="5")


def rm(rtype: str, guid: int = 1) -> str:
    return f'<rm guid="{guid}" rtype="{rtype}" state="0"/>'


def experiment(*resources: str) -> str:
    return f'<experiment exp_id="x"><rms>{"".join(resources)}</rms></experiment>'


def test_types_that_are_not_here_are_told_in_one_sentence(mistakes: Mistakes) -> None:
    text = experiment(rm("linux::CCND"), rm("linux::CCND", 2), rm("omf::Channel", 3))
    assert mistakes(text, "x.xml") == [
        "x.xml: these types do not exist here: 'linux::CCND', 'omf::Channel'; with a backend (--backend netns), they are looked for there"
    ]


def test_with_a_backend_types_are_looked_for_there(load: Load, tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(experiment(rm("linux::Node"), rm("linux::Ping", 2)))
    ec = ExperimentController.load(tmp_path / "x.xml", backend="netns")
    assert [one.rtype for one in ec.describe().resources] == ["netns::Node", "netns::Ping"]
    assert ec.loading_notes == ("linux::Node is netns::Node here", "linux::Ping is netns::Ping here")
    assert [one.rtype for one in ExperimentController.load(tmp_path / "x.xml").describe().resources] == ["linux::Node", "linux::Ping"]
    (tmp_path / "x.xml").write_text(experiment(rm("linux::CCND")))
    with pytest.raises(PlanError, match="these types do not exist here: 'linux::CCND'$"):
        ExperimentController.load(tmp_path / "x.xml", backend="nowhere")


BILLION = '<!DOCTYPE lolz [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><experiment exp_id="&b;"/>'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ", line 1, column 1: this is not XML: no element found"),
        ("<experiment>", ", line 1, column 13: this is not XML: no element found"),
        ("<box/>", ", line 1, column 1: expected <experiment>, as the original NEPI wrote it, got <box>"),
        (BILLION, ", line 1, column 1: a document type (<!DOCTYPE ...>) is not read, nor are entities"),
        ('<experiment exp_id="&x;"/>', ", line 1, column 1: this is not XML: undefined entity"),
        (
            "<experiment>" + "<a>" * MOST_DEPTH + "</a>" * MOST_DEPTH + "</experiment>",
            f", line 1, column {12 + 3 * (MOST_DEPTH - 1) + 1}: more than 20 elements within each other, or 2000000 in all",
        ),
        (experiment('<rm guid="x" rtype="netns::Node"/>'), ", line 1, column 29: <rm>: guid must be a number, it is 'x'"),
        (
            experiment('<rm guid="1" rtype="netns::Node"><connections><connection guid="7"/></connections></rm>'),
            ", line 1, column 1: resource 1 (netns::Node) is connected to 7, which is not in the file",
        ),
        (
            experiment('<rm guid="1" rtype="netns::Node"><attributes><attribute name="x" value="os()" type="integer"/></attributes></rm>'),
            ", line 1, column 74: attribute 'x': 'os()' is no integer",
        ),
        (
            experiment('<rm guid="1" rtype="netns::Node"><conditions><condition action="1" group="os.x()" state="4"/></conditions></rm>'),
            ", line 1, column 74: this is no condition: {'action': '1', 'group': 'os.x()', 'state': '4'}",
        ),
        (
            experiment(
                '<rm guid="1" rtype="netns::Node"><conditions><condition action="1" group="[1]" state="4" time="soon"/></conditions></rm>'
            ),
            ", line 1, column 74: time of a condition: duration 'soon': not understood; write a number and its unit, like 10s",
        ),
    ],
)
def test_xml_that_is_no_experiment(mistakes: Mistakes, text: str, found: str) -> None:
    assert mistakes(text, "x.xml") == [f"x.xml{found}"]
