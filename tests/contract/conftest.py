from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.engine import events as ev
from nepi.execution.ledger import Ledger
from nepi.testing.pytest_plugin import ssh_lab
from tests.contract.backends import OVER_SSH, SIMULATED, Backend, LinuxOverSsh

__all__ = ["ssh_lab"]

DEADLINE_S = 20.0
IMPORT_DEADLINE_S = 200.0
MakeController = Callable[..., ExperimentController]


class Watcher:
    """Notes the states that resources enter, by name and in order."""

    def __init__(self, ec: ExperimentController) -> None:
        self._ec = ec
        self.states: dict[str, list[str]] = {}
        self._news = threading.Condition()
        ec.observers.append(self)

    def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
        with self._news:
            for event in events:
                if isinstance(event, ev.Entered):
                    for guid in event.guids:
                        self.states.setdefault(self._ec.resource(guid).name, []).append(event.state.name)
            self._news.notify_all()

    def wait(self, name: str, *states: str) -> bool:
        """Wait until a resource has entered exactly these states."""
        with self._news:
            return self._news.wait_for(lambda: self.states.get(name) == list(states), DEADLINE_S)


@pytest.fixture(scope="module", autouse=True)
def lab(request: pytest.FixtureRequest) -> None:
    """Make the lab that some of the module's tests run in, before any of them."""
    mine = [item for item in request.session.items if item.path == request.path and OVER_SSH in item.name]
    if mine:
        LinuxOverSsh.lab = request.getfixturevalue("ssh_lab")(2)


@pytest.fixture(scope="session")
def ns3_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let ns-3 be imported before the first test, whose deadlines would have to wait for that, and what the second one compiles ahead."""
    for name in ("import", "rehearsal"):
        with ExperimentController(name, tmp_path_factory.mktemp(name), backend=SIMULATED) as ec:
            node = ec.add("Node")
            ec.deploy()
            assert ec.wait_started(node, IMPORT_DEADLINE_S)


@pytest.fixture(autouse=True)
def ready(backend: Backend, request: pytest.FixtureRequest) -> None:
    """Let the backend under test be ready."""
    if backend.name == SIMULATED:
        request.getfixturevalue("ns3_imported")


@pytest.fixture
def controller(backend: Backend, tmp_path: Path) -> Generator[MakeController]:
    """Make controllers for the backend under test; afterwards all of them are over and their ledgers are empty."""
    made: list[ExperimentController] = []

    def make(exp_id: str = "contract", **options: Any) -> ExperimentController:
        ec = ExperimentController(exp_id, tmp_path, backend=backend.name, run_id=f"run-{len(made)}", **options)
        made.append(ec)
        return ec

    yield make
    for ec in made:
        ec.shutdown()
    for ec in made:
        with Ledger(Path(ec.run_dir) / "ledger.sqlite") as ledger:
            assert ledger.rows() == []
