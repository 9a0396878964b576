"""The one thread that owns the device: artists are opened, used and dropped on it alone."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from gpu_worker.render.drawing import Artist, Drawing, DrawOrder, OnStep


@dataclass(frozen=True, kw_only=True)
class _Work:
    order: DrawOrder
    on_step: OnStep
    done: Future[Drawing]


class Engine:
    """Draws orders one after another, in the order they were submitted."""

    def __init__(self, *, open_artist: Callable[[], Artist]) -> None:
        self._open_artist = open_artist
        self._artist: Artist | None = None
        self._work: queue.SimpleQueue[_Work | Future[None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread; nothing is loaded yet."""
        self._thread.start()

    def close(self) -> None:
        """Finish what was submitted and end the thread."""
        self._work.put(None)
        self._thread.join()

    def load(self) -> Future[None]:
        """Open the artist ahead of the first order; the future holds what went wrong."""
        loaded: Future[None] = Future()
        self._work.put(loaded)
        return loaded

    def submit(self, order: DrawOrder, on_step: OnStep) -> Future[Drawing]:
        """Line up an order; `on_step` is called on the engine's thread.

        An artist that could not be opened is tried again for each order: a repaired folder needs no
        restart.
        """
        done: Future[Drawing] = Future()
        self._work.put(_Work(order=order, on_step=on_step, done=done))
        return done

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            if isinstance(work, _Work):
                self._draw(work)
            else:
                self._load(work)
            # A finished job's pictures must not live on until the next one arrives.
            del work

    def _draw(self, work: _Work) -> None:
        try:
            work.done.set_result(self._open().draw(work.order, work.on_step))
        except Exception as error:  # noqa: BLE001 - the edge of the thread: the waiting slot gets it
            work.done.set_exception(error)

    def _load(self, loaded: Future[None]) -> None:
        try:
            self._open()
            loaded.set_result(None)
        except Exception as error:  # noqa: BLE001 - the edge of the thread: the waiting worker gets it
            loaded.set_exception(error)

    def _open(self) -> Artist:
        if self._artist is None:
            self._artist = self._open_artist()
        return self._artist
