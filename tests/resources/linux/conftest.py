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
    """Three hosts, the last one behind the first."""
    return ssh_lab(3, jump=True)


@pytest.fixture
def controller(tmp_path: Path) -> Generator[MakeController]:
    """Make controllers; afterwards all of them are over and their ledgers are empty."""
    made: list[ExperimentController] = []

    def make(exp_id: str = "linux-test", **options: Any) -> ExperimentController:
        ec = ExperimentController(exp_id, tmp_path, backend="linux", run_id=f"run-{len(made)}", **options)
        made.append(ec)
        return ec

    yield make
    for ec in made:
        ec.shutdown()
        with Ledger(Path(ec.run_dir) / "ledger.sqlite") as ledger:
            assert ledger.rows() == []


def add_host(ec: ExperimentController, lab: Lab, name: str, **values: Any) -> Handle:
    """Add a host of the lab as a node."""
    values.setdefault("ip", lab.host(name).address)
    return ec.add("Node", name=name, hostname=name, sshConfig=str(lab.ssh_config), **values)


def on(lab: Lab, name: str, command: str) -> str:
    """Return what a shell command prints on a host of the lab, past its SSH server."""
    return lab.run(name, ["/bin/sh", "-c", command]).stdout
