"""Resource managers of the seed's style run after a mechanical conversion: they look at peers, put themselves off, set states by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nepi.errors import BadValueError
from nepi.execution.attribute import Attribute, Flags, Types
from nepi.execution.ec import ExperimentController
from nepi.execution.resource import (
    ResourceAction,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    clsinit,
    clsinit_copy,
    failtrap,
    find_types,
    reschedule_delay,
)
from nepi.execution.trace import Trace
from nepi.testing import VirtualController
from nepi.testing.pytest_plugin import MakeController


@clsinit
class OldNode(ResourceManager):
    """As written in 2013."""

    _rtype = "OldNode"
    _help = "A node"
    _backend = "old"

    @classmethod
    def _register_attributes(cls) -> None:
        cls._register_attribute(Attribute("hostname", "Hostname of the machine", flags=Flags.ExecReadOnly))
        cls._register_attribute(Attribute("load", "Least load", type=Types.Double, default=0.5, range=(0, 1)))

    @classmethod
    def _register_traces(cls) -> None:
        cls._register_trace(Trace("dmesg", "Kernel log"))

    @failtrap
    def deploy(self) -> None:
        if self.state == ResourceState.NEW:
            self.discover()
            self.provision()
        super().deploy()


@clsinit_copy
class OldApplication(OldNode):
    """It waits for its node by rescheduling itself."""

    _rtype = "OldApplication"
    _help = "An application"

    @classmethod
    def _register_attributes(cls) -> None:
        cls._register_attribute(Attribute("command", "Command to run"))

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        super().__init__(ec, guid)
        self.looked = 0

    @property
    def node(self) -> Any:
        [node] = self.get_connected("OldNode")[:1]
        return node

    @failtrap
    def deploy(self) -> None:
        self.looked += 1
        if self.node.state < ResourceState.READY:
            self.debug(f"---- RESCHEDULING DEPLOY ---- node state {self.node.state}")
            self.ec.schedule(reschedule_delay, self.deploy)
            return
        if self.get("command") == "raise":
            raise RuntimeError("cannot deploy this")
        super().deploy()

    @failtrap
    def start(self) -> None:
        if not self.get("command"):
            self.set_stopped()
            return
        super().start()
        self.ec.schedule("5s", self.finish)

    def release(self) -> None:
        if self.get("command") == "stubborn" and self.node.state != ResourceState.RELEASED:
            self.ec.schedule(reschedule_delay, self.release)
            return
        super().release()


class SlowNode(OldNode):
    """It becomes ready a while later, in a task of its own."""

    _rtype = "SlowNode"

    def deploy(self) -> None:
        self.ec.schedule("10s", self.set_ready)


class ByAssignment(ResourceManager):
    """It assigns its state, as the first ones did."""

    _rtype = "ByAssignment"

    def deploy(self) -> None:
        self._state = ResourceState.READY

    def start(self) -> None:
        self._state = ResourceState.STARTED
        self._state = ResourceState.FINISHED


class Polled(ResourceManager):
    """Whoever asks for its state lets it look at the world."""

    _rtype = "Polled"
    _reschedule_delay = "2s"

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        super().__init__(ec, guid)
        self.asked = 0

    @property
    def state(self) -> int:
        if self._state == ResourceState.STARTED:
            self.asked += 1
            if self.asked >= 3:
                self.set_finished()
        return self._state


class BaseSetters(ResourceManager):
    """It overrides a setter and no verb."""

    _rtype = "BaseSetters"
    heard: bool = False

    def set_started(self) -> None:
        self.heard = True
        super().set_started()


class QuietFailure(ResourceManager):
    """Its fail() forgets to say that it failed."""

    _rtype = "QuietFailure"

    def deploy(self) -> None:
        raise RuntimeError("broken")

    def fail(self) -> None:
        pass


TYPES = (OldNode, OldApplication, SlowNode, ByAssignment, Polled, BaseSetters, QuietFailure)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    before = dict(ResourceFactory.resource_types())
    for one in TYPES:
        ResourceFactory.register_type(one)
    yield
    ResourceFactory.resource_types().clear()
    ResourceFactory.resource_types().update(before)


def pair(ec: ExperimentController, node: str = "OldNode", command: str | None = "ping") -> tuple[int, int]:
    app = ec.register_resource("OldApplication")
    host = ec.register_resource(node)
    ec.register_connection(app, host)
    if command is not None:
        ec.set(app, "command", command)
    return host, app


def test_clsinit_has_the_common_attributes_and_its_own() -> None:
    assert sorted(one.name for one in OldNode.get_attributes()) == ["critical", "hardRelease", "hostname", "load"]
    assert [one.name for one in OldNode.get_traces()] == ["dmesg"]
    assert (OldNode.rtype(), OldNode.get_help(), OldNode.get_backend()) == ("OldNode", "A node", "old")


def test_clsinit_copy_inherits_and_leaves_the_parent_alone() -> None:
    assert sorted(one.name for one in OldApplication.get_attributes()) == ["command", "critical", "hardRelease", "hostname", "load"]
    assert "command" not in {one.name for one in OldNode.get_attributes()}
    OldApplication._remove_attribute("load")
    assert "load" in {one.name for one in OldNode.get_attributes()}
    OldApplication._clsinit_copy()
    ResourceFactory.register_type(OldApplication)


def test_a_rescheduled_deployment_is_repeated_as_soon_as_its_node_is_ready(ec: VirtualController) -> None:
    _, app = pair(ec, "SlowNode")
    ec.deploy()
    assert ec.wait_started(app)
    assert ec.now == 10.0
    manager = ec.get_resource(app)
    assert isinstance(manager, OldApplication)
    assert 2 <= manager.looked <= 12


def test_the_whole_life_of_an_old_application(ec: VirtualController) -> None:
    host, app = pair(ec)
    ec.deploy()
    assert ec.wait_finished(app)
    assert (ec.now, ec.state(app, hr=True), ec.state(host, hr=True)) == (5.0, "FINISHED", "STARTED")
    ec.shutdown()
    assert (ec.state(app), ec.state(host)) == (ResourceState.RELEASED, ResourceState.RELEASED)
    assert [ec.get_discover_time(host) is None, ec.get_provision_time(host) is None, ec.get_ready_time(host) is None] == [False] * 3


def test_an_application_without_a_command_stops_at_once(ec: VirtualController) -> None:
    _, app = pair(ec, command=None)
    ec.deploy()
    assert ec.wait_finished(app)
    assert ec.state(app, hr=True) == "STOPPED"


def test_a_failtrapped_exception_fails_the_resource_and_aborts(ec: VirtualController) -> None:
    _, app = pair(ec, command="raise")
    ec.deploy()
    result = ec.wait_started(app)
    assert (bool(result), ec.abort, ec.state(app, hr=True)) == (False, True, "FAILED")
    assert result.reason == "oldapplication-1 failed: cannot deploy this"


def test_a_release_that_waits_for_its_node_follows_it(ec: VirtualController) -> None:
    host, app = pair(ec, command="stubborn")
    ec.deploy()
    ec.wait_started([host, app])
    before = ec.now
    ec.release()
    assert ec.left_behind == {}
    assert ec.now - before < 60.0


def test_states_may_be_assigned(ec: VirtualController) -> None:
    guid = ec.register_resource("ByAssignment")
    ec.deploy()
    assert ec.wait_finished(guid)
    assert ec.state(guid, hr=True) == "FINISHED"


def test_a_class_that_overrides_state_is_sampled_until_it_has_ended(ec: VirtualController) -> None:
    guid = ec.register_resource("Polled")
    ec.deploy()
    assert ec.wait_finished(guid)
    assert ec.state(guid, hr=True) == "FINISHED"
    assert ec.now <= 6.0
    assert ResourceFactory.spec(Polled).samples_state


def test_an_overridden_setter_is_called_by_the_inherited_verbs(ec: VirtualController) -> None:
    guid = ec.register_resource("BaseSetters")
    ec.deploy()
    assert ec.wait_started(guid)
    manager = ec.get_resource(guid)
    assert isinstance(manager, BaseSetters)
    assert manager.heard


def test_a_resource_whose_fail_forgets_to_say_so_is_failed_all_the_same(ec: VirtualController) -> None:
    guid = ec.register_resource("QuietFailure")
    ec.deploy()
    assert ec.wait_started(guid).reason == "quietfailure-1 failed: RuntimeError: broken"
    ec.settle()
    assert ec.state(guid, hr=True) == "FAILED"


def test_direct_calls_happen_here_and_now(ec: VirtualController) -> None:
    guid = ec.register_resource("OldNode")
    ec.discover(guid)
    assert ec.state(guid, hr=True) == "DISCOVERED"
    ec.provision(guid)
    assert ec.state(guid, hr=True) == "PROVISIONED"
    ec.deploy()
    ec.wait_started(guid)
    ec.stop(guid)
    assert ec.state(guid, hr=True) == "STOPPED"
    ec.start(guid)
    assert ec.state(guid, hr=True) == "STARTED"


def test_a_call_in_the_wrong_state_logs_and_returns(ec: VirtualController) -> None:
    guid = ec.register_resource("OldNode")
    ec.start(guid)
    ec.stop(guid)
    assert ec.state(guid, hr=True) == "NEW"


def test_register_condition_orders_old_applications(ec: VirtualController) -> None:
    host, first = pair(ec)
    second = ec.register_resource("OldApplication")
    ec.register_connection(second, host)
    ec.set(second, "command", "ping")
    ec.register_condition(second, ResourceAction.START, first, ResourceState.STARTED, "30s")
    ec.deploy()
    assert ec.wait_finished([first, second])
    assert ec.now == 35.0


def test_types_and_ranges_of_old_attributes_are_enforced(ec: VirtualController) -> None:
    guid = ec.register_resource("OldNode")
    with pytest.raises(BadValueError, match=r"'load'.*outside of 0 to 1"):
        ec.set(guid, "load", 3)
    ec.set(guid, "load", "0.25")
    assert ec.get(guid, "load") == 0.25


# NEPI_SEARCH_PATH

MODULE = """
from nepi.execution.resource import ResourceManager, clsinit_copy

@clsinit_copy
class {name}(ResourceManager):
    _rtype = "{name}"
"""


@pytest.fixture
def forget_modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("nepi.resources."):
            del sys.modules[name]


@pytest.mark.usefixtures("forget_modules")
@pytest.mark.parametrize("separator", [" ", ":", "  ", " : "])
def test_the_search_path_splits_at_spaces_and_colons(separator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, name in (("one", "Found1"), ("two", "Found2")):
        (tmp_path / folder / "deeper").mkdir(parents=True)
        (tmp_path / folder / "deeper" / f"mine_{folder}.py").write_text(MODULE.format(name=name))
    monkeypatch.setenv("NEPI_SEARCH_PATH", separator.join([str(tmp_path / "one"), str(tmp_path / "two")]))
    assert {"Found1", "Found2"} <= {one.rtype() for one in find_types()}


@pytest.mark.usefixtures("forget_modules")
def test_a_module_that_cannot_be_imported_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module_at_all\n")
    (tmp_path / "good.py").write_text(MODULE.format(name="Found3"))
    monkeypatch.setenv("NEPI_SEARCH_PATH", str(tmp_path))
    assert "Found3" in {one.rtype() for one in find_types()}
    assert "broken.py are left out: ModuleNotFoundError: No module named 'no_such_module_at_all'" in caplog.text


@pytest.mark.usefixtures("forget_modules")
def test_a_type_of_the_search_path_is_found_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_controller: MakeController
) -> None:
    (tmp_path / "later.py").write_text(MODULE.format(name="Found4"))
    monkeypatch.setenv("NEPI_SEARCH_PATH", str(tmp_path))
    monkeypatch.setattr(ResourceFactory, "_populated", False)
    ec = new_controller()
    guid = ec.register_resource("Found4")
    ec.deploy()
    assert ec.wait_started(guid)
