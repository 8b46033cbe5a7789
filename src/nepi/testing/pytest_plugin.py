"""Fixtures for pytest. In your conftest.py: `pytest_plugins = ["nepi.testing.pytest_plugin"]`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nepi.execution.ec import ExperimentController
from nepi.testing.controller import VirtualController, virtual_controller
from nepi.testing.faults import Fault, FaultSchedule, Injection
from nepi.testing.leaks import Leaks

if TYPE_CHECKING:
    from nepi.lab import Lab

MakeController = Callable[..., VirtualController]
Inject = Callable[..., Injection]
MakeLab = Callable[..., "Lab"]


@pytest.fixture
def new_controller(tmp_path: Path) -> Iterator[MakeController]:
    """Makes controllers in virtual time, on the dummy backend and below tmp_path unless told otherwise; shuts them down at the end."""
    with ExitStack() as stack:

        def new(exp_id: str = "test", **settings: Any) -> VirtualController:
            return stack.enter_context(virtual_controller(exp_id, **{"backend": "dummy", "local_dir": tmp_path / "runs", **settings}))

        yield new


@pytest.fixture
def ec(new_controller: MakeController) -> VirtualController:
    """A controller in virtual time, on the dummy backend."""
    return new_controller()


@pytest.fixture
def inject() -> Iterator[Inject]:
    """Puts a schedule of faults (or faults) on a controller that has not deployed anything yet; what lasts ends with the test."""
    with ExitStack() as stack:

        def put(ec: ExperimentController, *faults: Fault | FaultSchedule) -> Injection:
            single = tuple(one for one in faults if isinstance(one, Fault))
            drawn = tuple(fault for one in faults if isinstance(one, FaultSchedule) for fault in one.faults)
            return stack.enter_context(FaultSchedule(single + drawn).on(ec))

        yield put


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fails a test that leaves threads, open files or child processes."""
    leaks = Leaks()
    with leaks:
        yield


@pytest.fixture(scope="session")
def ssh_lab() -> Iterator[MakeLab]:
    """Makes labs, hosts with a real SSH server each: `ssh_lab(3, jump=True)`. Needs root, and skips the test without.

    The same arguments give the same lab all through the session, so leave its hosts as they were; a test that reboots or cuts them
    makes its own by `with Lab(...)`. Call it from a fixture of a module or session: what a test makes itself counts as left behind.
    """
    from nepi.lab import Lab

    if os.geteuid() != 0:
        pytest.skip("needs root")
    made: dict[tuple[int, str], Lab] = {}
    with ExitStack() as stack:

        def new(count: int = 1, **settings: Any) -> Lab:
            key = (count, repr(sorted(settings.items())))
            if key not in made:
                made[key] = stack.enter_context(Lab(count, **settings))
            return made[key]

        yield new
