"""trace, logs, why, replay: what is read of a run that was made before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nepi.cli.following import chunks, lines
from tests.cli.conftest import nepi, nepi_process, without_times

BYTES = bytes(range(256)) * 3 + b"no end of line"


@pytest.fixture
def run(small: Path, home: Path) -> Path:
    """Return the folder of a run with a binary trace."""
    assert nepi("run", "-q", small).status == 0
    folder = home / "small" / "r1"
    (folder / "traces" / "client").mkdir(parents=True)
    (folder / "traces" / "client" / "capture").write_bytes(BYTES)
    (folder / "traces" / "client" / "stderr").write_bytes(b"")
    return folder


def test_a_trace_is_written_byte_for_byte(run: Path, tmp_path: Path) -> None:
    import subprocess

    from tests.cli.conftest import NEPI

    done = subprocess.run([*NEPI, "trace", "small", "client", "capture"], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, BYTES, b"")


def test_traces_are_listed_with_their_sizes(run: Path) -> None:
    assert nepi("trace", "last", "client").out == (
        "resource  trace    bytes\n"
        f"client    capture  {len(BYTES)}\n"
        "client    stderr   0\n"
    )  # fmt: skip
    assert nepi("trace", "last", "server").out == "Nothing was recorded.\n"
    assert json.loads(nepi("trace", "last", "--json").out)[0] == {
        "resource": "client",
        "trace": "capture",
        "bytes": len(BYTES),
        "path": f"{run}/traces/client/capture",
    }
    assert nepi("trace", "last", "client", "capture", "--path").out == f"{run}/traces/client/capture\n"


def test_names_that_are_not_there_have_near_ones(run: Path) -> None:
    assert nepi("trace", "last", "cliend").err == (
        "nepi: the run has no resource 'cliend' (did you mean 'client'?); it has a, b, l, ia, ib, server, client\n"
    )
    assert nepi("trace", "last", "client", "captur").err == (
        "nepi: client has no trace 'captur' (did you mean 'capture'?): it has capture, stderr\n"
    )
    assert nepi("trace", "last", "server", "stdout").err == "nepi: server has no trace 'stdout': it has recorded nothing\n"
    assert nepi("trace", "lost", "server", "stdout").status == 2
    assert nepi("trace", "last", "--follow").status == 2


def test_following_a_run_that_is_over_writes_all_and_ends(run: Path) -> None:
    assert nepi("trace", "--follow", "last", "client", "stderr").status == 0


def test_a_growing_file_is_read_to_what_was_written_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    ends = iter([False, False, True])
    written = iter([b"", b"one\ntw", b"o\nthree"])

    def over() -> bool:
        with path.open("ab") as file:
            file.write(next(written))
        return next(ends)

    assert b"".join(chunks(path, over, pause=lambda _: None)) == b"one\ntwo\nthree"
    assert list(lines(iter([b"one\ntw", b"o\nthree"]))) == [b"one", b"two"]


def test_the_journal_reads_as_a_story(run: Path) -> None:
    text = without_times(nepi("logs", "small").out)
    assert text.startswith("run small/r1 began <date>\n<clock> <t> s  asked      deploy group 1: a, b, l, ia, ib, server, client\n")
    for line in ("-> deploy  a, b, l", "STARTED    client", "exited     client with status 0", "asked      stop a, b, l, ia, ib"):
        assert f"<clock> <t> s  {line}\n" in text
    assert "watch" not in text
    assert "condition  start of client when server.started\n" in nepi("logs", "--all").out


def test_the_journal_as_it_is(run: Path) -> None:
    assert nepi("logs", "--json", "small").out == (run / "journal.jsonl").read_text()


def test_a_torn_last_line_is_left_out(run: Path) -> None:
    whole = nepi("logs").out
    with (run / "journal.jsonl").open("a") as file:
        file.write('{"n": 99, "t": 1')
    assert nepi("logs").out == whole


def test_why_says_what_a_resource_waits_for(script: Callable[[str], Path]) -> None:
    path = script(
        """
        with ExperimentController("w", backend="dummy", run_id="r") as ec:
            node = ec.add("Node", name="node")
            first = ec.add("Application", node, name="first", duration="1h")
            second = ec.add("Application", node, name="second")
            second.start_when(first.finished)
            ec.deploy()
            ec.wait_started([first])
            import os
            os._exit(0)
        """
    )
    assert nepi_process("run", path).status == 0
    assert nepi("why", "w", "second").out == "second is READY; it waits to start until first is FINISHED.\n"
    assert nepi("why", "w", "2").out == "first is STARTED and waits for nothing.\n"
    assert nepi("why", "w", "third").status == 2


def test_why_explains_attempts_replacements_deadlines_and_inherited_failures(script: Callable[[str], Path]) -> None:
    path = script(
        """
        from nepi import Replace, Retry
        with ExperimentController("w", backend="dummy", run_id="r") as ec:
            ec.set_default_policy("continue")
            node = ec.add("Node", name="node", failOn="deploy", failReason="no answer", failTimes=1)
            ec.set_policy(node, Replace(2))
            again = ec.add("Application", name="again", failOn="start", failReason="address in use")
            ec.set_policy(again, Retry(5, 3200.0))
            slow = ec.add("Application", name="slow", startTime="1h")
            ec.set_deadlines(slow, start="2h")
            lost = ec.add("Application", name="lost", failOn="deploy")
            heir = ec.add("Application", name="heir")
            heir.start_when(lost.started)
            ec.deploy()
            ec.wait_for(heir.failed & node.started)
            ec.wait_for(ec.add("Application", duration="50ms").ended, deadline="200ms")
            import os
            os._exit(0)
        """
    )
    assert nepi_process("run", path).status == 0
    said = {name: nepi("why", "w", name).out for name in ("node", "again", "slow", "heir")}
    assert said == {
        "node": "node is STARTED and waits for nothing.\n",
        "again": "again is READY; it waits 3200 s before its 2nd of 5 attempts, because its start failed: start failed: address in use.\n",
        "slow": "slow is READY; its start is being carried out, for which it has 7200 s.\n",
        "heir": "heir is FAILED: cannot start: lost is FAILED (deploy failed: as scripted) and did not get STARTED before.\n",
    }
    logged = nepi("logs", "w").out
    assert "-> replace node: deploy failed (deploy failed: no answer); replacement 1 of 2" in logged
    assert "-> go on   without heir: it is not critical" in logged


def test_replay_finds_the_same_decisions_or_says_which_differ(run: Path) -> None:
    said = nepi("replay", "small")
    assert said.status == 0
    assert said.out.endswith("batches, the same decisions\n")
    journal = run / "journal.jsonl"
    journal.write_text(journal.read_text().replace('["perform","DEPLOY",[1,2,3]]', '["perform","DEPLOY",[1,2]]'))
    said = nepi("replay", "small")
    assert said.status == 1
    assert said.out.endswith("1 decided otherwise\n")
    assert json.loads(nepi("replay", "--json", "small").out)["differences"] != []
