from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.lab import Lab
from nepi.testing.pytest_plugin import MakeLab, ssh_lab
from tests.resources.controllers import MakeController, controllers

__all__ = ["ssh_lab"]
SOON = "60s"


@pytest.fixture(scope="module")
def lab(ssh_lab: MakeLab) -> Lab:
    return ssh_lab(3)


@pytest.fixture
def controller(tmp_path: Path) -> Generator[MakeController]:
    with controllers(tmp_path, "split-test", "netns") as make:
        yield make


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
