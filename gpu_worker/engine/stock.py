"""What a worker has at hand beside its model: read ahead, and never on the engine's thread."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

import structlog

from backend.contracts import RenderJob

FORESEE_EVERY_S: Final = 60.0
_log = structlog.get_logger(__name__)


class Stock(Protocol):
    """Adapters in the host's memory; for any thread."""

    def held(self) -> frozenset[str]:
        """Return the names of those that are at hand."""

    def hold(self, job: RenderJob) -> AbstractContextManager[None]:
        """Have at hand what a job wears while the block runs, reading what is not.

        Raises:
            RenderError: something of it cannot be had.

        """

    def foresee(self) -> int:
        """Read what the next hours usually ask for; return how many that were."""


class ControlShelf(Protocol):
    """The ControlNets of a model; for any thread."""

    def held(self) -> frozenset[str]:
        """Return those that are loaded, as they are called among adapters."""

    def names(self) -> Sequence[str]:
        """Return the names of all there are."""


class SteeredStock(Stock, Protocol):
    """A stock that also knows which ControlNets there are."""

    def controlnets(self) -> tuple[str, ...]:
        """Return the names of all that a job may ask for."""


class LateStock:
    """The stock of a model that is not loaded yet, and then of the loaded one."""

    def __init__(self) -> None:
        self._stock: Stock | None = None
        self._controls: ControlShelf | None = None
        self._names: tuple[str, ...] = ()

    def open(self, stock: Stock, controls: ControlShelf | None = None) -> None:
        """Go by this one from now on, and by the ControlNets of the same model."""
        self._stock = stock
        self._controls = controls
        # Said every two seconds, and a folder is not read so often.
        self._names = tuple(controls.names()) if controls is not None else ()

    def held(self) -> frozenset[str]:
        loras = self._stock.held() if self._stock is not None else frozenset()
        return loras | self._controls.held() if self._controls is not None else loras

    def controlnets(self) -> tuple[str, ...]:
        return self._names

    @contextmanager
    def hold(self, job: RenderJob) -> Iterator[None]:
        if self._stock is None:
            # Why there is no model is told by the engine.
            yield
        else:
            with self._stock.hold(job):
                yield

    def foresee(self) -> int:
        return self._stock.foresee() if self._stock is not None else 0


class Storekeeper:
    """A thread that looks ahead whenever `is_idle` says that nothing is drawn."""

    def __init__(
        self, *, stock: Stock, is_idle: Callable[[], bool], every_s: float = FORESEE_EVERY_S
    ) -> None:
        self._stock = stock
        self._is_idle = is_idle
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storekeeper", daemon=True)

    def start(self) -> None:
        """Begin, with a first look at once."""
        self._thread.start()

    def close(self) -> None:
        """End, without waiting for what is being read just now."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            if self._is_idle():
                self._look_ahead()
            self._ended.wait(self._every_s)

    def _look_ahead(self) -> None:
        try:
            count = self._stock.foresee()
        except Exception as error:  # noqa: BLE001 - the edge of the thread: the next look may succeed
            _log.warning("not_foreseen", reason=type(error).__name__)
        else:
            if count:
                _log.info("foreseen", count=count)
