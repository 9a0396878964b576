"""Something that goes on beside a block and ends with it, and what is done there in rounds."""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager

import structlog

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def meanwhile(
    work: Coroutine[object, object, None], *, name: str | None = None
) -> AsyncIterator[None]:
    """Run `work` until it ends or the block does; what it raised is raised at the block's end."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def in_rounds(
    one_round: Callable[[], Awaitable[None]], *, every_s: float, name: str, at_once: bool = True
) -> None:
    """Do something for good, so long apart; a round that breaks is logged, and the next is done.

    `at_once`: the first is not waited for.
    """
    if not at_once:
        await asyncio.sleep(every_s)
    while True:
        try:
            await one_round()
        except Exception as error:  # noqa: BLE001 - the edge: nobody sees that no other follows
            # Where, but not what was said: that may hold words of a prompt.
            trace = "".join(traceback.format_tb(error.__traceback__))
            _log.error("round_broke", of=name, reason=type(error).__name__, trace=trace)
        await asyncio.sleep(every_s)
