from __future__ import annotations

import pytest

from nepi.lab import Lab
from nepi.testing.pytest_plugin import MakeLab, ssh_lab

__all__ = ["ssh_lab"]


@pytest.fixture(scope="module")
def lab(ssh_lab: MakeLab) -> Lab:
    return ssh_lab(3)
