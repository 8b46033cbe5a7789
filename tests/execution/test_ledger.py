"""The ledger's file: what is written stays, whoever dies."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nepi.errors import RunError
from nepi.execution.ledger import Ledger, Thing
from nepi.execution.process_identity import boot_id

SOURCE = Path(__file__).parents[2] / "src"


def test_nothing_is_created_before_the_first_row(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.rows() == []
        ledger.made([])
        ledger.forget([])
        assert ledger.intend([]) == []
    assert list(tmp_path.iterdir()) == []


def test_a_things_way_through_the_ledger(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        one, two, three = ledger.intend([Thing("a", {"x": 1}, owner=7), Thing("b"), Thing("c", {"y": [1, "z"]})])
        ledger.made([one, two], [{"pid": 5}, None])
        ledger.forget([two])
        ledger.leave([three], "it did not answer")
        found = [(row.id, row.kind, row.owner, row.identity, row.state, row.note) for row in ledger.rows()]
        assert found == [(one, "a", 7, {"x": 1, "pid": 5}, "made", ""), (three, "c", 0, {"y": [1, "z"]}, "left", "it did not answer")]
        assert {row.boot_id for row in ledger.rows()} == {boot_id()}


def test_numbers_are_never_given_twice(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        first = ledger.intend([Thing("a")])
        ledger.forget(first)
        assert ledger.intend([Thing("a"), Thing("a")]) == [first[0] + 1, first[0] + 2]


def test_it_can_be_closed_and_used_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.intend([Thing("a")])
    ledger.close()
    ledger.close()
    ledger.intend([Thing("b")], durable=True)
    assert [row.kind for row in ledger.rows()] == ["a", "b"]
    ledger.close()


def test_rows_survive_the_death_of_their_writer_and_are_read_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    program = f"""
from nepi.execution.ledger import Ledger, Thing
ledger = Ledger({str(path)!r})
ids = ledger.intend([Thing("a", {{"n": n}}) for n in range(1000)])
ledger.made(ids[:500])
print("written", flush=True)
ledger.intend([Thing("b")] * 100000)
input()
"""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        with Ledger(path) as ledger:
            assert [row.identity for row in ledger.rows() if row.kind == "a"] == [{"n": n} for n in range(1000)]
        writer.kill()
        assert writer.wait() == -signal.SIGKILL
    with Ledger(path) as ledger:
        rows = ledger.rows()
        assert [row.state for row in rows if row.kind == "a"] == ["made"] * 500 + ["intended"] * 500
        assert sum(row.kind == "b" for row in rows) in (0, 100_000)  # a transaction is there or it is not
        ledger.intend([Thing("c")])


def test_threads_take_turns(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        threads = [threading.Thread(target=lambda: [ledger.intend([Thing("a")]) for _ in range(20)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({row.id for row in ledger.rows()}) == 160


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database, whatever it is called " * 100)
    with pytest.raises(RunError, match=r"ledger .*ledger\.sqlite: file is not a database"):
        Ledger(path).rows()


def test_a_ledger_of_the_future_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(RunError, match="format 99 is newer"):
        Ledger(path).rows()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="unable to open"):
        Ledger(tmp_path / "nowhere" / "ledger.sqlite").intend([Thing("a")])
