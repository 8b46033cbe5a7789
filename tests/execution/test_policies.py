"""Policies in the controller: retries, restarts, replacements, quorums, deadlines, changes that wait; and nobody is held up."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from nepi.engine.replay import replay
from nepi.errors import BadValueError, PlanError, UsageError
from nepi.execution.journal import batches
from nepi.execution.resource import ResourceManager, ResourceState, failtrap
from nepi.execution.workers import default_limit
from nepi.model.policies import Replace, Retry
from nepi.testing import VirtualController
from nepi.testing.pytest_plugin import MakeController
from tests.execution.managers import Applied, add, raising, states

# Again.


def test_an_application_that_fails_while_it_runs_is_started_again(ec: VirtualController) -> None:
    app = ec.add("Application", duration="10s", failOn="run", failTimes=2)
    ec.set_policy(app, Retry(3, 1.0, 2.0, runs=True))
    ec.deploy()
    assert ec.wait_for(app.finished)
    assert ec.now == 10 + 1 + 10 + 2 + 10
    assert not ec.abort


def test_a_run_that_fails_too_often_has_failed(ec: VirtualController) -> None:
    app = ec.add("Application", duration="10s", exitStatus=3)
    ec.set_policy(app, Retry(2, 1.0, runs=True), "continue")
    ec.deploy()
    assert ec.wait_for(app.failed)
    assert (ec.now, app.failure, ec.abort) == (21.0, "exited with status 3", False)


def test_who_waits_for_an_exit_status_waits_through_the_attempts(ec: VirtualController) -> None:
    app = ec.add("Application", duration="10s", exitStatus=3)
    ec.set_policy(app, Retry(2, 1.0, runs=True), "continue")
    ec.deploy()
    result = ec.wait_for(app.exited(0))
    assert (ec.now, result.ok) == (21.0, False)


def test_an_application_that_waits_for_its_restart_says_so_and_can_be_stopped(ec: VirtualController) -> None:
    app = ec.add("Application", name="app", duration="10s", exitStatus=3)
    ec.set_policy(app, Retry(5, 4.0, runs=True))
    ec.deploy()
    ec.sleep(12)
    assert app.why() == "app is READY; it waits 4 s before its 2nd of 5 attempts, because its run failed: exited with status 3."
    app.stop()
    assert ec.wait_for(app.stopped)
    assert ec.now == 14.0


class Trapped(ResourceManager, rtype="t::Trapped"):
    """Announces its failure as programs of the seed's time do."""

    tries = 0

    @failtrap
    def deploy(self) -> None:
        self.tries += 1
        if self.tries < 3:
            raise RuntimeError("not yet")
        self.set_ready()


def test_a_resource_manager_that_announces_its_failure_is_tried_again_too(ec: VirtualController) -> None:
    trapped = ec.add("t::Trapped")
    ec.set_policy(trapped, Retry(3, 1.0, 1.0))
    ec.deploy()
    assert ec.wait_started(trapped)
    assert (ec.now, trapped.tries, trapped.failure) == (2.0, 3, "")


def test_the_same_seed_waits_as_long_and_another_seed_does_not(new_controller: MakeController) -> None:
    def waited(name: str, seed: int) -> float:
        ec = new_controller(name, seed=seed)
        app = ec.add("Application", failOn="start", failTimes=3)
        ec.set_policy(app, Retry(4, 10.0, 2.0, jitter=0.5, longest_s=25.0))
        ec.deploy()
        assert ec.wait_finished(app)
        return ec.now

    assert waited("one", 7) == waited("two", 7) != waited("three", 8)
    assert 5 + 10 + 12.5 <= waited("four", 9) <= 15 + 25 + 25


def test_the_default_policy_completes_those_of_the_resources(ec: VirtualController) -> None:
    ec.set_default_policy(Retry(2, 1.0), Replace(), "continue")
    own, other = ec.add("Application", failOn="start"), ec.add("Application", failOn="start")
    ec.set_policy(own, Retry(3, 5.0, 1.0))
    critical = ec.add("Application", failOn="start", critical=True, startTime="1h")
    ec.deploy()
    assert ec.wait_for(other.failed)
    assert ec.now == 1.0
    assert ec.wait_for(own.failed)
    assert ec.now == 10.0
    ec.wait_for(critical.failed)
    assert ec.abort_reason == "application-3 failed: start failed: as scripted"


# Another candidate.


def test_a_node_that_fails_is_replaced_by_another_candidate(ec: VirtualController) -> None:
    node = ec.add("Node", candidates="a, b, c", badCandidates="a, b")
    app = ec.add("Application", node)
    ec.set_policy(node, Retry(2, 1.0), Replace(2))
    ec.deploy()
    assert ec.wait_finished(app)
    assert (node.candidate, node.excluded, ec.now) == ("c", ("a", "b"), 2.0)


def test_when_no_candidate_is_left_the_resource_fails_and_says_so(ec: VirtualController) -> None:
    node = ec.add("Node", candidates="a,b", badCandidates="a,b")
    ec.set_policy(node, Replace(5))
    ec.deploy()
    ec.wait_started(node)
    assert ec.abort_reason == "node-1 failed: no candidate is left: it has failed on a, b"


def test_what_was_deployed_on_a_replaced_node_is_deployed_anew(ec: VirtualController) -> None:
    node = ec.add("Node", name="node", startTime="5s", failOn="start", failTimes=1)
    app = ec.add("Application", node, name="app", deployTime="1s", duration="1h")
    ec.set_policy(node, Replace())
    ec.deploy()
    ec.sleep(4)
    assert states(ec) == {"node": "READY", "app": "STARTED"}
    assert ec.wait_started([node, app])
    assert node.candidate == "node.2"
    ec.wait_for(app.finished)
    # 1 s to deploy; the node fails at 6 s; the application is deployed and started anew: at 7 s.
    assert ec.now == 7.0 + 3600


def test_an_abandoned_candidate_is_given_up_before_the_next_is_taken(ec: VirtualController) -> None:
    class Careful(ResourceManager, rtype="t::Careful"):
        """Remembers what happens to it."""

        replaceable = True
        trail: list[str]

        async def deploy(self) -> None:
            self.__dict__.setdefault("trail", []).append("deploy")
            if len(self.trail) == 1:
                raise RuntimeError("no")

        async def abandon(self) -> None:
            self.trail.append("abandon")

    careful = ec.add("t::Careful")
    ec.set_policy(careful, Replace())
    ec.deploy()
    assert ec.wait_started(careful)
    assert careful.trail == ["deploy", "abandon", "deploy"]


def test_a_type_without_candidates_cannot_be_replaced_and_the_plan_says_so(ec: VirtualController) -> None:
    ec.set_policy(ec.add("Application", name="app"), Replace())
    with pytest.raises(PlanError, match=re.escape("has the policy Replace, but a dummy::Application has no other candidates")):
        ec.deploy()


def test_a_policy_is_written_with_the_experiment(ec: VirtualController) -> None:
    node = ec.add("Node")
    ec.set_policy(node, Retry(3, 2.0), Replace(2), "continue")
    record = ec.describe().to_record()["resources"][0]["policy"]
    assert record["replace"] == {"times": 2}
    assert (record["retry"]["attempts"], record["retry"]["delay_s"], node.get("critical")) == (3, 2.0, False)


# Quorum.


def test_a_group_goes_on_when_its_quorum_is_ready(ec: VirtualController) -> None:
    quick = [ec.add("Node", deployTime="1s") for _ in range(19)]
    slow = ec.add("Node", deployTime="1h")
    ec.deploy(quorum=0.95)
    assert ec.wait_started(quick)
    assert ec.now == 1.0
    assert ec.wait_started(slow)
    assert ec.now == 3600.0


def test_those_whom_a_quorum_can_do_without_do_not_abort(ec: VirtualController) -> None:
    nodes = [ec.add("Node", failOn="deploy" if number == 0 else None) for number in range(4)]
    lost = ec.add("Application", nodes[0])
    ec.run(quorum=0.5)
    assert (nodes[0].state, lost.state) == (ResourceState.RELEASED, ResourceState.RELEASED)
    assert nodes[0].failure == "deploy failed: as scripted"


def test_a_quorum_that_is_out_of_reach_aborts_the_run(ec: VirtualController) -> None:
    for number in range(4):
        ec.add("Node", failOn="deploy" if number < 2 else None, deployTime="1s" if number < 2 else "1h")
    ec.deploy(quorum=0.75)
    result = ec.wait_started(ec.resources)
    assert result.reason == "deployment group 1: only 2 of 4 can become READY, and its quorum is 3"
    assert ec.now == 1.0


@pytest.mark.parametrize("quorum", [0, 1.5, "most", True])
def test_a_quorum_is_a_share(quorum: Any, ec: VirtualController) -> None:
    with pytest.raises(BadValueError, match="use a share of the group"):
        ec.deploy(quorum=quorum)


# Deadlines.


def test_each_action_of_a_resource_can_have_a_deadline(ec: VirtualController) -> None:
    node = ec.add("Node", name="node", deployTime="1h")
    ec.set_deadlines(node, deploy="20s")
    ec.deploy()
    assert node.why() == "node is NEW; its deploy is being carried out, for which it has 20 s."
    ec.wait_started(node)
    assert (ec.now, ec.abort_reason) == (20.0, "node failed: deploy was not done within 20 s")


def test_all_resources_can_have_deadlines_of_which_their_own_come_first(ec: VirtualController) -> None:
    ec.set_deadlines(deploy="20s", start=None)
    mine = ec.add("Node", deployTime="25s", critical=False)
    ec.set_deadlines(mine, deploy="30s")
    theirs = ec.add("Node", deployTime="25s", critical=False)
    ec.deploy()
    assert ec.wait_started(mine)
    assert theirs.failure == "deploy was not done within 20 s"


def test_a_deadline_is_of_an_action_and_set_before_it_is_deployed(ec: VirtualController) -> None:
    node = ec.add("Node")
    with pytest.raises(BadValueError, match="there is no action 'dance'"):
        ec.set_deadlines(node, dance="1s")
    ec.deploy()
    with pytest.raises(UsageError, match="set before it is deployed only"):
        ec.set_deadlines(node, deploy="1s")


# Changes that wait for a condition.


def test_a_change_whose_condition_cannot_come_true_inherits_that_failure(ec: VirtualController) -> None:
    other = ec.add("Application", name="other", failOn="start", critical=False)
    link = add(ec, "t::Applied", name="link")
    link.set_when(other.started + "1s", size=5)
    ec.deploy()
    assert ec.wait_for(link.failed)
    assert not ec.abort
    assert link.failure == "cannot set size: other is FAILED (start failed: as scripted) and did not get STARTED before"


def test_a_change_that_fails_fails_its_resource_and_is_not_tried_again(ec: VirtualController) -> None:
    other = ec.add("Application", duration="1h")
    link = add(ec, "t::Applied", name="link", acts={"apply": raising(RuntimeError("no queue"))}, critical=False)
    ec.set_policy(link, Retry(5, 1.0, runs=True))
    link.set_when(other.started + "10s", size=5)
    ec.deploy()
    assert ec.wait_for(link.failed)
    assert (ec.now, link.failure, link.get("size")) == (10.0, "setting size failed: no queue", 1)


def test_a_resource_says_what_will_be_set_on_it(ec: VirtualController) -> None:
    other = ec.add("Application", name="other", duration="1h")
    link = add(ec, "t::Applied", name="link")
    link.set_when(other.finished + "10s", size=5)
    ec.deploy()
    ec.wait_started([link, other])
    assert link.why() == "link is STARTED; size will be set when 10 s after other is FINISHED."


def test_changes_are_in_the_journal_and_a_replay_decides_them_again(new_controller: MakeController, tmp_path: Path) -> None:
    ec = new_controller()
    other = ec.add("Application", duration="1s")
    link = add(ec, "t::Applied", name="link")
    link.set_when(other.finished + "1s", size=7, secret="hunter2", peer_of=other)
    ec.deploy()
    ec.sleep(5)
    manager = link.manager
    assert isinstance(manager, Applied)
    assert [one["size"] for one in manager.applied] == [7]
    ec.shutdown()
    path = Path(ec.run_dir) / "journal.jsonl"
    assert "hunter2" not in path.read_text()
    asked = [event for line in batches(path) for event in line["ev"] if event[0] == "set_asked"]
    assert [event[4] for event in asked] == [{"size": 7, "secret": None, "peer_of": {"resource": other.guid}}]
    assert replay(batches(path)).differences == []


# Nobody is held up.


class Stuck:
    """Plain methods that do not come back until they are told to."""

    def __init__(self, ec: VirtualController, count: int) -> None:
        self.all_are_in = threading.Event()
        self._ec = ec
        self._left = count
        self._lock = threading.Lock()
        self._come_back = threading.Event()

    def __call__(self, _manager: Any) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self.all_are_in.set()
        self._ec.clock.wait_in_thread(self._come_back)

    def end(self) -> None:
        self._come_back.set()


def test_as_many_stuck_plain_methods_as_there_are_threads_do_not_hold_up_a_release(ec: VirtualController) -> None:
    stuck = Stuck(ec, default_limit())
    good = add(ec, "t::Plain", name="good")
    ec.deploy()
    ec.wait_started(good)
    for _ in range(default_limit() + 5):
        add(ec, "t::Plain", acts={"deploy": stuck})
    ec.deploy()
    assert stuck.all_are_in.wait(10)
    assert ec.release(good)  # on a thread of reserve
    ec.release()
    assert len(ec.left_behind) == default_limit()
    stuck.end()


@pytest.mark.slow
def test_more_stuck_plain_releases_than_there_are_threads_hold_up_no_other(ec: VirtualController) -> None:
    stuck = Stuck(ec, 2 * default_limit())
    stuck_ones = [add(ec, "t::Plain", acts={"release": stuck}) for _ in range(2 * default_limit() + 5)]
    good = add(ec, "t::Plain", name="good")
    ec.deploy()
    ec.wait_started([*stuck_ones, good])
    assert good.guid not in ec.left_behind
    ec.release()
    assert set(ec.left_behind) == {one.guid for one in stuck_ones}
    stuck.end()
