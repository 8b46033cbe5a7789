"""What every backend promises about the life of its resources."""

from __future__ import annotations

import pytest

from nepi import ExperimentController, ExperimentError, Handle, ResourceState
from nepi.errors import BadValueError, UnknownAttributeError, UnknownResourceError, UnknownTypeError
from tests.contract.backends import BACKENDS, Backend
from tests.contract.conftest import MakeController, Watcher

pytestmark = pytest.mark.parametrize("backend", BACKENDS)

LONG_S = 600.0
SOON = "20s"


def pair(backend: Backend, ec: ExperimentController) -> tuple[object, ...]:
    a, b = backend.node(ec, "a"), backend.node(ec, "b")
    return a, b, backend.link(ec, a, b)


def entered(ec: ExperimentController, resource: Handle, state: ResourceState) -> float:
    """Return when a resource entered a state, by the run's clock."""
    at = ec._running().runner.engine.members[resource.guid].entered[state]
    assert at is not None
    return at


def test_states_come_in_order(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    watcher = Watcher(ec)
    node = backend.node(ec, "a")
    backend.application(ec, node, name="app")
    ec.run(deadline=SOON)
    assert watcher.states == {"a": ["READY", "STARTED", "STOPPED", "RELEASED"], "app": ["READY", "STARTED", "FINISHED", "RELEASED"]}


def test_an_application_is_released_before_its_node_and_deployed_after_it(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    app = backend.application(ec, node)
    ec.run(deadline=SOON)
    assert node.ready_time <= app.ready_time <= app.start_time <= app.finish_time <= app.release_time <= node.release_time


def test_resources_are_found_by_name(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    assert ec.handle("a") == node
    assert ec.handle(node.guid).name == "a"
    assert backend.application(ec, node).name == f"{backend.kind}-2"
    with pytest.raises(BadValueError, match="resource name 'a' is taken"):
        backend.node(ec, "a")
    with pytest.raises(UnknownResourceError, match="no resource named 'aa'"):
        ec.handle("aa")


def test_what_does_not_exist_is_refused_at_the_line(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    with pytest.raises(UnknownTypeError, match=r"Nod.*did you mean"):
        ec.add("Nod")
    with pytest.raises(UnknownAttributeError, match="no attribute 'nonsense'"):
        ec.add("Node", nonsense=1)
    assert ec.resources == []


def test_critical_can_be_set_until_a_resource_is_deployed(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    assert ec.get(node, "critical") is True
    ec.set(node, "critical", False)
    ec.deploy()
    assert ec.wait_started(node, SOON)
    with pytest.raises(BadValueError, match="before it is deployed only"):
        ec.set(node, "critical", True)
    assert ec.get(node, "critical") is False


def test_a_condition_delays_the_start(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    first, second = backend.application(ec, node, lasts_s=0.05), backend.application(ec, node)
    second.start_when(first.finished + "100ms")
    ec.run(deadline=SOON)
    assert entered(ec, second, ResourceState.STARTED) - entered(ec, first, ResourceState.FINISHED) >= 0.1 - 1e-9


def test_either_of_two_ends_will_do(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    quick, endless, last = backend.application(ec, node), backend.application(ec, node, lasts_s=LONG_S), backend.application(ec, node)
    last.start_when(quick.finished | endless.finished)
    endless.stop_when(last.finished)
    ec.run(deadline=SOON)
    assert endless.stop_time >= last.finish_time


def test_an_exit_status_is_a_condition(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    first, second = backend.application(ec, node, status=backend.failing, critical=False), backend.application(ec, node)
    second.start_when(first.exited(backend.failing))
    ec.run(deadline=SOON)
    assert second.finish_time is not None


def test_what_waits_for_something_that_failed_fails_and_names_it(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    first = backend.application(ec, node, status=backend.failing, critical=False, name="first")
    second = backend.application(ec, node, critical=False)
    second.start_when(first.finished)
    ec.run(deadline=SOON)
    assert "first" in second.failure
    assert second.start_time is None


def test_stop_and_start_again(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    watcher = Watcher(ec)
    app = backend.application(ec, backend.node(ec, "a"), lasts_s=LONG_S, name="app")
    ec.deploy()
    assert watcher.wait("app", "READY", "STARTED")
    app.stop()
    assert watcher.wait("app", "READY", "STARTED", "STOPPED")
    app.start()
    assert watcher.wait("app", "READY", "STARTED", "STOPPED", "STARTED")
    app.stop()
    assert watcher.wait("app", "READY", "STARTED", "STOPPED", "STARTED", "STOPPED")
    ec.shutdown()
    assert watcher.states["app"][5:] == ["RELEASED"]


def test_a_failure_is_told_and_everything_is_released(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    bad = backend.application(ec, node, status=backend.failing, name="bad")
    other = backend.application(ec, node, lasts_s=LONG_S)
    with pytest.raises(ExperimentError, match=rf"(?s)bad failed.*status {backend.failing}"):
        ec.run(deadline=SOON)
    assert f"status {backend.failing}" in bad.failure
    assert [one.state for one in (node, bad, other)] == [ResourceState.RELEASED] * 3


def test_a_failure_that_is_not_critical_does_not_end_the_run(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    bad, good = backend.application(ec, node, status=backend.failing, critical=False), backend.application(ec, node, lasts_s=0.1)
    ec.run(deadline=SOON)
    assert bad.failed_time is not None
    assert good.finish_time is not None


def test_a_deadline_ends_a_run_that_hangs(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    app = backend.application(ec, backend.node(ec, "a"), lasts_s=LONG_S)
    with pytest.raises(ExperimentError):
        ec.run(deadline="300ms")
    assert app.state == ResourceState.RELEASED


def test_releasing_twice_is_harmless(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    resources = pair(backend, ec)
    ec.deploy()
    assert ec.wait_started(list(resources), SOON)
    ec.release()
    ec.release()
    ec.shutdown()
    ec.shutdown()
    assert {ec.state(one, hr=True) for one in ec.resources} == {"RELEASED"}


def test_releasing_what_was_never_deployed_is_harmless(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    pair(backend, ec)
    ec.release()
    assert {ec.state(one, hr=True) for one in ec.resources} == {"RELEASED"}


def test_a_node_released_in_mid_run_takes_along_what_is_on_it_and_nothing_else(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    a, b = backend.node(ec, "a"), backend.node(ec, "b")
    on_a, on_b = backend.application(ec, a, lasts_s=LONG_S), backend.application(ec, b, lasts_s=LONG_S)
    ec.deploy()
    assert ec.wait_started([a, b, on_a, on_b], SOON)
    ec.release([a])
    assert [one.state.name for one in (a, on_a, b, on_b)] == ["RELEASED", "RELEASED", "STARTED", "STARTED"]


def test_more_can_be_added_while_it_runs(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    a = backend.node(ec, "a")
    ec.deploy()
    assert ec.wait_started(a, SOON)
    b = backend.node(ec, "b")
    link = backend.link(ec, a, b)
    app = backend.application(ec, b)
    ec.deploy()
    assert ec.wait_for(app.finished & link.started, SOON)


def test_the_place_of_a_released_resource_can_be_taken_by_another(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    for _ in range(2):
        node = backend.node(ec, "a")
        app = backend.application(ec, node, name="app")
        ec.deploy()
        assert ec.wait_for(app.finished, SOON)
        ec.release([node])
        for one in (app, node):
            ec.remove_resource(one)


def test_an_abort_ends_waits_and_starts_nothing_new(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    running, waiting = backend.application(ec, node, lasts_s=LONG_S), backend.application(ec, node)
    waiting.start_when(running.finished)
    ec.deploy()
    assert ec.wait_for(running.started, SOON)
    ec.abort_run("enough")
    result = ec.wait_finished([running, waiting], SOON)
    assert not result
    assert "enough" in result.reason
    ec.shutdown()
    assert waiting.start_time is None
    assert running.state == ResourceState.RELEASED


def test_two_experiments_with_the_same_names_run_side_by_side(backend: Backend, controller: MakeController) -> None:
    ecs = [controller("one"), controller("two")]
    apps = []
    for ec in ecs:
        pair(backend, ec)
        apps.append(backend.application(ec, ec.handle("a"), lasts_s=0.2, name="app"))
        ec.deploy()
    for ec, app in zip(ecs, apps, strict=True):
        assert ec.wait_for(app.finished, SOON)
    ecs[0].shutdown()
    again = backend.application(ecs[1], ecs[1].handle("a"))
    ecs[1].deploy()
    assert ecs[1].wait_for(again.finished, SOON)


def test_a_controller_that_is_used_as_a_context_releases_when_the_program_raises(backend: Backend, controller: MakeController) -> None:
    ec = controller()

    def program() -> None:
        with ec:
            resources = pair(backend, ec)
            ec.deploy()
            assert ec.wait_started(list(resources), SOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        program()
    assert {ec.state(one, hr=True) for one in ec.resources} == {"RELEASED"}


def test_why_says_what_is_waited_for(backend: Backend, controller: MakeController) -> None:
    ec = controller()
    node = backend.node(ec, "a")
    running, waiting = backend.application(ec, node, lasts_s=LONG_S, name="running"), backend.application(ec, node)
    waiting.start_when(running.finished)
    ec.deploy()
    assert ec.wait_for(running.started & waiting.ready, SOON)
    assert "running" in waiting.why()
