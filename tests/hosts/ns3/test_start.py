"""Starting a simulation process, and being told what is missing, without ns-3."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from nepi.errors import ConnectError
from nepi.execution.ledger import Ledger
from nepi.hosts.ns3.start import INSIDE, LocalSimulator, Started


async def start(folder: Path, argv: list[str]) -> str:
    """Return why it could not be started, after a look at what is left."""
    with Ledger(folder / "ledger.sqlite") as ledger:
        started = Started(argv)
        with pytest.raises(ConnectError) as caught:
            await LocalSimulator.start(ledger, owner=1, stdout=folder / "stdout", stderr=folder / "stderr", started=started)
        assert ledger.rows() == []
        assert started.process.returncode is not None
    return str(caught.value)


def test_a_missing_wheel_is_told_with_what_to_type(tmp_path: Path) -> None:
    """An interpreter without installed packages stands for one without ns-3."""
    said = asyncio.run(start(tmp_path, [sys.executable, "-I", "-S", str(INSIDE)]))
    assert said == "ns-3 is not installed (ModuleNotFoundError: No module named 'cppyy'): pip install 'nepi[ns3]'"


def test_a_process_that_ends_while_it_imports_has_a_reason(tmp_path: Path) -> None:
    code = "import sys, os; sys.stdin.read(0); print('no room', file=sys.stderr); os._exit(7)"
    said = asyncio.run(start(tmp_path, [sys.executable, "-c", code]))
    assert said == "ns-3 could not be imported: the ns-3 process ended with status 7: no room"


def test_a_process_that_is_killed_while_it_imports_has_a_reason(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    said = asyncio.run(start(tmp_path, [sys.executable, "-c", code]))
    assert said == "ns-3 could not be imported: the ns-3 process was killed (SIGKILL)"
