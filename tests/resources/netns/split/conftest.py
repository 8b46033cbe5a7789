from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.execution.ledger import Ledger
from nepi.lab import Lab
from nepi.testing.pytest_plugin import MakeLab, ssh_lab

__all__ = ["ssh_lab"]
MakeController = Callable[..., ExperimentController]
SOON = "60s"


@pytest.fixture(scope="module")
def lab(ssh_lab: MakeLab) -> Lab:
    return ssh_lab(3)


@pytest.fixture
def controller(tmp_path: Path) -> Generator[MakeController]:
    """Make controllers; afterwards all of them are over and their ledgers are empty."""
    made: list[ExperimentController] = []

    def make(**options: Any) -> ExperimentController:
        ec = ExperimentController("split-test", tmp_path, backend="netns", run_id=f"run-{len(made)}", **options)
        made.append(ec)
        return ec

    yield make
    for ec in made:
        ec.shutdown()
        with Ledger(Path(ec.run_dir) / "ledger.sqlite") as ledger:
            assert ledger.rows() == []


@pytest.fixture
def ec(controller: MakeController) -> ExperimentController:
    return controller()


def add_machines(ec: ExperimentController, lab: Lab, count: int = 3, **more: Any) -> list[Handle]:
    ssh: dict[str, Any] = {"username": "root", "sshConfig": str(lab.ssh_config), "installTools": False, **more}
    return [ec.add("linux::Node", name=host.name, hostname=host.name, **ssh) for host in lab.hosts[:count]]


def up(ec: ExperimentController) -> None:
    """Deploy what is not deployed, and wait until all of it is there."""
    ec.deploy()
    result = ec.wait_deployed(ec.resources, SOON)
    assert result, result.reason


def sh(ec: ExperimentController, node: Handle | str, command: str) -> str:
    """Return what a shell command prints on a node; it must not fail."""
    done = ec.exec(node, ["/bin/sh", "-c", command], deadline=SOON)
    assert done.exit.status == 0, done
    return done.stdout.decode()
