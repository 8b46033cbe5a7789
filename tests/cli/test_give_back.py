from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

from nepi.cli.give_back import counted
from nepi.execution.ledger import Ledger, Thing
from nepi.execution.process_identity import ProcessIdentity
from tests.cli.conftest import nepi, started


def record(run: Path, *things: Thing) -> None:
    with Ledger(run / "ledger.sqlite") as ledger:
        ledger.made(ledger.intend(things))


def test_gc_ends_exactly_what_the_ledger_of_a_dead_run_names(dead_run: Path, sleeper: subprocess.Popen[bytes]) -> None:
    record(dead_run, Thing("process", ProcessIdentity.of(sleeper.pid).to_json(), 2))
    assert nepi("gc").out == "long/r1: gave back 1 process\n"
    assert sleeper.wait(10) == -9
    assert nepi("gc").out == "No dead run has left anything.\n"
    assert nepi("gc", "long").out == "long/r1: nothing was left\n"
    assert json.loads((dead_run / "run.json").read_text())["state"] == "collected"


def test_what_cannot_be_given_back_is_told_and_tried_again(dead_run: Path) -> None:
    record(dead_run, Thing("satellite", {"name": "sputnik"}, 2))
    for _ in range(2):
        said = nepi("gc")
        assert said.status == 1
        assert said.out == "long/r1: nothing could be given back\n"
        assert said.err == (
            "nepi: long/r1: still there: satellite of resource 2: unknown kind 'satellite': "
            "install the package that made it, then collect again\n"
        )
    assert nepi("ps").out.splitlines()[1].split()[1:3] == ["left", "behind"]


def test_gc_in_json(dead_run: Path, tmp_path: Path) -> None:
    (tmp_path / "left").touch()
    record(dead_run, Thing("file", {"path": str(tmp_path / "left")}))
    assert json.loads(nepi("gc", "--json").out) == [{"run": "long/r1", "released": {"file": 1}, "left": [], "problem": ""}]
    assert not (tmp_path / "left").exists()


def test_kept_runs_are_given_back_only_when_named(small: Path, home: Path, tmp_path: Path) -> None:
    assert nepi("run", "-q", "--keep", small).status == 0
    (tmp_path / "kept").touch()
    record(home / "small" / "r1", Thing("file", {"path": str(tmp_path / "kept")}))
    assert nepi("gc").out == ("No dead run has left anything.\nsmall/r1 was kept on purpose; end it with: nepi release small/r1\n")
    assert (tmp_path / "kept").exists()
    assert nepi("release", "small").out == "small/r1: gave back 1 file\n"
    assert not (tmp_path / "kept").exists()
    assert nepi("release", "small").out == "small/r1: nothing was left\n"


def test_live_runs_are_never_touched(long: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "needed").touch()
    with started("run", long) as running:
        running.wait_for("STARTED")
        record(home / "long" / "r1", Thing("file", {"path": str(tmp_path / "needed")}))
        assert nepi("gc").out == "No dead run has left anything.\n"
        for command in ("gc", "release"):
            said = nepi(command, "long")
            assert said.status == 2
            assert said.err == (
                f"nepi: {command}: run long/r1 is live; end it with Ctrl-C where it runs, or with: kill {running.process.pid}\n"
            )
        assert nepi("runs", "rm", "long").status == 1
    assert (tmp_path / "needed").exists()


def test_a_run_of_another_machine_is_not_touched(dead_run: Path) -> None:
    environment = json.loads((dead_run / "environment.json").read_text())
    (dead_run / "environment.json").write_text(json.dumps({**environment, "host": "another-machine"}))
    assert nepi("gc").out == "No dead run has left anything.\n"
    assert nepi("gc", "long").err == "nepi: gc: run long/r1 is one of machine another-machine; do it there\n"
    assert "on another-machine" in nepi("ps").out


def test_kinds_are_counted_in_words() -> None:
    assert counted(Counter(agent=1, netns=2, link=3)) == "1 agent, 3 links, 2 namespaces"
