"""Programs that are killed by SIGKILL when their journal says so, and taken up again by the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEADLINE_S = 60.0
HEAD = "import os, signal\nfrom nepi import ExperimentController\n"


def die_when(run_dir: Path, program: str, ready: Callable[[list[dict[str, Any]]], bool]) -> None:
    """Run a program, and kill it as soon as its journal (its whole lines) satisfies `ready`."""
    env = {**os.environ, "NEPI_HOME": str(run_dir.parents[2])}
    argv = [sys.executable, "-c", HEAD + textwrap.dedent(program)]
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        deadline = time.monotonic() + DEADLINE_S
        try:
            while not ready(lines_of(run_dir)):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the instant never came: {process.stderr.read()}")
                time.sleep(0.001)  # a file tells nobody that it has grown
        finally:
            process.send_signal(signal.SIGKILL)


def lines_of(run_dir: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a journal; none while there is none."""
    try:
        text = (run_dir / "journal.jsonl").read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def has(*wanted: str) -> Callable[[list[dict[str, Any]]], bool]:
    """Return what is true once the journal has all these texts, in any of its lines."""

    def ready(lines: list[dict[str, Any]]) -> bool:
        text = json.dumps(lines, separators=(",", ":"))
        return all(one in text for one in wanted)

    return ready


def summary_of(run_dir: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run_dir / "summary.json").read_text())
    return found
