from __future__ import annotations

import os
from pathlib import Path

import pytest

from nepi.engine import events as ev
from nepi.errors import RunError
from nepi.execution.journal import Journal, batches, read_journal, torn_bytes


def journal_with(path: Path, count: int) -> Journal:
    journal = Journal(path, {"exp_id": "x"})
    for number in range(count):
        journal.write(float(number), [ev.Ticked()], [])
    return journal


@pytest.mark.parametrize("torn", ["", "x", '{"n": 3, "ev": [["ent', "y" * 200_000])
def test_what_comes_after_the_last_whole_line_is_counted_and_cut_off(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "journal.jsonl"
    journal_with(path, 2).close()
    whole = path.read_text()
    with path.open("a") as file:
        file.write(torn)
    assert torn_bytes(path) == len(torn)
    journal = Journal.reopen(path, 2)
    journal.write(9.0, [ev.Ticked()], [])
    journal.close()
    assert path.read_text() == whole + '{"n":3,"t":9.0,"ev":[["ticked"]],"do":[]}\n'


def test_a_journal_without_any_line_is_torn_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"journal"')
    assert torn_bytes(path) == 10
    assert list(read_journal(path)) == []


def test_room_is_made_once_and_the_line_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    asked = []
    full = os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC)

    def make_room() -> bool:
        asked.append(1)
        os.dup2(kept, journal._fd, inheritable=False)
        return True

    journal = Journal(path, {}, make_room)
    kept = os.dup(journal._fd)
    os.dup2(full, journal._fd, inheritable=False)
    journal.write(1.0, [ev.Ticked()], [])
    journal.close()
    os.close(full)
    os.close(kept)
    assert asked == [1]
    assert [line["n"] for line in batches(path)] == [1]


def test_a_journal_that_is_gone_cannot_be_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot go on with the journal"):
        Journal.reopen(tmp_path / "journal.jsonl", 0)


def test_notes_are_no_batches(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = journal_with(path, 1)
    journal.note(0.5, {"called": 7})
    journal.close()
    assert [line.get("note") for line in read_journal(path)] == [None, None, {"called": 7}]
    assert len(list(batches(path))) == 1
