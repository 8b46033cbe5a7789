"""Signals, sent to a real process."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import NEPI, heed_signals, nepi, started


@pytest.mark.parametrize(("number", "status", "word"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")])
def test_one_signal_gives_everything_back_in_order(long: Path, home: Path, number: signal.Signals, status: int, word: str) -> None:
    with started("run", long) as running:
        running.wait_for("STARTED")
        running.signal(number)
        said = running.end()
    assert said.status == status
    assert f"{word}: giving everything back. Once more to abandon it.\n" in said.err
    assert f"long/r1: aborted, 2 resources: interrupted by {word}\n" in said.err
    assert "Traceback" not in said.err
    summary = json.loads((home / "long" / "r1" / "summary.json").read_text())
    assert (summary["outcome"], summary["not_released"], summary["left_behind"]) == ("aborted", [], {})


def test_a_script_without_with_is_ended_too(script: Callable[[str], Path], home: Path) -> None:
    path = script(
        """
        ec = ExperimentController("seed", run_id="r")
        app = ec.register_resource("dummy::Application", duration="1h")
        ec.deploy()
        ec.wait_finished([app])
        """
    )
    with started("run", path) as running:
        running.wait_for("STARTED")
        running.signal(signal.SIGINT)
        assert running.end().status == 130
    assert json.loads((home / "seed" / "r" / "summary.json").read_text())["not_released"] == []


def test_two_signals_abandon_at_once_and_say_how_to_give_it_back(script: Callable[[str], Path]) -> None:
    path = script(
        """
        with ExperimentController("slow", backend="dummy", run_id="r1") as ec:
            node = ec.add("Node", name="node", releaseTime="1h")
            ec.add("Application", node, name="app", duration="1h")
            ec.run()
        """
    )
    with started("run", path) as running:
        running.wait_for("STARTED")
        running.signal(signal.SIGINT)
        running.wait_for("RELEASED")
        running.signal(signal.SIGINT)
        said = running.end()
    assert said.status == 130
    assert said.err.endswith("Abandoned; what it made is still there. Give it back with: nepi gc slow/r1\n")
    assert nepi("ps").out.splitlines()[1].split()[:2] == ["slow/r1", "dead"]
    assert nepi("gc").out == "slow/r1: nothing was left\n"
    assert nepi("ps").out.startswith("No run is live, kept or dead.")


def test_a_signal_during_the_release_does_not_tear_it_and_nothing_new_begins(script: Callable[[str], Path], home: Path) -> None:
    path = script(
        """
        for number in (1, 2):
            with ExperimentController("e", backend="dummy", run_id=f"r{number}") as ec:
                node = ec.add("Node", name="node", releaseTime="300ms")
                ec.add("Application", node, name="app")
                ec.run()
        """
    )
    with started("run", path) as running:
        running.wait_for("RELEASED   app")
        running.signal(signal.SIGINT)
        said = running.end()
    assert said.status == 130
    assert json.loads((home / "e" / "r1" / "summary.json").read_text())["outcome"] == "finished"
    assert not (home / "e" / "r2").exists()


def test_a_signal_that_the_parent_ignores_stays_ignored(script: Callable[[str], Path]) -> None:
    path = script(
        """
        import os, signal
        with ExperimentController("e", backend="dummy", run_id="r") as ec:
            ec.add("Node", name="node")
            ec.deploy()
            print(signal.getsignal(signal.SIGHUP).name, callable(signal.getsignal(signal.SIGTERM)))
        """
    )
    argv = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *NEPI, "run", "-q", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, preexec_fn=heed_signals, check=True)
    assert done.stdout == "SIG_IGN True\n"


def test_following_ends_with_the_run_and_a_killed_run_too(long: Path) -> None:
    with started("run", long) as running:
        running.wait_for("STARTED")
        with started("logs", "--follow", "long") as following:
            assert following.process.stdout is not None
            for line in following.process.stdout:
                if "STARTED" in line:
                    break
            running.signal(signal.SIGKILL)
            assert following.end().status == 0
        running.end()
