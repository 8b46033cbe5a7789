"""Which Python of a machine ns-3 runs in; the machine is this one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from nepi.errors import CommandError, ConnectError
from nepi.hosts.ns3.there_python import CODE, look, prepare
from tests.hosts.remote.remote_worlds import host_in
from tests.hosts.remote.subprocess_transport import SubprocessTransport

BARE = getattr(sys, "_base_executable", sys.executable)
"""What the environment of the tests was made with: it has no ns-3."""


def test_an_interpreter_says_what_it_is_and_one_that_is_missing_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        transport = SubprocessTransport(env={"HOME": str(tmp_path)})
        found = await look(transport, sys.executable)
        assert found.version == sys.version_info[:2]
        assert (Path(found.home), found.has_code, found.has_own) == (tmp_path, False, False)
        assert found.inside("keeper.py") == f"{tmp_path}/{CODE.folder}/inside/keeper.py"
        await CODE.bring(transport, found.path)
        assert (await look(transport, sys.executable)).has_code
        with pytest.raises(ConnectError, match=r"^here has no no-python: install it there, or name another one with `python`$"):
            await look(transport, "no-python")
        with pytest.raises(ConnectError, match=r"^/bin/echo on here does not work: "):
            await look(transport, "/bin/echo")

    asyncio.run(main())


@pytest.mark.slow
def test_without_the_wheel_it_is_said_what_to_do_and_what_pip_said_when_that_fails(tmp_path: Path) -> None:
    async def main() -> None:
        offline = {"HOME": str(tmp_path), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
        async with host_in(tmp_path, SubprocessTransport(env=offline)) as host:
            with pytest.raises(ConnectError, match=r"^ns-3 is not installed on here \(.*\): type `.* -m pip install ns3` there, "):
                await prepare(host, BARE, install=False)
            with pytest.raises(CommandError, match="No matching distribution found for ns3"):
                await prepare(host, BARE, install=True)

    asyncio.run(main())
