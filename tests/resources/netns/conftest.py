from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from nepi import ExperimentController, Handle
from tests.resources.controllers import MakeController, controllers

SOON = "20s"


@pytest.fixture
def controller(tmp_path: Path) -> Generator[MakeController]:
    with controllers(tmp_path, "netns-test", "netns") as make:
        yield make


@pytest.fixture
def ec(controller: MakeController) -> ExperimentController:
    return controller()


def up(ec: ExperimentController) -> None:
    """Deploy what is not deployed, and wait until all of it has started."""
    ec.deploy()
    result = ec.wait_started(ec.resources, SOON)
    assert result, result.reason


def sh(ec: ExperimentController, node: Handle | str, command: str) -> str:
    """Return what a shell command prints on a node; it must not fail."""
    done = ec.exec(node, ["/bin/sh", "-c", command], deadline=SOON)
    assert done.exit.status == 0, done
    return done.stdout.decode()


def reaches(ec: ExperimentController, node: Handle | str, target: str) -> bool:
    """Whether an echo request to an address, or to a name, is answered."""
    return ec.exec(node, ["ping", "-n", "-c1", "-W1", target], deadline=SOON).exit.status == 0


def wait_gone(ec: ExperimentController, node: Handle | str, ifname: str) -> None:
    """Wait until an interface is gone: the agent takes it down at once and deletes it when it has nothing else to do."""
    sh(ec, node, f"while ip link show {ifname} >/dev/null 2>&1; do sleep 0.02; done")
