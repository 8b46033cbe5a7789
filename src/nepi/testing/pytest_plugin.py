"""Fixtures for pytest. In your conftest.py: `pytest_plugins = ["nepi.testing.pytest_plugin"]`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from nepi.testing.controller import VirtualController, virtual_controller
from nepi.testing.leaks import Leaks

MakeController = Callable[..., VirtualController]


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
def no_leaks() -> Iterator[None]:
    """Fails a test that leaves threads, open files or child processes."""
    leaks = Leaks()
    with leaks:
        yield
