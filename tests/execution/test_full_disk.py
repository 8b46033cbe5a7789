"""A disk that is full, a real one: at the first write, later, and while everything is given back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("full_disk_program.py")
pytestmark = [pytest.mark.netns, pytest.mark.slow]


def on_disks(tmp_path: Path, *sizes: str) -> list[dict[str, Any]]:
    """Run an experiment on a file system of each size (in kB; with an f, it is filled up while the experiment runs)."""
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    argv = [*namespace, sys.executable, str(PROGRAM), str(tmp_path), *sizes]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=PROGRAM.parents[2], check=False)
    assert done.returncode == 0, done.stderr
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said


def test_a_disk_that_is_full_at_the_first_deploy_is_a_clear_error_and_nothing_is_left(tmp_path: Path) -> None:
    for said in on_disks(tmp_path, "4", "64", "1024"):
        assert said["error"].startswith("RunError: ")
        assert "cannot be" in said["error"]
        assert "No space left on device" in said["error"]
        assert not said["folder"]


def test_a_disk_that_fills_up_while_a_run_goes_on_ends_it_and_all_of_it_is_written_down(tmp_path: Path) -> None:
    for said in on_disks(tmp_path, "1400f", "2000f", "3000f"):
        assert (said["states"], said["outcome"], said["released_in_journal"]) == (["RELEASED"], "aborted", True)
        assert said["abort"].endswith((" is full", "No space left on device"))
        assert said["differences"] == []


def test_wherever_the_space_ends_everything_is_released_and_what_was_written_stays_readable(tmp_path: Path) -> None:
    sizes = [str(1024 + extra) for extra in range(8, 130, 8)]
    for size, said in zip(sizes, on_disks(tmp_path, *sizes), strict=True):
        assert said["states"] in ([], ["RELEASED"]), (size, said)
        assert said.get("differences", []) == [], (size, said)
        assert said["error"] or "full" in said["abort"] or "No space left" in said["abort"], (size, said)
