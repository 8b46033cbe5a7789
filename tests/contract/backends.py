"""What the contract suite needs to know of a backend: how its nodes, links and applications are written down.

A backend joins the suite by a class here and a line in `BACKENDS`. One that runs real commands inherits from `CommandBackend`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from nepi import ExperimentController, Handle


class Backend:
    """A backend whose applications end by themselves after some time, with some status."""

    name: ClassVar[str] = ""

    def node(self, ec: ExperimentController, name: str) -> Handle:
        return ec.add("Node", name=name)

    def link(self, ec: ExperimentController, a: Handle, b: Handle, **values: Any) -> Handle:
        return ec.add("Link", a, b, **values)

    def application(
        self, ec: ExperimentController, node: Handle, *, lasts_s: float = 0.0, status: int = 0, name: str | None = None, **values: Any
    ) -> Handle:
        raise NotImplementedError


class Dummy(Backend):
    name = "dummy"

    def application(
        self, ec: ExperimentController, node: Handle, *, lasts_s: float = 0.0, status: int = 0, name: str | None = None, **values: Any
    ) -> Handle:
        return ec.add("Application", node, duration=lasts_s, exitStatus=status, name=name, **values)


class CommandBackend(Backend):
    """A backend on whose nodes commands run."""

    def application(
        self, ec: ExperimentController, node: Handle, *, lasts_s: float = 0.0, status: int = 0, name: str | None = None, **values: Any
    ) -> Handle:
        return self.command(ec, node, f"sleep {lasts_s:.3f}; exit {status}", name=name, **values)

    def command(self, ec: ExperimentController, node: Handle, command: str, *, name: str | None = None, **values: Any) -> Handle:
        return ec.add("Application", node, command=command, name=name, **values)


class Netns(CommandBackend):
    name = "netns"


BACKENDS = [pytest.param(Dummy(), id="dummy"), pytest.param(Netns(), id="netns", marks=pytest.mark.netns)]
COMMAND_BACKENDS = [pytest.param(Netns(), id="netns", marks=pytest.mark.netns)]
