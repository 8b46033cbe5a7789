from __future__ import annotations

from nepi.testing.pytest_plugin import ssh_lab

__all__ = ["ssh_lab"]
