"""Giving things back from the ledger alone, and processes that are surely the meant ones."""

import dataclasses
import os
import signal
import sqlite3
import subprocess
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from nepi.execution import ledger_kinds
from nepi.execution.ledger import Ledger, Row, Thing
from nepi.execution.ledger_kinds import LedgerKind, collect, is_alive
from nepi.execution.process_identity import ProcessIdentity, boot_id


@pytest.fixture
def sleeper() -> Generator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


@pytest.fixture
def ledger(tmp_path: Path) -> Generator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


def test_a_process_is_known_by_more_than_its_pid(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity.is_alive()
    assert ProcessIdentity.from_json(identity.to_json()) == identity
    other_start = dataclasses.replace(identity, start_ticks=identity.start_ticks + 1)
    other_boot = dataclasses.replace(identity, boot_id="another")
    for other in (other_start, other_boot):
        assert not other.is_alive()
        assert other.open() is None
        assert other.signal(signal.SIGKILL) is False
        assert other.kill() is True
    assert sleeper.poll() is None, "a process that has its pid from somebody else was killed"
    assert identity.kill()
    assert sleeper.wait() == -signal.SIGKILL
    assert not identity.is_alive()
    assert identity.kill()


def test_a_zombie_is_not_alive(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity.signal(signal.SIGKILL)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.is_alive()
    with pytest.raises(ProcessLookupError):
        ProcessIdentity.of(sleeper.pid)


def test_a_process_that_was_never_started_has_no_identity() -> None:
    assert ProcessIdentity.from_json({"tag": "x"}) is None


def test_collect_gives_back_processes_and_files_and_what_they_held(
    ledger: Ledger, sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    agent = ProcessIdentity.of(sleeper.pid).to_json()
    (tmp_path / "temporary").touch()
    ledger.made(
        ledger.intend(
            [
                Thing("agent", agent),
                Thing("netns", {"name": "a", "agent": agent}),
                Thing("link", {"agent": agent}),
                Thing("file", {"path": str(tmp_path / "temporary")}),
                Thing("file", {"path": str(tmp_path / "never-made")}),
            ]
        )
    )
    ledger.intend([Thing("process", {"tag": "x"}), Thing("agent")])
    assert [is_alive(row) for row in ledger.rows()] == [True, True, True, True, False, False, False]
    collected = collect(ledger.path)
    assert (len(collected.released), collected.left) == (7, ())
    assert sleeper.wait() == -signal.SIGKILL
    assert not (tmp_path / "temporary").exists()
    assert ledger.rows() == []
    assert collect(ledger.path).released == ()


def test_a_reused_pid_is_not_killed(ledger: Ledger, sleeper: subprocess.Popen[bytes]) -> None:
    identity = dataclasses.replace(ProcessIdentity.of(sleeper.pid), start_ticks=1)
    ledger.intend([Thing("process", identity.to_json())])
    assert len(collect(ledger.path).released) == 1
    assert sleeper.poll() is None


def test_after_a_reboot_local_things_are_gone(ledger: Ledger, sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    (tmp_path / "temporary").touch()
    ledger.intend([Thing("process", ProcessIdentity.of(sleeper.pid).to_json()), Thing("file", {"path": str(tmp_path / "temporary")})])
    database = sqlite3.connect(ledger.path)
    database.execute("UPDATE things SET boot_id = 'earlier'")
    database.commit()
    database.close()
    assert [is_alive(row) for row in ledger.rows()] == [False, True]
    assert len(collect(ledger.path).released) == 2
    assert sleeper.poll() is None
    assert not (tmp_path / "temporary").exists()


def test_what_cannot_be_given_back_stays_with_the_reason(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(row: Row) -> bool:
        raise PermissionError("not yours")

    stubborn = LedgerKind(lambda row: True, lambda row: False)
    monkeypatch.setitem(ledger_kinds.BUILT_IN, "stubborn", stubborn)
    monkeypatch.setitem(ledger_kinds.BUILT_IN, "refused", LedgerKind(lambda row: True, refuse))
    ledger.intend([Thing("stubborn"), Thing("of-a-package-that-is-not-here"), Thing("refused"), Thing("process", {})])
    collected = collect(ledger.path)
    assert [row.kind for row in collected.released] == ["process"]
    assert sorted((row.kind, row.state, row.note) for row in collected.left) == [
        (
            "of-a-package-that-is-not-here",
            "left",
            "unknown kind 'of-a-package-that-is-not-here': install the package that made it, then collect again",
        ),
        ("refused", "left", "PermissionError: not yours"),
        ("stubborn", "left", "did not go away in time"),
    ]
    monkeypatch.setitem(ledger_kinds.BUILT_IN, "stubborn", LedgerKind(lambda row: True, lambda row: True))
    assert [row.kind for row in collect(ledger.path).released] == ["stubborn"]


def test_things_of_a_kind_that_can_be_are_given_back_together(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []

    def together(rows: Sequence[Row]) -> dict[int, str]:
        seen.append([row.id for row in rows])
        return {rows[-1].id: "it is far away"}

    def fail(rows: Sequence[Row]) -> dict[int, str]:
        raise OSError("no way there")

    monkeypatch.setitem(ledger_kinds.BUILT_IN, "far", LedgerKind(lambda row: True, lambda row: False, rank=1, release_together=together))
    monkeypatch.setitem(ledger_kinds.BUILT_IN, "no way", LedgerKind(lambda row: True, lambda row: False, release_together=fail))
    rows = ledger.intend([Thing("far"), Thing("no way"), Thing("far"), Thing("far")])
    collected = collect(ledger.path)
    assert seen == [[rows[3], rows[2], rows[0]]]
    assert [(row.kind, row.note) for row in collected.left] == [("far", "it is far away"), ("no way", "OSError: no way there")]
    assert [row.id for row in collected.released] == [rows[3], rows[2]]


def test_collecting_a_run_without_a_ledger_does_nothing(tmp_path: Path) -> None:
    collected = collect(tmp_path / "ledger.sqlite")
    assert (collected.released, collected.left, list(tmp_path.iterdir())) == ((), (), [])


def test_the_boot_has_a_name() -> None:
    assert boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
