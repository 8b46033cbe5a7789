# ruff: noqa: ASYNC230, ASYNC240 - files of this machine
"""Files of a simulation on another machine, which here is this one."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath

from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.there_files import ThereFiles
from tests.hosts.remote.remote_worlds import host_in


def test_paths_of_the_run_become_paths_there_and_what_is_written_there_comes_here(tmp_path: Path) -> None:
    async def main() -> None:
        async with host_in(tmp_path) as host:
            there = Path(host.scratch) / "ns3-7"
            there.mkdir(parents=True)
            run = tmp_path / "run"
            files = ThereFiles(run, PurePosixPath(there), host)
            rows, flows = run / "traces" / "a" / "Rx", run / "traces" / "a" / "flows"
            asked = [
                protocol.rows(3, "Rx", str(rows), "a"),
                protocol.create(4, "ns3::Thing", {"File": str(flows), "Other": "/etc/hosts", "Text": f"in {run}"}),
                protocol.rows(3, "Rx", str(rows), "b"),
            ]
            placed = [files.placed(one) for one in asked]
            first, second = f"{there}/1-a-Rx", f"{there}/2-a-flows"
            assert placed == [
                protocol.rows(3, "Rx", first, "a"),
                protocol.create(4, "ns3::Thing", {"File": second, "Other": "/etc/hosts", "Text": f"in {run}"}),
                protocol.rows(3, "Rx", first, "b"),
            ]
            Path(first).write_text("one\n")
            await files.bring()
            with Path(first).open("a") as file:
                file.write("two\n")
            Path(second).write_bytes(bytes(300_000))
            await asyncio.gather(files.bring(), files.bring())
            assert (rows.read_text(), flows.read_bytes()) == ("one\ntwo\n", bytes(300_000))

    asyncio.run(main())


def test_operations_after_which_files_are_looked_at(tmp_path: Path) -> None:
    async def main() -> None:
        async with host_in(tmp_path) as host:
            files = ThereFiles(tmp_path / "run", PurePosixPath(host.scratch), host)
            path = str(tmp_path / "run" / "flows.xml")
            for operation, expected in (
                (protocol.flush(), True),
                (protocol.close_files(), True),
                (protocol.static("nepi::WriteFlows", path), True),
                (protocol.static("nepi::WriteFlows", "elsewhere"), False),
                (protocol.rows(3, "Rx", path, "a"), False),
                (protocol.now(), False),
            ):
                assert files.are_written_by([operation], [files.placed(operation)]) is expected

    asyncio.run(main())
