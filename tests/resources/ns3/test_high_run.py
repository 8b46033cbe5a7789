"""What a run does with its simulation, whatever that answers: the child is one that says yes to everything, and simulates nothing."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, ResourceAction, ResourceState, Retry
from nepi.errors import ExperimentError, PlanError, ResourceError
from nepi.hosts.ns3.programs.output import END
from nepi.hosts.ns3.start import LocalSimulator
from nepi.resources.ns3 import simulation_run
from nepi.resources.ns3.building import Building
from nepi.resources.ns3.catalogue import catalogue

Operation = Sequence[Any]


class Yes:
    """Answers like a simulation in which everything works and nothing happens, and remembers what it was asked."""

    refused: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.version = catalogue().version
        self.now_ns = 0
        self.now_s = 0.0
        self.died_doing = None
        self.asked: list[Operation] = []
        self.is_closed = False
        self.simulator = self
        self._takers: list[Callable[[dict[str, Any]], None]] = []

    def on_event(self, take: Callable[[dict[str, Any]], None]) -> None:
        self._takers.append(take)

    def tell(self, **event: Any) -> None:
        for take in self._takers:
            take(event)

    def request(self, operations: Sequence[Operation]) -> tuple[int, asyncio.Future[list[Any]]]:
        answers: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        if not any(one[0] in self.silent for one in operations):
            answers.set_result([self._answer(one) for one in operations])
        return 1, answers

    async def ask(self, *operations: Operation) -> list[Any]:
        answers = await self.request(operations)[1]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _answer(self, operation: Operation) -> Any:
        self.asked.append(operation)
        if operation[0] in self.refused:
            return ResourceError("ns-3 refused: no")
        if operation[0] == "advance":
            asyncio.get_running_loop().call_soon(lambda: self.tell(event="paused", now_ns=0, dry=True))
        if operation[:2] == ["static", "nepi::Interrupt"]:
            self.tell(event="row", now_ns=0, row=[operation[2][0], END, 0, 0, 0, 0, 0, ""])
        return 0 if operation[0] == "now" else None

    async def close(self) -> None:
        self.is_closed = True
        if not self.lost.done():
            self.lost.set_result("closed")

    def those(self, name: str) -> list[Operation]:
        """Return the arguments of the calls of a function."""
        return [one[2] for one in self.asked if one[0] == "static" and one[1] == f"nepi::{name}"]


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[Yes]:
    made: list[Yes] = []

    async def start(_cls: type[LocalSimulator], *_: Any, **_rest: Any) -> Yes:
        made.append(Yes())
        return made[-1]

    monkeypatch.setattr(LocalSimulator, "start", classmethod(start))
    return made


def two_nodes(folder: Path, **link: Any) -> ExperimentController:
    ec = ExperimentController("yes", folder, backend="ns3", seed=1)
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b, name="link", **link)
    ec.add("Ping", a, name="ping", target=b, count=1)
    return ec


def test_nothing_gets_through_a_cable_that_is_not_plugged_in(tmp_path: Path, children: list[Yes]) -> None:
    with two_nodes(tmp_path, up=False, loss=0.25) as ec:
        ec.deploy()
        ec.wait_started("link")
        assert [one[1].split()[:2] for one in children[0].those("ShapeEnd")] == [["up", "0"]] * 2
        ec.set("link", "up", True)
        assert [one[1].split()[:2] for one in children[0].those("ShapeEnd")][2:] == [["up", "1"]] * 2


def test_random_numbers_follow_from_the_description_and_not_from_the_order_of_making(tmp_path: Path, children: list[Yes]) -> None:
    with two_nodes(tmp_path, loss=0.25) as ec:
        ec.deploy()
        ec.wait_started("link")
        guid = ec.resource("link").guid
        assert [one[4] for one in children[0].those("AddEnd")] == [1000 * (1 + 2 * guid), 1000 * (2 + 2 * guid)]


def test_a_simulation_that_cannot_go_on_fails_the_run_instead_of_holding_it(
    tmp_path: Path, children: list[Yes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Yes, "refused", frozenset({"advance"}))
    with two_nodes(tmp_path) as ec:
        with pytest.raises(ExperimentError):
            ec.run(deadline="30s")
        assert "the simulation cannot go on: ns-3 refused: no" in ec.resource("ping").failure
    assert children[0].is_closed


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_simulation_that_does_not_listen_is_ended_all_the_same(
    how: str, tmp_path: Path, children: list[Yes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Yes, how, frozenset({"destroy"}))
    monkeypatch.setattr(simulation_run, "STOP_DEADLINE_S", 0.01)
    with two_nodes(tmp_path) as ec:
        ec.deploy()
        ec.wait_started("link")
    assert children[0].is_closed


def test_a_simulation_that_cannot_begin_leaves_no_process(tmp_path: Path, children: list[Yes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Yes, "refused", frozenset({"seed"}))
    with two_nodes(tmp_path) as ec:
        with pytest.raises(ExperimentError):
            ec.run(deadline="30s")
        assert "ns-3 refused: no" in ec.resource("a").failure
    assert all(one.is_closed for one in children)


def test_a_collector_does_not_make_a_simulation_follow_the_real_time(tmp_path: Path, children: list[Yes]) -> None:
    with two_nodes(tmp_path) as ec:
        ec.add("Collector", "ping", traceName="stdout")
        ec.deploy()
        ec.wait_started("link")
        assert ["global", "SimulatorImplementationType", "ns3::DefaultSimulatorImpl"] in children[0].asked


def test_the_only_simulation_that_is_described_is_that_of_all(tmp_path: Path, children: list[Yes]) -> None:
    with two_nodes(tmp_path) as ec:
        sim = ec.add("Simulation", runNumber=7, StopTime="3s")
        ec.deploy()
        ec.wait_started("link")
        assert len(children) == 1
        assert ["seed", 1, 7] in children[0].asked
        assert ["default", "ns3::TcpSocketBase::MinRto", "200ms"] in children[0].asked
        node: Any = ec.resource("a")
        simulation: Any = ec.resource(sim)
        assert node.run is simulation.run


def test_which_of_two_simulations_is_meant_has_to_be_said_of_what_comes_later_too(tmp_path: Path, children: list[Yes]) -> None:
    with ExperimentController("yes", tmp_path, backend="ns3", seed=1) as ec:
        nodes = [ec.add("Node", ec.add("Simulation", name=name)) for name in ("one", "two")]
        ec.deploy()
        ec.wait_started(nodes)
        late = ec.add("Node", name="late", critical=False)
        ec.deploy(late)
        assert ec.wait_for(late.failed, deadline="30s")
        assert "late may be in one and two: connect it" in ec.resource("late").failure


@pytest.mark.parametrize("action", ["start", "deploy"])
def test_what_begins_later_than_the_simulation_is_there_needs_no_time_of_this_world(
    action: str, tmp_path: Path, children: list[Yes]
) -> None:
    with two_nodes(tmp_path) as ec:
        sim = ec.add("Simulation", name="sim")
        if action == "start":
            ec.register_condition(sim.guid, ResourceAction.START, ec.resource("a").guid, ResourceState.READY, "1h")
        else:
            ec.register_condition(ec.resource("ping").guid, ResourceAction.DEPLOY, ec.resource("b").guid, ResourceState.READY, "1h")
        ec.deploy()
        assert ec.wait_finished("sim", deadline="2h")
        assert ec._running().runner.now > 3600 > 60 > ec._running().runner.real


def test_a_simulation_whose_first_attempt_failed_is_opened_again(
    tmp_path: Path, children: list[Yes], monkeypatch: pytest.MonkeyPatch
) -> None:
    build, attempts = Building.build, []

    async def unlucky(self: Building, members: Sequence[Any]) -> None:
        attempts.append(self)
        if len(attempts) == 1:
            raise ResourceError("no luck")
        await build(self, members)

    monkeypatch.setattr(Building, "build", unlucky)
    with ExperimentController("yes", tmp_path, backend="ns3") as ec:
        ec.set_default_policy(Retry(3, 5.0))
        sim = ec.add("Simulation", name="sim")
        ec.add("Node", sim, name="a")
        ec.deploy()
        assert ec.wait_started("sim", deadline="20s")
        assert [one.is_closed for one in children] == [True, False]


def test_nothing_starts_in_a_simulation_that_is_over(tmp_path: Path, children: list[Yes]) -> None:
    with two_nodes(tmp_path) as ec:
        sim = ec.add("Simulation", name="sim")
        ec.deploy()
        assert ec.wait_finished(sim, deadline="20s")
        late = ec.add("Ping", ec.resource("a").guid, name="late", target="b", count=1, critical=False)
        ec.deploy()
        ec.wait_finished(late, deadline="20s")
        assert "sim is over, and nothing starts in it any more" in ec.resource("late").failure


def test_a_simulation_that_is_described_too_late_is_refused(tmp_path: Path, children: list[Yes]) -> None:
    with two_nodes(tmp_path) as ec:
        ec.deploy()
        ec.wait_started("link")
        sim = ec.add("Simulation", name="late")
        ec.deploy()
        ec.wait_started(sim, deadline="20s")
        assert "late comes too late" in ec.resource("late").failure


def test_nobody_waits_for_an_import_that_is_not_wanted_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    async def start(_cls: type[LocalSimulator], *_: Any, **_rest: Any) -> Yes:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(LocalSimulator, "start", classmethod(start))
    with two_nodes(tmp_path) as ec:
        ec.deploy()
        assert begun.wait(20)
    assert ec.resource("a").state == ResourceState.RELEASED


def test_a_node_without_a_stack_has_nothing_that_needs_one(tmp_path: Path) -> None:
    with ExperimentController("stackless", tmp_path, backend="ns3") as ec:
        a, b = ec.add("Node", name="a", enableStack=False), ec.add("Node", name="b")
        ec.add("Link", a, b, name="link")
        with pytest.raises(PlanError, match="enableStack is False, and link needs an IP stack"):
            ec.deploy()


def test_who_was_there_before_finds_the_way_to_who_comes_later(tmp_path: Path, children: list[Yes]) -> None:
    with two_nodes(tmp_path) as ec:
        ec.deploy()
        ec.wait_started("link")
        assert children[0].those("AddRouteOver") == []
        late = ec.add("Node", name="late")
        ec.add("Link", ec.resource("b").guid, late, name="more")
        ec.deploy()
        ec.wait_started("more")
        nodes = {one[0]["ref"] for one in children[0].those("AddRouteOver")}
        assert nodes == {ec.resource("a").guid, ec.resource("late").guid}
