"""How long the stream behind a display is open, on this machine without SSH."""

from __future__ import annotations

import asyncio

import pytest

from nepi.errors import ResourceError
from nepi.hosts.remote.local_transport import LocalStream, LocalTransport
from nepi.resources.linux.display import Display


class Counted(LocalTransport):
    """Keeps what was opened."""

    def __init__(self) -> None:
        super().__init__("localhost")
        self.opened: list[LocalStream] = []

    async def open(self, command: str, *, forward_x11: bool = False) -> LocalStream:
        assert forward_x11
        self.opened.append(await super().open(command))
        return self.opened[-1]


def test_commands_share_a_stream_that_is_closed_with_the_last_one_and_opened_anew_after_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setenv("XAUTHORITY", "/a")
    found = {"DISPLAY": ":7", "XAUTHORITY": "/a"}

    async def main() -> None:
        transport = Counted()
        display = Display(transport)
        assert [await display.use(), await display.use()] == [found, found]
        await display.leave()
        assert (len(transport.opened), len(transport._streams)) == (1, 1)
        await transport.opened[0].cut()
        assert display._listening is not None
        await display._listening
        assert await display.use() == found
        assert (len(transport.opened), len(transport._streams)) == (2, 1)
        await display.leave()
        await display.leave()
        assert transport._streams == set()
        await display.use()
        await display.close()
        assert (len(transport.opened), transport._streams) == (3, set())
        await transport.close()

    asyncio.run(main())


def test_a_host_that_gives_no_display_is_told_and_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    class Without(Counted):
        async def open(self, command: str, *, forward_x11: bool = False) -> LocalStream:
            return await super().open(f"DISPLAY=; {command}", forward_x11=forward_x11)

    monkeypatch.setenv("DISPLAY", ":7")

    async def main() -> None:
        transport = Without()
        display = Display(transport)
        for _ in range(2):
            with pytest.raises(ResourceError, match="localhost gives commands no display; is xauth installed there"):
                await display.use()
        assert (len(transport.opened), transport._streams) == (2, set())
        await transport.close()

    asyncio.run(main())
