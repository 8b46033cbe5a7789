"""What all commands have in common: help, version, errors, completion, and a quick start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nepi as package
from tests.cli.conftest import NEPI, nepi, nepi_process

COMMANDS = ("run", "plan", "types", "ps", "logs", "trace", "shell", "exec", "release", "gc", "runs", "why", "replay", "doctor", "version")


def test_every_command_is_in_the_help_with_a_line_that_fits() -> None:
    text = nepi_process("--help").out
    for command in COMMANDS:
        [line] = [line for line in text.splitlines() if line.startswith(f"  {command} ")]
        assert line.endswith(".")
        assert not line.endswith("...")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_the_same_exit_status(command: str) -> None:
    assert nepi(command, "--help").status == 0


def test_version() -> None:
    for arguments in (["version"], ["--version"]):
        assert nepi(*arguments).out == f"nepi {package.__version__}\n"


def test_an_error_is_one_message_on_standard_error(home: Path) -> None:
    said = nepi("logs", "nothing")
    assert (said.status, said.out) == (2, "")
    assert said.err == f"nepi: there is no run 'nothing'; `nepi ps --all` lists the runs in {home}\n"


def test_an_unknown_option_is_wrong_usage() -> None:
    assert nepi("ps", "--colour").status == 2


def test_a_reader_that_has_had_enough_is_no_error(small: Path, home: Path) -> None:
    assert nepi("run", "-q", small).status == 0
    (home / "small" / "r1" / "traces" / "a").mkdir(parents=True)
    (home / "small" / "r1" / "traces" / "a" / "large").write_bytes(bytes(10_000_000))
    with subprocess.Popen([*NEPI, "trace", "last", "a", "large"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def completed(*words: str) -> list[str]:
    """Return what bash is offered after `words`, the last of which is incomplete."""
    environment = {**os.environ, "_NEPI_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(("nepi", *words)), "COMP_CWORD": str(len(words))}
    program = "import sys; sys.argv[0] = 'nepi'; from nepi.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_the_shell_completes_runs_resources_and_types(small: Path) -> None:
    assert nepi("run", "-q", small).status == 0
    assert completed("trace", "sm") == ["small/r1"]
    assert completed("why", "small/r1", "i") == ["ia", "ib"]
    assert completed("exec", "small/r1", "") == ["a", "b"]
    assert completed("types", "dummy::N") == ["dummy::Node"]
    assert completed("trace", "nothing", "i") == []


@pytest.mark.parametrize("arguments", [["ps"], ["version"], ["types", "dummy"]])
def test_no_command_that_only_looks_loads_what_runs_experiments(arguments: list[str]) -> None:
    program = f"""
import sys
from nepi.cli.main import app
try:
    app({arguments!r})
except SystemExit:
    pass
print(*sorted(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert loaded & {"rich.live", "nepi.execution.runner", "polars", "asyncssh", "pyroute2", "networkx"} == set()
    if arguments != ["types", "dummy"]:
        assert loaded & {"asyncio", "sqlite3", "nepi.execution.ec", "nepi.resources"} == set()
