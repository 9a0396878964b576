"""Waiting for one thing or another."""

import asyncio

from backend.dispatch.waiting import pause, until


async def test_work_that_is_done_first_gives_its_result() -> None:
    assert await until(asyncio.Event(), asyncio.sleep(0, "done")) == "done"


async def test_work_is_cancelled_at_the_end_even_if_it_misses_the_first_cancel() -> None:
    ended = asyncio.Event()
    misses = 0

    async def stubborn() -> None:
        nonlocal misses
        while True:
            try:
                ended.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                misses += 1
                if misses == 2:
                    raise

    assert await until(ended, stubborn()) is None
    assert misses == 2


async def test_work_that_fails_while_it_is_cancelled_is_not_complained_of() -> None:
    ended = asyncio.Event()

    async def clumsy() -> None:
        try:
            ended.set()
            await asyncio.Event().wait()
        finally:
            raise ValueError("dropped it")

    assert await until(ended, clumsy()) is None


async def test_a_pause_ends_with_the_event_or_by_itself() -> None:
    event = asyncio.Event()
    await pause(event, 0.001)
    event.set()
    await pause(event, 3600)
