"""Commands that talk with us, on this machine as a host."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath

from nepi.execution.ledger import Ledger, Row
from nepi.execution.process_identity import ProcessIdentity
from nepi.hosts.remote.local_transport import LocalTransport
from tests.hosts.remote.remote_worlds import session_in


def rows_of(folder: Path) -> list[Row]:
    with Ledger(folder / "run" / "ledger.sqlite") as ledger:
        return ledger.rows()


def test_it_is_in_the_ledger_has_its_mark_and_variables_and_is_out_of_it_when_it_has_ended(tmp_path: Path) -> None:
    async def main() -> list[bytes]:
        async with session_in(tmp_path) as session:
            host, folder = session.host("a", owner=7), PurePosixPath(tmp_path / "there" / "exp" / "a b")
            code = 'echo "$NEPI_COMMAND $WORD"; pwd; read line; echo "got $line"'
            talk = await host.talk(["/bin/sh", "-c", code], cwd=folder, env={"WORD": "it's"})
            lines = talk.lines()
            heard = [await anext(lines), await anext(lines)]
            (row,) = [one for one in rows_of(tmp_path) if one.kind == "ssh-process"]
            assert (row.owner, row.state, row.identity["tag"]) == (7, "intended", talk.tag)
            talk.made(12)
            assert [(one.state, one.identity["pid"]) for one in rows_of(tmp_path) if one.id == row.id] == [("made", 12)]
            await talk.write(b"word\n")
            heard.append(await anext(lines))
            await talk.close()
            assert [one.kind for one in rows_of(tmp_path)] == ["ssh-folder"]
            assert heard[0] == f"{talk.tag} it's".encode()
            return heard[1:]

    assert asyncio.run(main()) == [str(tmp_path / "there" / "exp" / "a b").encode(), b"got word"]


def test_what_it_has_started_ends_with_it(tmp_path: Path) -> None:
    async def main() -> None:
        transport = LocalTransport("here")
        async with session_in(tmp_path, transport) as session:  # type: ignore[arg-type]  # both are transports
            code = "setsid -f sh -c 'echo $$; exec sleep 300'; read line"
            talk = await session.host("a").talk(["/bin/sh", "-c", code], cwd=PurePosixPath(tmp_path / "there" / "exp"))
            left = ProcessIdentity.of(int(await anext(talk.lines())))
            await talk.close()
            assert not left.is_alive()

    asyncio.run(main())


def test_the_end_is_told_with_its_status(tmp_path: Path) -> None:
    async def main() -> int | None:
        transport = LocalTransport("here")
        async with session_in(tmp_path, transport) as session:  # type: ignore[arg-type]  # both are transports
            talk = await session.host("a").talk(["/bin/sh", "-c", "echo no >&2; exit 3"], cwd=PurePosixPath(tmp_path / "there" / "exp"))
            assert [line async for line in talk.lines()] == []
            ended = await talk.close()
            assert talk.last_words() == b"no\n"
            return ended.status if ended is not None else None

    assert asyncio.run(main()) == 3
