"""Keeps the books of the device's memory: who has how much, who may stay, who has to leave.

The books are estimates made before anything runs; `probe` says what is really in use.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from gpu_worker.state import OutOfMemory
from gpu_worker.vram.budget import Budget, in_words
from gpu_worker.vram.eviction import Resident, UseRecord, choose_victims

# Names whose use is remembered; beyond that the least used are forgotten.
MOST_REMEMBERED = 4096

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Keep:
    """How a component stays after its last use, until its room is needed."""

    drop: Callable[[], None]  # gives its memory back; called once, on the thread that needs room
    reload_s: float  # what bringing it back would cost
    is_pinned: bool = False


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """The books at one moment, for the operator."""

    usable_bytes: int
    used_bytes: int
    held_bytes: int
    residents: tuple[Resident, ...]
    evictions: int
    refusals: int


@dataclass(kw_only=True)
class _Entry:
    size_bytes: int
    keep: Keep | None
    holders: int = 0
    is_spoilt: bool = False  # its loading failed: it must not stay


class VramManager:
    """Lends the device's memory by name and bytes; never more of it than its budget has.

    `expect_uses` adds what is known of the future, in uses an hour, to what was seen of late.
    """

    def __init__(
        self,
        *,
        budget: Budget,
        clock: Callable[[], float] = time.monotonic,
        expect_uses: Callable[[str], float] = lambda _name: 0.0,
    ) -> None:
        self._budget = budget
        self._clock = clock
        self._expect_uses = expect_uses
        self._entries: dict[str, _Entry] = {}
        self._uses: dict[str, UseRecord] = {}  # also of what has left: it may come back
        self._evictions = 0
        self._refusals = 0
        self._lock = threading.RLock()

    @contextmanager
    def hold(self, component: str, size_bytes: int, *, keep: Keep | None = None) -> Iterator[bool]:
        """Have `size_bytes` for a component while the block runs; what is held is never evicted.

        Yields whether the component is there already; else the block has to load it. With `keep` it
        stays after the block until its room is needed, unless the block that loads it fails.

        Raises:
            OutOfMemory: too little would be free even if all that may leave did. Nothing has left.

        """
        was_there = self._take(component, size_bytes, keep)
        try:
            yield was_there
        except BaseException:
            self._give_back(component, is_spoilt=not was_there)
            raise
        self._give_back(component, is_spoilt=False)

    def admit(self, size_bytes: int) -> None:
        """Check that so much could be had now, evicting nobody yet.

        Raises:
            OutOfMemory: it could not.

        """
        with self._lock:
            if self._choose_victims(size_bytes) is None:
                self._refuse("What was asked for", size_bytes)

    def make_room(self, size_bytes: int) -> bool:
        """Evict until so much is free, if that is possible; tell whether it is."""
        with self._lock:
            victims = self._choose_victims(size_bytes)
            for name in victims or ():
                self._evict(name)
            return victims is not None

    def evict_all(self) -> int:
        """Evict whatever is not in use, the pinned too, as after running out; return the bytes."""
        with self._lock:
            leaving = [name for name, entry in self._entries.items() if not entry.holders]
            return sum(self._evict(name) for name in leaving)

    def has(self, component: str) -> bool:
        """Tell whether a component is in memory."""
        with self._lock:
            return component in self._entries

    def look(self) -> MemoryUse:
        """Return the books as they are."""
        with self._lock:
            return MemoryUse(
                usable_bytes=self._budget.usable_bytes,
                used_bytes=self._used_bytes(),
                held_bytes=sum(one.size_bytes for one in self._entries.values() if one.holders),
                residents=self._residents(),
                evictions=self._evictions,
                refusals=self._refusals,
            )

    def _take(self, component: str, size_bytes: int, keep: Keep | None) -> bool:
        if size_bytes < 0:
            raise ValueError("A component takes no less than no bytes.")
        with self._lock:
            entry = self._entries.get(component)
            was_there = entry is not None
            if entry is None:
                if not self.make_room(size_bytes):
                    self._refuse(component, size_bytes)
                entry = self._entries[component] = _Entry(size_bytes=size_bytes, keep=keep)
            elif entry.size_bytes != size_bytes:
                raise ValueError(f"{component} is there with other bytes than these.")
            entry.holders += 1
            self._count_use(component)
            return was_there

    def _give_back(self, component: str, *, is_spoilt: bool) -> None:
        with self._lock:
            entry = self._entries[component]
            entry.holders -= 1
            entry.is_spoilt = entry.is_spoilt or is_spoilt
            if entry.holders or not (entry.is_spoilt or entry.keep is None):
                return
            del self._entries[component]
        if entry.keep is not None:
            entry.keep.drop()

    def _count_use(self, component: str) -> None:
        now_s = self._clock()
        self._uses[component] = self._uses.get(component, UseRecord()).used(now_s)
        if len(self._uses) > MOST_REMEMBERED:
            gone = self._uses.keys() - self._entries.keys()
            del self._uses[min(gone, key=lambda name: self._uses[name].uses_per_hour(now_s))]

    def _choose_victims(self, size_bytes: int) -> tuple[str, ...] | None:
        free_bytes = self._budget.usable_bytes - self._used_bytes()
        return choose_victims(self._residents(), size_bytes - free_bytes)

    def _evict(self, name: str) -> int:
        entry = self._entries.pop(name)
        self._evictions += 1
        _log.info("evicted", component=name, size_bytes=entry.size_bytes)
        if entry.keep is not None:
            entry.keep.drop()
        return entry.size_bytes

    def _refuse(self, component: str, size_bytes: int) -> None:
        self._refusals += 1
        entries = self._entries.values()
        movable = sum(one.size_bytes for one in entries if not one.holders and not _is_pinned(one))
        free_bytes = self._budget.usable_bytes - self._used_bytes() + movable
        raise OutOfMemory(
            f"{component} needs {in_words(size_bytes)} of memory, "
            f"and {in_words(free_bytes)} can be had."
        )

    def _used_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self._entries.values())

    def _residents(self) -> tuple[Resident, ...]:
        now_s = self._clock()
        return tuple(
            Resident(
                name=name,
                size_bytes=entry.size_bytes,
                uses_per_hour=self._uses[name].uses_per_hour(now_s) + self._expect_uses(name),
                reload_s=entry.keep.reload_s if entry.keep else 0.0,
                is_held=entry.holders > 0,
                is_pinned=_is_pinned(entry),
            )
            for name, entry in self._entries.items()
        )


def _is_pinned(entry: _Entry) -> bool:
    return entry.keep is not None and entry.keep.is_pinned
