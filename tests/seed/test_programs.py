"""Programs of the seed's time: they describe by guids, deploy, wait, look at states and traces, and shut down."""

# mypy: ignore-errors
# ruff: noqa: UP008, UP031

import functools
import threading
import time

import pytest

from nepi.errors import NepiError
from nepi.execution.ec import ECState, ExperimentController, FailureLevel, FailureManager
from nepi.execution.resource import (
    ResourceAction,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    ResourceState2str,
    clsinit_copy,
    failtrap,
)
from nepi.execution.scheduler import TaskStatus
from nepi.execution.trace import TraceAttr
from nepi.testing import VirtualController
from nepi.util.timefuncs import tnow, tsformat
from tests.seed import managers


@pytest.fixture(autouse=True)
def calls():
    managers.CALLS.clear()
    return managers.CALLS


def add_host(ec, hostname="here"):
    guid = ec.register_resource("OldHost")
    ec.set(guid, "hostname", hostname)
    return guid


def add_app(ec, host, command="sleep", seconds=3.0, rtype="OldApplication"):
    guid = ec.register_resource(rtype)
    ec.set(guid, "command", command)
    ec.set(guid, "seconds", seconds)
    ec.register_connection(guid, host)
    return guid


def seconds_between(earlier, later):
    return (later - earlier).total_seconds()


def test_hello_world(ec):
    node = add_host(ec)
    app = add_app(ec, node, "echo hello")
    ec.enable_trace(app, "stdout")
    ec.deploy()
    apps = [app]
    ec.wait_finished(apps)
    assert apps == [app]
    assert ec.state(app) == ResourceState.FINISHED
    assert ec.state(app, hr=True) == "FINISHED"
    assert "%s %d" % (ec.state(app), ec.state(app)) == "6 6"
    assert ec.trace(app, "stdout") == "stdout of echo hello"
    assert ec.trace(app, "stdout", TraceAttr.SIZE) == 20
    assert ec.trace(app, "stdout", attr=TraceAttr.STREAM, block=5, offset=1) == "t of "
    assert ec.trace(app, "stdout", TraceAttr.PATH) == "/somewhere/stdout"
    ec.shutdown()
    assert [ec.state(guid, hr=True) for guid in ec.resources] == ["RELEASED", "RELEASED"]
    assert ec.ecstate == ECState.TERMINATED
    ec.shutdown()


def test_the_one_whose_state_ends_it_ends_at_the_next_look(ec):
    node = add_host(ec)
    app = add_app(ec, node, seconds=2.5)
    ec.deploy()
    ec.wait_finished(app)
    assert 2.5 <= ec.now <= 4
    assert ec.get_resource(app).finish_time is not None


def test_states_times_and_conditions_of_a_manager(ec):
    node = add_host(ec)
    app = add_app(ec, node)
    rm = ec.get_resource(app)
    rm.register_condition(ResourceAction.START, [node], ResourceState.READY, "2s")
    assert rm.conditions == {ResourceAction.START: [([node], ResourceState.READY, "2s")]}
    assert rm._conditions is rm.conditions
    ec.deploy()
    ec.wait_started(app)
    assert ec.now == pytest.approx(2, abs=0.01)
    assert ec.get_resource(node).discover_time <= ec.get_resource(node).provision_time <= ec.get_resource(node).ready_time
    assert rm._start_time == rm.start_time
    assert rm.deployment_group == ec.get_resource(node).deployment_group


def test_a_node_that_waits_for_its_interface_and_is_connected_on_both_sides(ec, calls):
    node, iface = add_host(ec), ec.register_resource("OldInterface")
    ec.register_connection(node, iface)
    assert calls == [("OldInterface", iface, "connect")]
    assert ec.get_resource(node).connections == {iface}
    assert ec.get_resource(iface).get_connected("OldHost") == [ec.get_resource(node)]
    assert ec.get_resource(iface).get_connected() == [ec.get_resource(node)]
    ec.deploy()
    ec.wait_started([node, iface])
    assert ec.get_resource(node).start_time is not None


def test_get_connected_finds_heirs_and_not_strangers(ec):
    node = add_host(ec)
    app, ping = add_app(ec, node), add_app(ec, node, rtype="OldPing")
    rm = ec.get_resource(node)
    assert rm.get_connected("OldApplication") == [ec.get_resource(app), ec.get_resource(ping)]
    assert rm.get_connected("OldPing") == [ec.get_resource(ping)]
    assert rm.get_connected("OldTunnel") == []


def test_a_connection_that_one_side_refuses_is_on_neither(ec, calls):
    one, other = add_host(ec), add_host(ec)
    with pytest.raises(NepiError, match="oldhost-1 .*oldhost-2"):
        ec.register_connection(one, other)
    assert ec.get_resource(one).connections == ec.get_resource(other).connections == set()


def test_a_connection_whose_second_side_raises_is_on_neither(ec, calls):
    class Picky(managers.Host):
        _rtype = "OldPicky"

        def valid_connection(self, guid):
            raise RuntimeError("no idea")

    ResourceFactory.register_type(Picky)
    iface, picky = ec.register_resource("OldInterface"), ec.register_resource("OldPicky")
    with pytest.raises(RuntimeError, match="no idea"):
        ec.register_connection(iface, picky)
    assert ec.get_resource(iface).connections == set()
    assert calls == [("OldInterface", iface, "connect"), ("OldInterface", iface, "disconnect")]


def test_unregistering_a_connection_disconnects_once(ec, calls):
    node, iface = add_host(ec), ec.register_resource("OldInterface")
    ec.register_connection(node, iface)
    ec.get_resource(iface).unregister_connection(node)
    ec.get_resource(iface).unregister_connection(node)
    assert [verb for _, _, verb in calls] == ["connect", "disconnect"]
    assert ec.get_resource(iface).connections == set()


def test_a_manager_that_registers_another_while_it_is_deployed(ec):
    node = add_host(ec)
    route = ec.register_resource("OldRoute")
    ec.set(route, "target", "10.0.0.1")
    ec.enable_trace(route, "ping")
    ec.register_connection(route, node)
    ec.deploy()
    ec.wait_started(route)
    ping = ec.get_resource(route)._ping
    ec.wait_finished(ping)
    assert ec.state(ping) == ResourceState.FINISHED
    assert ec.trace(route, "ping") == "stdout of ping -c 2 10.0.0.1"
    assert ec.get_resource(ping).deployment_group == ec.get_resource(route).deployment_group
    ec.shutdown()
    assert ec.state(ping) == ResourceState.RELEASED


def test_many_managers_that_register_others_at_once(ec):
    nodes = [add_host(ec) for _ in range(5)]
    routes = []
    for node in nodes * 4:
        route = ec.register_resource("OldRoute")
        ec.set(route, "target", "t")
        ec.enable_trace(route, "ping")
        ec.register_connection(route, node)
        routes.append(route)
    ec.deploy()
    assert ec.wait_started(routes)
    pings = [ec.get_resource(route)._ping for route in routes]
    assert len(set(pings)) == 20
    assert ec.wait_finished(pings)
    assert {ec.state(guid) for guid in pings} == {ResourceState.FINISHED}


def test_a_manager_that_stops_itself_by_the_scheduler(ec):
    beacon = ec.register_resource("OldBeacon")
    ec.deploy()
    ec.wait_finished([beacon])
    assert ec.state(beacon, hr=True) == "STOPPED"
    assert ec.now == pytest.approx(5, abs=0.01)
    rm = ec.get_resource(beacon)
    assert rm.lasted == seconds_between(rm.start_time, rm.stop_time) or rm.lasted >= 0


def test_stopping_after_just_the_reschedule_delay_is_no_waiting(ec):
    """The peer changes state meanwhile: that is no reason to stop earlier."""
    node = add_host(ec)
    beacon = ec.register_resource("OldBeacon")
    ec.get_resource(beacon).runs_for = "1s"
    ec.register_connection(beacon, node)
    ec.register_condition(node, ResourceAction.START, beacon, ResourceState.STARTED, "0.5s")
    ec.deploy()
    ec.wait_finished([beacon])
    assert ec.now == pytest.approx(1, abs=0.01)


def test_what_waited_for_its_peer_before_is_not_stopped_by_it_later(ec):
    @clsinit_copy
    class Late(managers.Beacon):
        _rtype = "OldLate"

        def deploy(self):
            if self.get_connected("OldHost")[0].state < ResourceState.READY:
                self.ec.schedule("1s", self.deploy)
                return
            self.set_ready()

    ResourceFactory.register_type(Late)
    node, late = add_host(ec), ec.register_resource("OldLate")
    ec.get_resource(late).runs_for = "1s"
    ec.register_connection(late, node)
    ec.register_condition(node, ResourceAction.DEPLOY, [late], ResourceState.NEW, "3s")
    ec.register_condition(node, ResourceAction.START, late, ResourceState.STARTED, "0.5s")
    ec.deploy()
    ec.wait_finished([late])
    assert ec.now == pytest.approx(4, abs=0.05)


def test_a_release_that_waits_for_its_peers(ec, calls):
    taps = [ec.register_resource("OldTap"), ec.register_resource("OldTap")]
    tunnel = ec.register_resource("OldTunnel")
    for tap in taps:
        ec.register_connection(tunnel, tap)
    ec.deploy()
    ec.wait_started([*taps, tunnel])
    ec.release()
    first, *rest = [call for call in calls if call[2] == "release"]
    assert first == ("OldTunnel", tunnel, "release")
    # Both taps wait for the tunnel only, each in a thread of its own: neither is promised to be first.
    assert sorted(rest) == [("OldTap", tap, "release") for tap in taps]
    assert ec.now < 1


def test_a_host_is_given_back_after_its_applications_have_stopped(ec, calls):
    node = add_host(ec)
    apps = [add_app(ec, node, seconds=100) for _ in range(3)]
    ec.deploy()
    ec.wait_started(apps)
    ec.shutdown()
    released = [guid for _, guid, verb in calls if verb == "release"]
    assert released[-1] == node
    assert sorted(released) == sorted([node, *apps])


@pytest.mark.parametrize("action", [ResourceAction.DEPLOY, ResourceAction.START, ResourceAction.STOP])
@pytest.mark.parametrize("state", [ResourceState.READY, ResourceState.STARTED, ResourceState.FINISHED])
@pytest.mark.parametrize("time", [None, "2s", "500ms"])
def test_conditions_on_every_action(ec, action, state, time):
    node = add_host(ec)
    first, second = add_app(ec, node, seconds=4), add_app(ec, node, seconds=100)
    ec.register_condition([second], action, [first], state, time=time) if time else ec.register_condition(second, action, first, state)
    ec.deploy(wait_all_ready=action != ResourceAction.DEPLOY)
    reached = {ResourceAction.DEPLOY: ec.wait_deployed, ResourceAction.START: ec.wait_started, ResourceAction.STOP: ec.wait_finished}
    assert reached[action](second)
    expected = {ResourceState.FINISHED: 4.0}.get(state, 0.0) + {"2s": 2.0, "500ms": 0.5}.get(time, 0.0)
    assert expected <= ec.now <= expected + 1.01  # the end of the first is seen at the next look


@pytest.mark.parametrize("state", list(ResourceState))
def test_a_start_waits_for_every_state_there_is(ec, state):
    node = add_host(ec)
    first, second = add_app(ec, node, seconds=1), add_app(ec, node)
    ec.register_condition(second, ResourceAction.START, first, state, "1s")
    ec.deploy()
    if state in (ResourceState.FAILED, ResourceState.RELEASED):
        ec.wait_finished(first)
        ec.release(first)
    assert ec.wait_started(second)


def test_set_with_conditions_which_never_worked(ec):
    node = add_host(ec)
    app = add_app(ec, node, seconds=10)
    ec.set_with_conditions("maxLoad", 7, node, app, ResourceState.STARTED, "2s")
    ec.get_resource(node).set_with_conditions("operatingSystem", "f8", [app], ResourceState.STARTED, "3s")
    ec.deploy()
    ec.wait_started(app)
    ec.sleep(1.9)
    assert ec.get(node, "maxLoad") is None
    ec.sleep(0.2)
    assert ec.get(node, "maxLoad") == 7
    ec.sleep(1)
    assert ec.get(node, "operatingSystem") == "f8"


def test_deploying_in_groups_and_without_the_barrier(ec):
    node = add_host(ec)
    first = add_app(ec, node)
    group = ec.deploy(guids=[node, first], wait_all_ready=False)
    ec.wait_started(first)
    second = add_app(ec, node)
    ec.deploy(guids=[second], group=group)
    ec.wait_started(second)
    third = add_app(ec, node)
    ec.deploy(third)
    ec.wait_started(third)
    assert ec.get_resource(second).deployment_group == ec.get_resource(first).deployment_group != ec.get_resource(third).deployment_group


def test_tasks(ec):
    done = []

    def add(text):
        done.append(text)
        return text

    ec.deploy()
    tid = ec.schedule("2s", functools.partial(add, "tracked"), track=True)
    ec.schedule(tsformat(tnow()), lambda: add("now"))
    untracked = ec.schedule("1s", lambda: add("soon"))
    failing = ec.schedule("1s", lambda: 1 / 0, track=True)
    ec.sleep(3)
    assert sorted(done) == ["now", "soon", "tracked"]
    assert (ec.get_task(tid).status, ec.get_task(tid).result) == (TaskStatus.DONE, "tracked")
    assert ec.get_task(failing).status == TaskStatus.ERROR
    assert "ZeroDivisionError" in ec.get_task(failing).result
    assert ec.get_task(untracked) is None


def test_a_tracked_task_may_be_a_life_cycle_method(ec):
    node = add_host(ec)
    app = add_app(ec, node, seconds=100)
    ec.deploy()
    ec.wait_started(app)
    tid = ec.schedule("1s", ec.get_resource(app).stop, track=True)
    ec.wait_finished(app)
    ec.settle()
    assert ec.get_task(tid).status == TaskStatus.DONE


def test_a_life_cycle_method_with_arguments_is_called_with_them(ec):
    class Told(managers.Beacon):
        _rtype = "OldTold"

        def start(self):
            self.set_started()
            self.ec.schedule("1s", functools.partial(self.stop, "enough"))

        def stop(self, why=None):
            self.why = why
            self.set_stopped()

    ResourceFactory.register_type(Told)
    guid = ec.register_resource("OldTold")
    ec.deploy()
    ec.wait_finished(guid)
    assert ec.get_resource(guid).why == "enough"


def test_direct_calls_from_the_program(ec):
    """A program may drive one resource by hand: it is looked at all the same."""
    node = add_host(ec)
    app = add_app(ec, node, seconds=2)
    ec.deploy([node])
    ec.wait_deployed(node)
    ec.discover(app)
    ec.provision(app)
    assert ec.state(app) == ResourceState.PROVISIONED
    ec.get_resource(app).deploy()
    ec.start(app)
    assert ec.state(app, hr=True) == "STARTED"
    ec.wait_finished(app)
    assert ec.state(app, hr=True) == "FINISHED"


def test_an_application_that_is_started_again_is_looked_at_again(ec):
    node = add_host(ec)
    app = add_app(ec, node, seconds=50)
    ec.deploy()
    ec.wait_started(app)
    ec.stop(app)
    assert ec.state(app, hr=True) == "STOPPED"
    ec.set(app, "seconds", 2)
    ec.start(app)
    assert ec.wait(app, ResourceState.FINISHED, deadline="60s")
    assert ec.now < 10


def test_a_failtrapped_method_fails_the_resource_and_the_rest_is_given_back(ec, caplog):
    class Broken(managers.Application):
        _rtype = "OldBroken"

        @failtrap
        def start(self):
            raise RuntimeError("no such command")

    ResourceFactory.register_type(Broken)
    node = add_host(ec)
    app, broken = add_app(ec, node), add_app(ec, node, rtype="OldBroken")
    ec.deploy()
    result = ec.wait_finished([app, broken])
    assert not result
    assert "no such command" in result.reason
    assert ec.abort
    assert ec.state(broken) == ResourceState.FAILED
    assert ec.failure_level == FailureLevel.RM_FAILURE
    assert "RuntimeError: no such command" in caplog.text
    ec.shutdown()
    assert {ec.state(guid, hr=True) for guid in ec.resources} == {"RELEASED"}


def test_a_failure_that_is_not_critical(ec):
    class Broken(managers.Application):
        _rtype = "OldBroken"

        def deploy(self):
            self.fail()

    ResourceFactory.register_type(Broken)
    node = add_host(ec)
    app, broken = add_app(ec, node), add_app(ec, node, rtype="OldBroken")
    ec.set(broken, "critical", False)
    ec.deploy()
    assert ec.wait_finished([app, broken])
    assert not ec.abort
    assert [ec.state(guid, hr=True) for guid in (app, broken)] == ["FINISHED", "FAILED"]


def test_overridden_fail_and_finish_are_what_is_called(ec):
    told = []

    class Talking(managers.Application):
        _rtype = "OldTalking"

        def fail(self):
            told.append("failed")
            super(Talking, self).fail()

        def finish(self):
            told.append("finished")
            super(Talking, self).finish()

    ResourceFactory.register_type(Talking)
    node = add_host(ec)
    good, bad = add_app(ec, node, rtype="OldTalking", seconds=1), add_app(ec, node, rtype="OldTalking", seconds=100)
    ec.set(bad, "critical", False)
    ec.deploy()
    ec.wait_finished(good)
    ec.schedule("1s", ec.get_resource(bad).fail)
    ec.wait_finished(bad)
    assert told == ["finished", "failed"]
    assert [ec.state(guid, hr=True) for guid in (good, bad)] == ["FINISHED", "FAILED"]


def test_a_state_that_raises_fails_its_resource(ec):
    class Lost(managers.Application):
        _rtype = "OldLost"

        @property
        def state(self):
            if self._state == ResourceState.STARTED:
                raise OSError("connection lost")
            return self._state

    ResourceFactory.register_type(Lost)
    node = add_host(ec)
    app = add_app(ec, node, rtype="OldLost")
    ec.deploy()
    result = ec.wait_finished(app, deadline="20s")
    assert not result
    assert "connection lost" in result.reason


def test_states_that_are_assigned_by_hand(ec):
    class Byhand(ResourceManager):
        _rtype = "OldByhand"

        def __init__(self, ec, guid):
            super(Byhand, self).__init__(ec, guid)
            self._state = ResourceState.NEW
            self._connections = set()
            self._conditions.setdefault(ResourceAction.START, [])

        def deploy(self):
            self._ready_time = tnow()
            self._state = 3

        def start(self):
            self._state = ResourceState.STARTED
            self._state = ResourceState.FINISHED

    ResourceFactory.register_type(Byhand)
    guid = ec.register_resource("OldByhand")
    ec.deploy()
    assert ec.wait_finished(guid)
    assert ec.state(guid, hr=True) == ResourceState2str[6]


def test_a_state_time_of_ones_own(ec):
    class Timed(managers.Beacon):
        _rtype = "OldTimed"

        def deploy(self):
            self.set_state(ResourceState.READY, "_configured_time")

    ResourceFactory.register_type(Timed)
    guid = ec.register_resource("OldTimed")
    ec.deploy()
    ec.wait_deployed(guid)
    assert seconds_between(ec.get_resource(guid)._configured_time, tnow()) < 60


def test_conditions_put_into_the_dictionary_by_hand(ec):
    node = add_host(ec)
    first, second = add_app(ec, node, seconds=2), add_app(ec, node)
    ec.get_resource(second)._conditions[ResourceAction.START] = [([first], ResourceState.STOPPED, None)]
    ec.deploy()
    ec.wait_started(second)
    assert ec.now >= 2


def test_unregistered_conditions_hold_nobody_back(ec):
    node = add_host(ec)
    first, second = add_app(ec, node, seconds=1000), add_app(ec, node, seconds=1)
    ec.register_condition(second, ResourceAction.START, [first, node], ResourceState.STOPPED)
    ec.get_resource(second).unregister_condition([first])
    ec.get_resource(second).unregister_condition(node, ResourceAction.START)
    ec.deploy()
    assert ec.wait_finished(second)
    assert ec.now < 3


def test_a_start_that_blocks_until_it_is_stopped(ec):
    """In the seed every call had a thread: a start that runs the command in the foreground is ended by its own stop."""

    class Foreground(ResourceManager):
        _rtype = "OldForeground"

        def __init__(self, ec, guid):
            super(Foreground, self).__init__(ec, guid)
            self.over = threading.Event()

        def start(self):
            self.set_started()
            assert self.over.wait(30)

        def stop(self):
            self.over.set()
            self.set_stopped()

    ResourceFactory.register_type(Foreground)
    stopped, released = ec.register_resource("OldForeground"), ec.register_resource("OldForeground")
    ec.register_condition(stopped, ResourceAction.STOP, stopped, ResourceState.STARTED, "0.1s")
    ec.deploy()
    began = time.monotonic()
    assert ec.wait_finished(stopped, deadline="20s")
    assert ec.wait_started(released)
    ec.shutdown()
    ec.get_resource(released).over.set()
    assert ec.left_behind == {}
    assert time.monotonic() - began < 10


def test_resources_by_type_and_globals(ec):
    node = add_host(ec)
    assert ec.filter_resources("OldHost") == [node]
    assert ec.get_resources_by_type("OldHost") == [ec.get_resource(node)]
    assert {"OldHost", "dummy::Node"} <= set(ResourceFactory.resource_types())
    assert ResourceFactory.get_resource_type("OldHost") is managers.Host
    assert isinstance(ResourceFactory.create("OldHost", ec, 99), managers.Host)


def test_an_unknown_type_is_a_key_error(ec):
    with pytest.raises(KeyError, match="OldHots"):
        ec.register_resource("OldHots")
    with pytest.raises(KeyError):
        ResourceFactory.create("OldHots", ec, 1)
    assert ResourceFactory.get_resource_type("OldHots") is None


def test_the_factory_knows_every_shipped_type_without_being_asked_to_look():
    import subprocess
    import sys

    code = "from nepi.execution.resource import ResourceFactory as F; print('dummy::Node' in F.resource_types())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_a_failure_manager_made_with_its_controller(tmp_path):
    class Lenient(FailureManager):
        def __init__(self, ec=None):
            super(Lenient, self).__init__(ec)
            self.seen = []

        def eval_failure(self, guid):
            self.seen.append(guid)

    fm = Lenient()
    with VirtualController("lenient", local_dir=tmp_path, fm=fm, backend="dummy") as ec:
        bad = ec.register_resource("dummy::Application", failOn="start")
        ec.deploy()
        ec.wait_finished(bad)
        ec.settle()
        assert (fm.seen, ec.abort) == ([bad], False)


def test_in_real_time_it_works_as_well(tmp_path):
    ec = ExperimentController("real", local_dir=tmp_path)
    node = add_host(ec)
    app = add_app(ec, node, seconds=0.05)
    app2 = add_app(ec, node, seconds=0.05)
    ec.register_condition(app2, ResourceAction.START, app, ResourceState.STARTED, "0.2s")
    ec.deploy()
    ec.wait_finished([app, app2])
    assert seconds_between(ec.get_resource(app).start_time, ec.get_resource(app2).start_time) >= 0.2
    ec.shutdown()


def test_an_async_start_that_goes_on_until_it_is_stopped(ec):
    import asyncio

    class Watching(ResourceManager):
        _rtype = "OldWatching"

        async def start(self):
            self.set_started()
            await asyncio.get_running_loop().create_future()

    ResourceFactory.register_type(Watching)
    stopped, released = ec.register_resource("OldWatching"), ec.register_resource("OldWatching")
    ec.register_condition(stopped, ResourceAction.STOP, stopped, ResourceState.STARTED, "5s")
    ec.deploy()
    assert ec.wait_finished(stopped, deadline="20s")
    assert ec.wait_started(released)
    ec.shutdown()
    assert ec.left_behind == {}
    assert ec.now < 10
