"""Fault injection: schedules are data and repeat; each kind of fault happens for real, and what lasts ends."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from nepi.engine.replay import replay
from nepi.errors import BadValueError, UsageError
from nepi.execution.ec import ExperimentController
from nepi.execution.journal import batches
from nepi.execution.resource import ResourceManager
from nepi.model.policies import Replace, Retry
from nepi.testing import Act, Fault, FaultSchedule, VirtualController, filled_disk, jumped_clock, no_files, virtual_time
from nepi.testing.pytest_plugin import Inject, MakeController
from nepi.util.timefuncs import tdiffsec, tnow

ALL = {
    "kill": ["app-0", "app-1", "app-2"],
    "drop": ["node-0", "node-1"],
    "fail": ["node-0", "app-1", "node-2"],
    "stall": ["node-1", "app-0", "app-2"],
    "journal": [],
    "clock": [],
}

# Schedules.


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    assert FaultSchedule.random(7, ALL) == FaultSchedule.random(7, ALL) != FaultSchedule.random(8, ALL)


@pytest.mark.parametrize("seed", range(20))
def test_a_schedule_prints_as_what_makes_it_again(seed: int) -> None:
    schedule = FaultSchedule.random(seed, ALL, count=8)
    assert eval(repr(schedule)) == schedule
    assert [fault.at_s for fault in schedule.faults] == sorted(fault.at_s for fault in schedule.faults)


def test_a_fault_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(BadValueError, match="use one of kill, drop"):
        Fault("flood")  # type: ignore[arg-type]  # that is what is tried
    with pytest.raises(BadValueError, match="it needs target"):
        Fault("kill")
    with pytest.raises(BadValueError, match="it has no target"):
        Fault("clock", target="node")
    with pytest.raises(BadValueError, match="fail and stall are of deploy"):
        Fault("fail", target="node", verb="dance")


def test_faults_are_put_on_a_controller_that_has_not_begun(ec: VirtualController, inject: Inject) -> None:
    ec.add("Node")
    ec.deploy()
    with pytest.raises(UsageError, match="before its first deploy"):
        inject(ec, Fault("clock", by_s=5))


# Each kind.


def test_a_verb_fails_as_often_as_the_fault_says(ec: VirtualController, inject: Inject) -> None:
    node = ec.add("Node", name="node")
    ec.set_policy(node, Retry(3, 1.0, 1.0))
    fault = Fault("fail", target="node", verb="deploy", times=2)
    injection = inject(ec, fault)
    ec.deploy()
    assert ec.wait_started(node)
    assert ec.now == 2.0
    assert injection.struck == [(0.0, fault), (1.0, fault)]


def test_a_verb_that_stalls_goes_on_after_its_time_or_is_cut_short_by_its_deadline(ec: VirtualController, inject: Inject) -> None:
    one, other = ec.add("Node", name="one"), ec.add("Node", name="other", critical=False)
    ec.set_deadlines(other, deploy="20s")
    inject(ec, Fault("stall", target="one", verb="start", for_s=30), Fault("stall", target="other", verb="deploy"))
    ec.deploy(wait_all_ready=False)
    assert ec.wait_started(one)
    assert ec.now == 30.0
    assert other.failure == "deploy was not done within 20 s"


class Base(ResourceManager, rtype="t::Base"):
    """Has no methods of its own."""


class PlainStart(ResourceManager, rtype="t::PlainStart"):
    """Has a plain one."""

    def start(self) -> None:
        self.set_started()


def test_inherited_and_plain_methods_are_hit_too(ec: VirtualController, inject: Inject) -> None:
    plain, base = ec.add("t::PlainStart", name="plain"), ec.add("t::Base", name="base")
    inject(ec, Fault("stall", target="plain", verb="start", for_s=5), Fault("stall", target="base", verb="start", for_s=7))
    ec.deploy(wait_all_ready=False)
    assert ec.wait_started([plain, base])
    assert ec.now == 7.0


def test_a_release_that_fails_or_stalls_is_left_behind(ec: VirtualController, inject: Inject) -> None:
    nodes = [ec.add("Node", name=name) for name in ("a", "b", "c")]
    inject(ec, Fault("fail", target="a", verb="release"), Fault("stall", target="b", verb="release"))
    ec.deploy()
    ec.wait_started(nodes)
    ec.release()
    assert ec.left_behind == {1: "release failed: fault injection", 2: "release was not done within 60 s"}


def test_what_is_killed_fails_while_it_runs_and_its_policy_starts_it_again(ec: VirtualController, inject: Inject) -> None:
    app = ec.add("Application", name="app", duration="10s")
    ec.set_policy(app, Retry(2, 1.0, runs=True))
    injection = inject(ec, Fault("kill", 4.0, target="app"), Fault("kill", 100.0, target="app"))
    ec.run()
    assert [at for at, _ in injection.struck] == [4.0]
    assert not ec.abort


def test_a_host_that_is_dropped_takes_along_what_runs_on_it_and_is_replaced(ec: VirtualController, inject: Inject) -> None:
    node = ec.add("Node", name="node")
    app = ec.add("Application", node, duration="10s", critical=False)
    ec.set_policy(node, Replace())
    inject(ec, Fault("drop", 3.0, target="node"))
    ec.deploy()
    assert ec.wait_for(app.failed)
    assert ec.wait_started(node)
    assert (node.candidate, app.failure) == ("node.2", "its host node is gone")


def test_a_link_is_cut_and_mended() -> None:
    with virtual_time() as run:
        ec = ExperimentController("cut", backend="netns")
        a, b = ec.add("Node"), ec.add("Node")
        link = ec.add("Link", a, b, name="link")
        ping = ec.add("Ping", a, target=b, count=60, interval=1)
        with FaultSchedule((Fault("cut", 10.0, target="link", for_s=5),)).on(ec):
            ec.deploy()
            assert ec.wait_for(ping.finished)
        assert run.applied(link) == [(10.0, {"up": False}), (15.0, {"up": True})]


def test_a_journal_that_cannot_be_written_aborts_and_everything_is_released(ec: VirtualController, inject: Inject) -> None:
    app = ec.add("Application", duration="1h")
    inject(ec, Fault("journal", 10.0))
    ec.deploy()
    ec.sleep(20)
    app.stop()
    ec.wait_for(app.ended, deadline="1m")
    assert "No space left on device" in ec.abort_reason
    ec.shutdown()
    assert ec.left_behind == {}
    assert replay(batches(Path(ec.run_dir) / "journal.jsonl")).differences == []


def test_a_jump_of_the_wall_clock_changes_dates_and_no_duration(ec: VirtualController, inject: Inject) -> None:
    app = ec.add("Application", name="app", duration="1h")
    follower = ec.add("Application")
    follower.start_when(app.finished + "10s")
    inject(ec, Fault("clock", 60.0, by_s=86400.0))
    ec.deploy()
    assert ec.wait_finished(follower)
    assert ec.now == 3610.0
    assert tdiffsec(app.finish_time, app.start_time) > 86400


def test_the_clock_is_right_again_afterwards() -> None:
    before = tnow()
    with jumped_clock(-3600.0):
        assert tdiffsec(tnow(), before) < -3500
    assert 0 <= tdiffsec(tnow(), before) < 60


def test_without_descriptors_nothing_can_be_opened_and_afterwards_it_can() -> None:
    with no_files(), pytest.raises(OSError, match="Too many open files"):
        os.open("/dev/null", os.O_RDONLY)
    os.close(os.open("/dev/null", os.O_RDONLY))


def test_a_run_goes_through_a_time_without_descriptors(ec: VirtualController, inject: Inject) -> None:
    app = ec.add("Application", duration="1h")
    inject(ec, Fault("files", 10.0, for_s=600.0))
    ec.deploy()
    assert ec.wait_finished(app)
    assert ec.now == 3600.0


def test_a_real_disk_is_not_filled(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    if free < 2**28:
        pytest.skip("needs a disk with more than 256 MB free")
    with pytest.raises(UsageError, match="is not filled"), filled_disk(tmp_path):
        pass


def test_what_cannot_be_hit_is_told_and_breaks_nothing(ec: VirtualController, inject: Inject) -> None:
    app = ec.add("Application", name="app", duration="10s")
    kill, agent = Fault("kill", 1.0, target="nobody"), Fault("agent", 1.0)
    injection = inject(ec, kill, agent)
    ec.run()
    assert app.failure == ""
    assert [(fault, reason.partition(":")[0]) for fault, reason in injection.missed] == [
        (kill, "UnknownResourceError"),
        (agent, "UsageError"),
    ]


# All of them together.


@pytest.mark.parametrize("seed", range(40))
def test_whatever_goes_wrong_a_run_ends_released_and_replays(seed: int, new_controller: MakeController, inject: Inject) -> None:
    chance = Random(seed)
    ec = new_controller(f"chaos-{seed}", seed=seed)
    ec.set_default_policy(*chance.choice([("continue",), ("abort",), (Retry(3, 1.0, jitter=0.5, runs=True), "continue")]))
    ec.set_deadlines(deploy="30s", start="30s")
    for number in range(3):
        node = ec.add("Node", name=f"node-{number}", deployTime="1s")
        ec.add("Application", node, name=f"app-{number}", duration="40s")
    injection = inject(ec, FaultSchedule.random(seed, ALL, count=6))
    ec.deploy(quorum=chance.choice((None, 0.5)))
    ec.wait_for(ec.handle("app-0").ended & ec.handle("app-1").ended & ec.handle("app-2").ended, deadline="10m")
    ec.shutdown()
    assert {ec.state(guid, hr=True) for guid in ec.resources} == {"RELEASED"}
    assert injection.missed == [] or all(fault.kind in ("kill", "drop") for fault, _ in injection.missed)
    assert replay(batches(Path(ec.run_dir) / "journal.jsonl")).differences == []


def test_stand_ins_are_killed_as_well() -> None:
    with virtual_time({"server": Act()}) as run:
        ec = ExperimentController("x", backend="netns")
        server = ec.add("Iperf3Server", ec.add("Node"), name="server", critical=False)
        with FaultSchedule((Fault("kill", 5.0, target="server"),)).on(ec):
            ec.deploy()
            assert ec.wait_for(server.failed)
        assert run.now == 5.0
