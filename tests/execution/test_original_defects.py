"""Defects of the original's core (section 3 of the facts), one test each where no other has its name: none may reappear.

Elsewhere: time condition on a skipped state, starts that reschedule for ever (tests/engine); absolute dates, immediate shutdown
(test_waits_and_tasks); custom failure manager (test_failures); refused connection, partial release, node alone, types and flags (test_run).
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from nepi.engine.core import Engine
from nepi.engine.events import Joined, Profile
from nepi.errors import BadValueError
from nepi.execution.attribute import Attribute, Types
from nepi.execution.journal import batches
from nepi.execution.resource import ResourceManager
from nepi.testing import VirtualController
from tests.execution.managers import add, raising, states


def test_nothing_polls_while_nothing_happens(ec: VirtualController) -> None:
    node = ec.add("Node", name="node", deployTime="1h")
    for _ in range(10):
        ec.add("Application", node)
    ec.deploy()
    ec.wait_finished(ec.resources[1:])
    assert len(list(batches(Path(ec.run_dir) / "journal.jsonl"))) < 30


def test_asking_for_the_abort_looks_at_no_resource(ec: VirtualController) -> None:
    asked: list[int] = []

    class Counted(ResourceManager, rtype="t::Counted"):
        def get(self, name: str) -> object:
            asked.append(self.guid)
            return super().get(name)

    for _ in range(100):
        ec.add("t::Counted")
    asked.clear()
    assert [ec.abort for _ in range(100)] == [False] * 100
    assert asked == []


def test_the_barrier_does_not_loop_after_an_abort(ec: VirtualController) -> None:
    add(ec, "t::Async", name="bad", acts={"deploy": raising()})
    ec.add("Node", name="good", deployTime="10s")
    ec.deploy()
    ec.wait_started("good")
    ec.sleep(11)
    before = len(list(batches(Path(ec.run_dir) / "journal.jsonl")))
    ec.sleep(3600)
    assert len(list(batches(Path(ec.run_dir) / "journal.jsonl"))) == before
    assert states(ec) == {"bad": "FAILED", "good": "READY"}


def test_blocking_work_starves_nobody(ec: VirtualController) -> None:
    forever = threading.Event()
    for _ in range(30):
        add(ec, "t::Plain", acts={"deploy": lambda _rm: ec.clock.wait_in_thread(forever)})
    quick = add(ec, "t::Plain")
    ec.deploy(wait_all_ready=False)
    assert ec.wait_started(quick)
    forever.set()
    assert ec.wait_started(ec.resources)


def test_fail_inside_a_life_cycle_method_does_not_lock_up(ec: VirtualController) -> None:
    add(ec, "t::Plain", name="a", acts={"release": lambda rm: rm.fail()})
    ec.deploy()
    ec.wait_started("a")
    ec.release()
    assert states(ec) == {"a": "RELEASED"}


def test_resources_may_be_registered_by_many_threads(ec: VirtualController) -> None:
    def register() -> None:
        for _ in range(200):
            ec.register_resource("Node")
            list(ec.resources)

    threads = [threading.Thread(target=register) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(ec.resources) == list(range(1, 1601))


def test_resources_may_be_registered_and_deployed_by_a_resource(ec: VirtualController) -> None:
    def register(rm: ResourceManager) -> None:
        guid = rm.ec.register_resource("Node")
        rm.ec.deploy([guid])

    add(ec, "t::Plain", name="parent", acts={"deploy": register})
    ec.deploy()
    ec.wait_started("parent")
    assert ec.wait_started(2)


def test_a_registered_application_may_be_waited_for_by_its_maker(ec: VirtualController) -> None:
    def register(rm: ResourceManager) -> None:
        guid = rm.ec.register_resource("Application", duration="0s")
        rm.ec.deploy([guid], wait_all_ready=False)
        rm.ec.wait_finished(guid)

    add(ec, "t::Plain", name="parent", acts={"deploy": register})
    ec.deploy()
    assert ec.wait_started("parent")


def test_results_of_tasks_do_not_pile_up(ec: VirtualController) -> None:
    for _ in range(500):
        ec.schedule("0s", lambda: "x" * 1000)
    ec.settle()
    assert ec.get_task(1) is None
    assert len(ec._tasks._tracked) == 0


@pytest.mark.parametrize(
    ("kind", "bad"), [(Types.Bool, "yes"), (Types.Integer, "many"), (Types.Double, "much"), (Types.Duration, "10"), (Types.String, [])]
)
def test_the_type_of_an_attribute_is_enforced(kind: str, bad: object) -> None:
    with pytest.raises(BadValueError, match="attribute 'x'"):
        Attribute("x", "Anything.", type=kind).value = bad


def test_a_failure_that_is_not_critical_ends_the_wait_for_it(ec: VirtualController) -> None:
    """The original: rescheduled for ever."""
    add(ec, "t::Async", name="a", acts={"deploy": raising()}, critical=False)
    ec.deploy()
    assert ec.wait_finished("a")
    assert ec.now == 0.0


def test_a_whole_small_experiment_takes_no_half_seconds(ec: VirtualController) -> None:
    ec.add("Application", ec.add("Node"))
    ec.run()
    assert ec.now == 0.0


def test_two_journals_of_engines_do_not_know_each_other() -> None:
    one, other = Engine(), Engine()
    one.handle(Joined(Profile(), (1,)), now=0.0)
    assert (list(one.members), list(other.members)) == ([1], [])
