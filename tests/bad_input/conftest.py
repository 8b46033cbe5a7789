"""Controllers in virtual time, below tmp_path."""

from __future__ import annotations

from nepi.testing.pytest_plugin import ec, new_controller

__all__ = ["ec", "new_controller"]
