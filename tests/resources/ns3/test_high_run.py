"""What a run does with its simulation, whatever that answers: the child is one that says yes to everything, and simulates nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.errors import ExperimentError, ResourceError
from nepi.hosts.ns3.high_child import SimulationChild
from nepi.hosts.ns3.programs.output import END


class Yes:
    """Answers like a simulation in which everything works, and remembers what it was asked."""

    advance: Any = {"now": 0, "rows": [], "dry": True}

    def __init__(self) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.on_rows: Any = None
        self.asked: dict[str, dict[str, Any]] = {}
        self.calls: list[Sequence[Any]] = []
        self.is_closed = False

    async def ask(self, op: str, **args: Any) -> Any:
        self.asked[op] = args
        if op == "advance" and isinstance(self.advance, Exception):
            raise self.advance
        ended = [[one[1], END, 0, 0, 0, 0, 0, ""] for one in self.those("Interrupt")]
        return {**self.advance, "rows": ended} if op == "status" else self.advance

    async def call(self, *calls: Sequence[Any]) -> list[Any]:
        self.calls += calls
        return [number for number, _ in enumerate(calls)]

    async def close(self) -> None:
        self.is_closed = True

    def those(self, name: str) -> list[Sequence[Any]]:
        return [one for one in self.calls if one[0] == name]


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[Yes]:
    made: list[Yes] = []

    async def open_(_cls: type[SimulationChild], *_: Any) -> Yes:
        made.append(Yes())
        return made[-1]

    monkeypatch.setattr(SimulationChild, "open", classmethod(open_))
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
        assert [one[4] for one in children[0].those("Shape")] == [1.0, 1.0]
        ec.set("link", "up", True)
        assert [one[4] for one in children[0].those("Shape")][2:] == [0.25, 0.25]


def test_random_numbers_follow_from_the_description_and_not_from_the_order_of_making(tmp_path: Path, children: list[Yes]) -> None:
    with two_nodes(tmp_path, loss=0.25) as ec:
        ec.deploy()
        ec.wait_started("link")
        guid = ec.resource("link").guid
        assert [one[5] for one in children[0].those("Shape")] == [1000 * (1 + 2 * guid), 1000 * (2 + 2 * guid)]


def test_a_simulation_that_cannot_go_on_fails_the_run_instead_of_holding_it(
    tmp_path: Path, children: list[Yes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Yes, "advance", ResourceError("ns-3 refused: runtime_error: no"))
    with two_nodes(tmp_path) as ec:
        with pytest.raises(ExperimentError):
            ec.run(deadline="30s")
        assert "the simulation cannot go on: ns-3 refused: runtime_error: no" in ec.resource("ping").failure
    assert children[0].is_closed


def test_a_collector_does_not_make_a_simulation_follow_the_real_time(tmp_path: Path, children: list[Yes]) -> None:
    with two_nodes(tmp_path) as ec:
        ec.add("Collector", "ping", traceName="stdout")
        ec.deploy()
        ec.wait_started("link")
        assert children[0].asked["begin"]["realtime"] is False
