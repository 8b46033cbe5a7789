"""Fixtures of the shipped plugin, as users have them."""

from nepi.testing.pytest_plugin import ec, inject, new_controller

__all__ = ["ec", "inject", "new_controller"]
