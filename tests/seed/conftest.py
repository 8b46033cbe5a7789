"""Controllers in virtual time, and a catalogue that is as it was before after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nepi.execution.resource import ResourceFactory, populate_factory
from nepi.testing.pytest_plugin import ec, new_controller
from tests.seed import managers

__all__ = ["ec", "new_controller"]


@pytest.fixture(autouse=True)
def catalogue() -> Iterator[None]:
    """Registers the seed-time managers for one test only."""
    populate_factory()
    before = dict(ResourceFactory.resource_types())
    for rclass in managers.ALL:
        ResourceFactory.register_type(rclass)
    yield
    ResourceFactory.resource_types().clear()
    ResourceFactory.resource_types().update(before)
