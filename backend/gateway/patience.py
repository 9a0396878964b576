"""An end to waiting for what may never answer, not even when it is told to stop."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_abandoned: Final[set[asyncio.Task[Any]]] = set()


async def within(limit_s: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what work returns, within so many seconds.

    Work that takes longer is cancelled and not waited for: a driver that is cancelled first tells
    its server, and a server that says nothing would hold the caller for ever.

    Raises:
        TimeoutError: it took longer.

    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=limit_s)
    except asyncio.CancelledError:
        _abandon(task)
        raise
    if not done:
        _abandon(task)
        raise TimeoutError
    return task.result()


def _abandon(task: "asyncio.Task[Any]") -> None:
    _abandoned.add(task)
    task.add_done_callback(_forget)
    task.cancel()


def _forget(task: "asyncio.Task[Any]") -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        # Whatever it says comes too late, and must not be complained of.
        task.exception()
