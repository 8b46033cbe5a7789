"""The shipped fixture, as users have it."""

from nepi.testing.pytest_plugin import ssh_lab

__all__ = ["ssh_lab"]
