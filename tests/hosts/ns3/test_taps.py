"""Opening a tap elsewhere, given up halfway."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nepi.hosts.ns3.taps import tap_on


class NeverAnswering:
    """A host on which commands do not end."""

    name = "slow"

    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def run(self, _argv: Any, **_rest: Any) -> Any:
        self.began.set()
        await asyncio.get_running_loop().create_future()


async def give_up() -> list[str]:
    """Return what is still being done after opening a tap was cancelled."""
    host: Any = NeverAnswering()
    before = asyncio.all_tasks()

    async def open_it() -> None:
        async with tap_on(host, "eth0", mac="02:00:00:00:00:01", mtu_bytes=1500):
            pass

    opening = asyncio.create_task(open_it())
    await host.began.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    return [str(task) for task in asyncio.all_tasks() - before]


def test_who_gives_up_opening_a_tap_leaves_nothing_that_waits_for_it() -> None:
    assert asyncio.run(give_up()) == []
