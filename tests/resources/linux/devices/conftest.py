"""Two hosts with a link between them. They are namespaces, which are hosts like others to devices and tunnels, and everything is real."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from tests.resources.controllers import MakeController, controllers

SOON = "120s"  # under emulation, where the stock kernel is tested, a command takes a second or two


@pytest.fixture
def controller(tmp_path: Path) -> Generator[MakeController]:
    with controllers(tmp_path, "devices-test", "netns") as make:
        yield make


@pytest.fixture
def ec(controller: MakeController) -> ExperimentController:
    return controller()


@pytest.fixture
def hosts(ec: ExperimentController) -> tuple[Handle, Handle]:
    return two_hosts(ec)


def two_hosts(ec: ExperimentController, **link: Any) -> tuple[Handle, Handle]:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b, name="way", **link)
    return a, b


def two_ends(ec: ExperimentController, hosts: tuple[Handle, Handle], rtype: str = "linux::Tap", **values: Any) -> tuple[Handle, Handle]:
    """An end on each host, 10.99.0.1/24 and 10.99.0.2/24."""
    first, second = (
        ec.add(rtype, host, name=f"end-{n}", ip=f"10.99.0.{n}", prefix="24", **values) for n, host in enumerate(hosts, start=1)
    )
    return first, second


def up(ec: ExperimentController) -> None:
    """Deploy what is not deployed, and wait until all of it has started."""
    ec.deploy()
    result = ec.wait_started(ec.resources, SOON)
    assert result, result.reason


def sh(ec: ExperimentController, node: Handle, command: str) -> str:
    """Return what a shell command prints on a node; it must not fail."""
    done = ec.exec(node, ["/bin/sh", "-c", command], deadline=SOON)
    assert done.exit.status == 0, done
    return done.stdout.decode()


def reaches(ec: ExperimentController, node: Handle, target: str, *options: str) -> bool:
    """Whether echo requests to an address are answered."""
    return ec.exec(node, ["ping", "-n", "-c2", "-i0.05", "-W2", *options, target], deadline=SOON).exit.status == 0


def links_of(ec: ExperimentController, node: Handle) -> set[str]:
    """The names of all interfaces of a node."""
    return {line.split(":")[1].strip().partition("@")[0] for line in sh(ec, node, "ip -o link show").splitlines()}


@cache
def kernel_has(kind: str) -> bool:
    """Whether the kernel makes interfaces of a kind."""
    command = f"ip link add probe0 type {kind}"
    return subprocess.run(["unshare", "-rn", "sh", "-c", command], capture_output=True, check=False).returncode == 0


def needs_kernel(kind: str, text: str = "") -> pytest.MarkDecorator:
    return pytest.mark.skipif(not kernel_has(f"{kind} {text}".strip()), reason=f"needs {kind}")
