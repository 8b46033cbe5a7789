"""What stands between a connection and a simulation, with programs that stand for one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nepi.hosts.ns3.there_python import CODE

KEEPER = Path(__file__).parents[3] / "src" / "nepi" / "hosts" / "ns3" / "inside" / "keeper.py"
ECHO = "import os, sys; print(os.getcwd(), flush=True); [print(line, end='', flush=True) for line in sys.stdin]; print('over', flush=True)"


def kept(folder: Path, code: str, said: bytes, *, silence: str = "60", is_over: bool = True) -> list[Any]:
    """Keep a program, say something to it, and return the lines that come, after the first."""
    argv = [sys.executable, "-I", "-S", str(KEEPER), str(folder / "its"), "noise", silence, sys.executable, "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        first = json.loads(keeper.stdout.readline())
        assert (first["event"], first["pid"] > 1) == ("kept", True)
        keeper.stdin.write(said)
        keeper.stdin.flush()
        if is_over:
            keeper.stdin.close()
        lines = keeper.stdout.read().splitlines()
        assert keeper.wait() == 0
    *others, last = lines
    return [*(line.decode() for line in others), json.loads(last)]


ENDED = {"event": "exited", "status": 0, "words": ""}


@pytest.mark.parametrize("said", [b'{"id":1}\n\n{"id":2}\n', b'\n\n{"id":1}\n{"id":2}\nend\n'])
def test_lines_pass_but_for_signs_of_life_until_the_connection_ends_or_the_end_is_said(tmp_path: Path, said: bytes) -> None:
    assert kept(tmp_path, ECHO, said, is_over=b"end" not in said) == [str(tmp_path / "its"), '{"id":1}', '{"id":2}', "over", ENDED]


def test_a_program_whose_other_side_says_nothing_any_more_is_ended(tmp_path: Path) -> None:
    assert kept(tmp_path, ECHO, b'{"id":1}\n', silence="0.5", is_over=False) == [str(tmp_path / "its"), '{"id":1}', "over", ENDED]


def test_how_it_ended_is_told_with_the_end_of_what_it_wrote_to_standard_error(tmp_path: Path) -> None:
    code = "import os, sys; sys.stdin.readline(); sys.stderr.write('no room\\n'); sys.stderr.flush(); os.kill(os.getpid(), 9)"
    assert kept(tmp_path, code, b"{}\n", is_over=False) == [{"event": "exited", "status": -signal.SIGKILL, "words": "no room\n"}]


def test_much_that_is_said_at_once_arrives_whole(tmp_path: Path) -> None:
    code = "import sys; print(sum(len(line) for line in sys.stdin.buffer))"
    line = b"{" + b"x" * (3 << 20) + b"}\n"
    assert kept(tmp_path, code, 2 * line) == [str(2 * len(line)), ENDED]


def test_what_is_brought_to_a_machine_is_all_that_runs_there() -> None:
    names = {path.name for path in KEEPER.parent.iterdir() if path.suffix in (".py", ".h")}
    assert {name for name, _ in CODE.files()} == {f"inside/{name}" for name in names}
    assert CODE.folder.startswith(".cache/nepi/ns3-")
