"""Waiting for one thing or another."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

CANCEL_AGAIN_S = 0.1

ResultT = TypeVar("ResultT")


async def until(ended: asyncio.Event, work: Awaitable[ResultT]) -> ResultT | None:
    """Await `work` unless `ended` comes first, which cancels it; None then."""
    task = asyncio.ensure_future(work)
    ending = asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait({task, ending}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        ending.cancel()
        # Python 3.11's wait_for, which redis-py sends with, swallows a cancel that comes in the
        # wrong moment: so ask until it is heard.
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
        if not task.cancelled():
            # Seen, so that nobody complains of an exception that nobody saw.
            task.exception()


async def pause(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for an event, but no longer than `timeout_s`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
