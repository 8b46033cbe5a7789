"""Giving everything back at once: one end for the whole run, which comes only after commands have ended in their own way."""

from pathlib import Path

import pytest

from nepi import ExperimentController, trace_matches
from nepi.errors import PlanError
from nepi.execution.process_identity import ProcessIdentity
from tests.resources.netns.conftest import SOON, reaches, up

pytestmark = pytest.mark.netns


def agents(ec: ExperimentController) -> list[ProcessIdentity]:
    found = [ProcessIdentity.from_json(row.identity) for row in ec.ledger.rows() if row.kind == "agent"]
    return [agent for agent in found if agent is not None]


def pair(ec: ExperimentController, *names: str) -> None:
    nodes = [ec.add("Node", name=name) for name in names]
    ec.add("Link", *nodes)
    up(ec)


def test_after_a_release_of_everything_nothing_is_there_any_more(ec: ExperimentController) -> None:
    pair(ec, "left", "right")
    (agent,) = agents(ec)
    assert ec.release()
    assert not agent.is_alive()
    assert ec.ledger.rows() == []


def test_what_is_deployed_after_that_gets_a_new_agent(ec: ExperimentController) -> None:
    pair(ec, "left", "right")
    before = agents(ec)
    assert ec.release()
    pair(ec, "west", "east")
    assert reaches(ec, "west", "east")
    (agent,) = agents(ec)
    assert agent not in before


def test_a_release_of_a_part_leaves_the_rest(ec: ExperimentController) -> None:
    pair(ec, "left", "right")
    other = ec.add("Node", name="other")
    up(ec)
    assert ec.release(other)
    assert reaches(ec, "left", "right")


def test_a_command_has_its_time_to_end_although_everything_goes(ec: ExperimentController) -> None:
    pair(ec, "left", "right")
    script = "trap 'sleep 0.3; echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    application = ec.add("Application", "left", command=f'sh -c "{script}"', tearDown="sh -c 'echo torn > $RUN_HOME/torn'")
    up(ec)
    assert ec.wait_for(trace_matches(application, "up"), SOON)
    home = Path(ec.trace(application, "stdout", "path")).parent
    assert ec.release()
    assert (home / "stdout").read_text() == "up\nbye\n"
    assert (home / "torn").read_text() == "torn\n"


def test_a_plan_with_mistakes_leaves_no_process_that_was_started_ahead(ec: ExperimentController) -> None:
    ec.add("Link", ec.add("Node", name="alone"))
    with pytest.raises(PlanError):
        ec.deploy()
    # The check of every test for what it leaves behind does the rest.
    ec.add("Link", "alone", ec.add("Node", name="other"))


def test_a_run_with_applications_ends_with_its_agent_too(ec: ExperimentController) -> None:
    pair(ec, "left", "right")
    client, _ = ec.iperf3("left", "right", duration="1s")
    ec.deploy()
    assert ec.wait_finished(client, SOON)
    assert ec.release()
    assert ec.ledger.rows() == []
