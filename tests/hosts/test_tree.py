"""Which processes belong to a command, as told by what /proc shows of them."""

import os
from pathlib import Path

from nepi.hosts.agent.tree import Processes, Seen


def _orphan(folder: Path, environment: bytes) -> Seen:
    folder.mkdir(exist_ok=True)
    (folder / "environ").write_bytes(environment)
    return Seen(4321, os.getpid(), 4321, 99, str(folder))


def test_an_orphan_that_is_just_executing_another_program_is_looked_at_again(tmp_path: Path) -> None:
    processes = Processes(own_proc=True)
    seen = _orphan(tmp_path / "4321", b"")
    assert (processes.members([seen], "a.1", 1), processes.unclear) == ([], True)
    processes.unclear = False
    _orphan(tmp_path / "4321", b"HOME=/\0NEPI_COMMAND=a.1\0")
    assert (processes.members([seen], "a.1", 1), processes.unclear) == ([seen], False)


def test_an_orphan_of_another_command_is_left_alone(tmp_path: Path) -> None:
    processes = Processes(own_proc=True)
    seen = _orphan(tmp_path / "4321", b"NEPI_COMMAND=b.2\0")
    assert (processes.members([seen], "a.1", 1), processes.unclear) == ([], False)
