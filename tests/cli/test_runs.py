"""ps, runs list, rm and prune."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nepi.execution.ledger import Ledger, Thing
from tests.cli.conftest import nepi

Write = Callable[[str], Path]


def runs_of(script: Write, *names: str, base: Path | None = None) -> None:
    where = f", local_dir={str(base)!r}" if base else ""
    made = f"ExperimentController('e', run_id=name, backend='dummy'{where})"
    path = script(f"for name in {names!r}:\n    ec = {made}\n    ec.add('Node', name='n')\n    ec.run()")
    assert nepi("run", "-q", path).status == 0


def listed() -> list[str]:
    return [run["run"] for run in json.loads(nepi("ps", "--all", "--json").out)]


def test_ps_says_what_is_there(script: Write, home: Path) -> None:
    assert nepi("ps").out == f"There are no runs in {home}.\n"
    runs_of(script, "r1", "r2")
    assert nepi("ps").out == f"No run is live, kept or dead. `nepi ps --all` lists 2 more in {home}.\n"
    assert [line.split()[:2] for line in nepi("ps", "--all").out.splitlines()[1:]] == [["e/r1", "finished"], ["e/r2", "finished"]]


def test_json_has_everything_of_a_run(script: Write, home: Path) -> None:
    runs_of(script, "r1")
    [run] = json.loads(nepi("ps", "--all", "--json").out)
    assert {key: value for key, value in run.items() if key != "began"} == {
        "run": "e/r1",
        "exp_id": "e",
        "run_id": "r1",
        "state": "finished",
        "controller_pid": os.getpid(),
        "host": "",
        "path": f"{home}/e/r1",
    }


def test_a_dead_run_is_told_with_what_to_do(dead_run: Path) -> None:
    line = nepi("ps").out.splitlines()[1]
    assert (line.split()[:2], line.split()[-2:]) == (["long/r1", "dead"], ["nepi", "gc"])


def test_a_run_in_a_folder_of_its_own_is_found_and_removed_with_its_link(script: Write, home: Path, tmp_path: Path) -> None:
    runs_of(script, "r1", base=tmp_path / "elsewhere")
    [run] = json.loads(nepi("ps", "--all", "--json").out)
    assert (run["run"], run["path"]) == ("e/r1", f"{tmp_path}/elsewhere/e/r1")
    assert nepi("runs", "rm", "e/r1").status == 0
    assert not list(home.glob("*"))
    assert not list((tmp_path / "elsewhere").glob("*"))


def test_two_runs_of_one_name_in_two_places_are_both_found(script: Write, tmp_path: Path) -> None:
    runs_of(script, "r1")
    runs_of(script, "r1", base=tmp_path / "elsewhere")
    found = listed()
    assert found[0] == "e/r1"
    assert found[1].startswith("e/r1~")


def test_rm_removes_runs_and_empty_experiments(script: Write, home: Path) -> None:
    runs_of(script, "r1", "r2")
    assert nepi("runs", "rm", "e/r1").out.startswith("removed e/r1 (")
    assert listed() == ["e/r2"]
    assert nepi("runs", "rm", "last").status == 0
    assert not list(home.glob("*"))


def test_rm_refuses_what_still_holds_something_and_removes_the_rest(script: Write, dead_run: Path) -> None:
    runs_of(script, "r1", "r2")
    with Ledger(dead_run.parents[1] / "e" / "r2" / "ledger.sqlite") as ledger:
        ledger.intend([Thing("file", {"path": "/nowhere/at/all"})])
    said = nepi("runs", "rm", "long/r1", "e/r2", "e/r1")
    assert said.status == 1
    assert said.err == (
        "nepi: long/r1 stays: its controller is gone and nothing was given back yet; first: nepi gc long/r1\n"
        "nepi: e/r2 stays: its ledger still has 1 thing; first: nepi gc e/r2\n"
    )
    assert sorted(listed()) == ["e/r2", "long/r1"]
    assert nepi("gc", "e/r2", "long").status == 0
    assert nepi("runs", "rm", "long/r1", "e/r2").status == 0


def test_prune_keeps_the_latest(script: Write) -> None:
    runs_of(script, "r1", "r2", "r3")
    assert nepi("runs", "prune", "--keep", "1", "--dry-run").out == "would remove e/r1\nwould remove e/r2\n"
    assert listed() == ["e/r1", "e/r2", "e/r3"]
    assert nepi("runs", "prune", "--keep", "1").status == 0
    assert listed() == ["e/r3"]
    assert nepi("runs", "prune", "--keep", "1").out == "Nothing to remove.\n"


def test_prune_removes_the_oldest_until_the_rest_fits(script: Write, home: Path) -> None:
    runs_of(script, "r1", "r2", "r3")
    (home / "e" / "r1" / "traces").mkdir()
    (home / "e" / "r1" / "traces" / "large").write_bytes(bytes(2_000_000))
    assert nepi("runs", "prune", "--max-size", "1MB").out.startswith("removed e/r1 (")
    assert listed() == ["e/r2", "e/r3"]


@pytest.mark.parametrize("options", [[], ["--max-size", "plenty"]])
def test_prune_wants_to_know_what_to_keep(options: list[str]) -> None:
    assert nepi("runs", "prune", *options).status == 2


def test_prune_removes_links_to_folders_that_are_gone(script: Write, home: Path, tmp_path: Path) -> None:
    runs_of(script, "r1", base=tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rename(tmp_path / "moved")
    assert listed() == []
    nepi("runs", "prune", "--keep", "5")
    assert not list(home.glob("*"))


def test_list_says_how_much_runs_take(script: Write, home: Path) -> None:
    runs_of(script, "r1", "r2")
    (home / "e" / "r1" / "traces").mkdir()
    (home / "e" / "r1" / "traces" / "large").write_bytes(bytes(1_000_000))
    lines = nepi("runs", "list").out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["e/r2", "e/r1"]
    assert lines[3].startswith("2 runs, 1.0")
    record = json.loads(nepi("runs", "list", "--json").out)
    assert [run["run"] for run in record["runs"]] == ["e/r2", "e/r1"]
    assert record["runs"][1]["traces_bytes"] >= 1_000_000
