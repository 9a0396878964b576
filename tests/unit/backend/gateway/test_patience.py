"""Nobody waits for ever, not even for what does not listen when it is told to stop."""

import asyncio

import pytest

from backend.gateway.patience import within


async def test_what_is_done_in_time_is_returned() -> None:
    assert await within(30, asyncio.sleep(0, "done")) == "done"


async def test_what_fails_in_time_raises_what_it_raises() -> None:
    async def fail() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await within(30, fail())


async def test_what_does_not_listen_to_its_cancellation_is_left_behind() -> None:
    told, let_go = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.set()
            await let_go.wait()
            raise ValueError from None

    with pytest.raises(TimeoutError):
        await within(0.01, hang())
    await told.wait()
    let_go.set()
    await asyncio.sleep(0)


async def test_who_stops_waiting_stops_the_work() -> None:
    begun, told = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            told.set()

    waiting = asyncio.create_task(within(30, work()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await told.wait()
