"""The one thread that owns the device, and its one loop over all jobs in flight.

A tick begins one job, takes one step of those that can share it, or finishes one picture. Between
two ticks jobs come, go, overtake and are cancelled.
"""

import itertools
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

from gpu_worker.engine.batch import MOST_PIXELS, Shares, choose_tick
from gpu_worker.engine.flight import Flight
from gpu_worker.engine.preempt import choose_aside
from gpu_worker.engine.seat import Seat, Stage
from gpu_worker.engine.tally import Tally
from gpu_worker.render.drawing import Artist, Drawing, DrawOrder, OnStep


class Engine:
    """Draws all orders in flight together, step by step."""

    def __init__(
        self, *, open_artist: Callable[[], Artist], most_pixels: int = MOST_PIXELS
    ) -> None:
        self._open_artist = open_artist
        self._most_pixels = most_pixels
        self._artist: Artist | None = None
        self._inbox: queue.SimpleQueue[Flight | Future[None] | None] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._flights: dict[int, Flight] = {}
        self._is_open = True
        self.tally = Tally()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread; nothing is loaded yet."""
        self._thread.start()

    def close(self) -> None:
        """Finish what was submitted and end the thread."""
        self._inbox.put(None)
        self._thread.join()

    def load(self) -> Future[None]:
        """Open the artist ahead of the first order; the future holds what went wrong."""
        loaded: Future[None] = Future()
        self._inbox.put(loaded)
        return loaded

    def submit(self, order: DrawOrder, on_step: OnStep) -> Future[Drawing]:
        """Line up an order, from any thread; `on_step` is called on the engine's.

        An artist that could not be opened is tried again for each order: a repaired folder needs no
        restart.
        """
        flight = Flight(number=next(self._numbers), order=order, on_step=on_step)
        self._inbox.put(flight)
        return flight.ended

    def _run(self) -> None:
        shares = Shares()
        while self._take_in():
            present = self._choose_present()
            tick, shares = choose_tick(present, shares, most_pixels=self._most_pixels)
            match tick.stage:
                case Stage.WAITING:
                    self._begin(tick.numbers)
                case Stage.DRAWING:
                    self._step(tick.numbers)
                case Stage.FINISHING:
                    self._finish(tick.numbers)
            # Those who took no part may be wanted no more as well.
            self._tell(self._flights.keys() - tick.numbers)

    def _choose_present(self) -> list[Seat]:
        """Let some stand aside, and return the others."""
        aside = choose_aside([flight.seat() for flight in self._flights.values()])
        for number, flight in self._flights.items():
            flight.stand_aside(is_aside=number in aside)
        return [one.seat() for number, one in self._flights.items() if number not in aside]

    def _take_in(self) -> bool:
        """Take in what was submitted; wait for it when nothing is in flight; False at the end."""
        while self._is_open:
            try:
                work = self._inbox.get(block=not self._flights)
            except queue.Empty:
                return True
            if isinstance(work, Flight):
                self._flights[work.number] = work
            elif work is None:
                self._is_open = False
            else:
                self._load(work)
        return bool(self._flights)

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

    def _begin(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            flight = self._flights[number]
            try:
                flight.run = self._open().begin(flight.order)
            except Exception as error:  # noqa: BLE001 - the edge of the thread, as for all of `_end`
                self._end(number, error)
        self._tell(numbers)

    def _step(self, numbers: Sequence[int]) -> None:
        """Take a step together; those it failed for try again by halves, and at last alone."""
        runs = {number: self._flights[number].begun() for number in numbers}
        before = {number: run.done for number, run in runs.items()}
        error = self._try_step(numbers)
        moved = [number for number, run in runs.items() if run.done > before[number]]
        if moved:
            self.tally.count(len(moved))
        self._tell(moved)
        left = [number for number in numbers if number not in moved]
        if error is None or not left:
            return
        if len(numbers) == 1:
            self._end(left[0], error)
            return
        middle = (len(left) + 1) // 2
        for half in (left[:middle], left[middle:]):
            if half:
                self._step(half)

    def _try_step(self, numbers: Sequence[int]) -> Exception | None:
        try:
            self._open().step([self._flights[number].begun() for number in numbers])
        except Exception as error:  # noqa: BLE001 - the edge of the thread
            return error
        return None

    def _finish(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            try:
                drawing = self._open().finish(self._flights[number].begun())
            except Exception as error:  # noqa: BLE001 - the edge of the thread
                self._end(number, error)
                continue
            if drawing is not None:
                self._end(number, drawing)

    def _tell(self, numbers: Iterable[int]) -> None:
        """Tell how far these jobs are, those that have begun; one that is not wanted ends here."""
        for number in list(numbers):
            flight = self._flights.get(number)
            if flight is None or flight.run is None:
                continue
            try:
                flight.tell()
            except Exception as error:  # noqa: BLE001 - the edge of the thread
                self._end(number, error)

    def _end(self, number: int, outcome: Drawing | Exception) -> None:
        """Hand over what a job came to; nothing of it is kept."""
        ended = self._flights.pop(number).ended
        if isinstance(outcome, Drawing):
            ended.set_result(outcome)
        else:
            ended.set_exception(outcome)
