"""What an import costs, as structure instead of seconds: which modules it must not load. And that what is declared is there."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, distribution

import pytest

# Needed by some backend or some command only.
HEAVY = {"asyncssh", "duckdb", "matplotlib", "networkx", "numpy", "polars", "pyarrow", "pydantic", "pyroute2", "scipy", "slixmpp", "yaml"}
COMMAND_LINE = {"click", "rich", "typer"}
RUNNING = {"asyncio", "concurrent", "logging", "multiprocessing", "socket", "sqlite3", "ssl", "subprocess"}


def loaded_by(statement: str) -> set[str]:
    """Return the top-level names of the modules that `statement` adds to a bare interpreter."""
    program = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    fresh = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert fresh.returncode == 0, fresh.stderr
    return {name.split(".")[0] for name in fresh.stdout.split()}


def test_import_nepi_loads_nothing_but_itself() -> None:
    assert loaded_by("import nepi") & (HEAVY | COMMAND_LINE | RUNNING) == set()


def test_controller_loads_neither_command_line_nor_backend_libraries() -> None:
    assert loaded_by("from nepi import ExperimentController") & (HEAVY | COMMAND_LINE) == set()


def test_command_line_loads_no_heavy_library() -> None:
    assert loaded_by("import nepi.cli.main") & HEAVY == set()


def declared() -> list[EntryPoint]:
    """Return the entry points of this distribution."""
    return [point for point in distribution("nepi").entry_points if point.group == "console_scripts" or point.group.startswith("nepi.")]


def test_running_a_script_loads_nothing_of_files() -> None:
    assert loaded_by("import nepi.cli.program, nepi.cli.script, nepi.execution.ec") & HEAVY == set()


@pytest.mark.parametrize("point", declared(), ids=lambda point: f"{point.group}:{point.name}")
def test_declared_entry_point_exists(point: EntryPoint) -> None:
    assert point.load() is not None
