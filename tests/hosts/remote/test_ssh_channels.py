"""Whose turn it is to have a channel."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nepi.hosts.remote.ssh_channels import GROWS_AFTER, Channels, ConnectionGoneError, Place


def with_channels(limit: int, work: Callable[[Channels], Awaitable[None]]) -> None:
    async def main() -> None:
        await work(Channels(limit))

    asyncio.run(main())


async def turns() -> None:
    """Let all who can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_is_more_than_permitted_waits_and_is_served_in_order() -> None:
    async def work(channels: Channels) -> None:
        served = []

        async def user(name: str) -> None:
            place = await channels.take()
            served.append(name)
            await turns()
            place.leave()

        await asyncio.gather(*(user(name) for name in "abcde"))
        assert (served, channels.taken) == (list("abcde"), 0)

    with_channels(2, work)


def test_streams_leave_two_channels_to_others_and_wait_apart_from_them() -> None:
    async def work(channels: Channels) -> None:
        streams = [asyncio.create_task(channels.take(stream=True)) for _ in range(3)]
        await turns()
        others = [await channels.take() for _ in range(2)]
        assert ([task.done() for task in streams], channels.taken) == ([True, True, False], 4)
        others[0].leave()
        await turns()
        assert not streams[2].done()  # there is room, but not for a stream
        streams[0].result().leave()
        assert isinstance(await streams[2], Place)

    with_channels(4, work)


def test_who_gives_up_waiting_takes_nothing_even_at_the_moment_of_his_turn() -> None:
    async def work(channels: Channels) -> None:
        place = await channels.take()
        early, late, after = (asyncio.create_task(channels.take()) for _ in range(3))
        await turns()
        early.cancel()
        await turns()
        place.leave()  # it is late's turn,
        late.cancel()  # and it is cancelled before it runs
        assert isinstance(await after, Place)
        assert channels.taken == 1

    with_channels(1, work)


def test_a_lost_connection_is_told_to_all_who_wait_and_all_who_come() -> None:
    async def work(channels: Channels) -> None:
        await channels.take()
        waiting = asyncio.create_task(channels.take())
        await turns()
        channels.gone()
        for task in (waiting, asyncio.create_task(channels.take(stream=True))):
            with pytest.raises(ConnectionGoneError):
                await task

    with_channels(1, work)


def test_the_limit_shrinks_to_what_was_granted_and_grows_again_by_one_at_a_time() -> None:
    async def work(channels: Channels) -> None:
        assert not channels.shrink()  # nothing at all is granted
        places = [await channels.take() for _ in range(5)]
        for place in places[:3]:
            place.opened()
        assert (channels.shrink(), channels.limit) == (True, 3)
        for place in places:
            place.leave()
            place.leave()
        assert (channels.taken, channels.granted) == (0, 0)
        for _ in range(GROWS_AFTER):
            place = await channels.take()
            place.opened()
            place.leave()
        assert channels.limit == 4

    with_channels(10, work)
