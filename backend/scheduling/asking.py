"""Who asks for how many more jobs, while they are handed out one after another; pure."""

from collections.abc import Collection, Iterable, Mapping

from backend.scheduling.gpu_pool import LiveWorker
from backend.scheduling.waiting import NOTHING, Credit


class Asks:
    """The open wishes of one family's workers.

    `sent` counts the jobs that were handed out and not begun, by whose own queue they are in ("" if
    in a tier's): they answer a wish each. A job whose adapters an asking worker holds goes to that
    worker; all others to whoever comes first. Workers in `unheard` are not written to directly.
    """

    def __init__(
        self,
        workers: Iterable[LiveWorker],
        *,
        sent: Mapping[str, int],
        unheard: Collection[str] = (),
    ) -> None:
        self.slots = 0
        self._left: dict[str, int] = {}
        self._holds: dict[str, frozenset[str]] = {}
        for worker in workers:
            self.slots += worker.slots
            self._left[worker.name] = max(0, worker.wants - sent.get(worker.name, 0))
            if worker.has_own_queue and worker.name not in unheard:
                self._holds[worker.name] = worker.adapters
        self.room = sum(self._left.values()) - sent.get("", 0)

    def credit(self) -> Credit:
        """Return what all who may be written to and still ask hold together."""
        held = (self._holds[name] for name in self._writable())
        return Credit(adapters=NOTHING.union(*held))

    def answer(self, adapters: frozenset[str]) -> str:
        """Hand out one job; return the worker it is for, "" if it is for anyone."""
        self.room -= 1
        if not adapters:
            return ""
        able = [name for name in self._writable() if adapters <= self._holds[name]]
        if not able:
            return ""
        # Whoever asks for most has waited longest or has most room.
        chosen = max(able, key=lambda name: self._left[name])
        self._left[chosen] -= 1
        return chosen

    def take_back(self, worker: str) -> None:
        """Undo an answer that came to nothing."""
        self.room += 1
        if worker:
            self._left[worker] += 1

    def _writable(self) -> Iterable[str]:
        return (name for name in self._holds if self._left[name] > 0)
