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
    """Three hosts, the last one behind the first."""
    return ssh_lab(3, jump=True)


@pytest.fixture
def controller(tmp_path: Path) -> Generator[MakeController]:
    with controllers(tmp_path, "linux-test", "linux") as make:
        yield make


def add_host(ec: ExperimentController, lab: Lab, name: str, **values: Any) -> Handle:
    """Add a host of the lab as a node."""
    values.setdefault("ip", lab.host(name).address)
    return ec.add("Node", name=name, hostname=name, sshConfig=str(lab.ssh_config), **values)


def on(lab: Lab, name: str, command: str) -> str:
    """Return what a shell command prints on a host of the lab, past its SSH server."""
    return lab.run(name, ["/bin/sh", "-c", command]).stdout
