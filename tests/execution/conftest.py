"""Controllers in virtual time, and what the resource managers of these tests have done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nepi.testing.pytest_plugin import ec, new_controller
from tests.execution import managers

__all__ = ["ec", "log", "new_controller"]


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What was called on the managers of this test, as "name.verb", in order."""
    managers.LOG.clear()
    yield managers.LOG
    managers.LOG.clear()
