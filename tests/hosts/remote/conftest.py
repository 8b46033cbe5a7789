"""An OpenSSH server for the tests of a file."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.hosts.remote.sshd import Sshd, sshd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Sshd]:
    """A stock server: MaxSessions 10, MaxStartups 10:30:100."""
    with sshd(tmp_path_factory.mktemp("sshd") / "it") as it:
        yield it


@pytest.fixture
def own_server(tmp_path: Path) -> Generator[Sshd]:
    """A server of the test's own, which it may end."""
    with sshd(tmp_path / "sshd") as it:
        yield it
