"""How the lists of known pictures are, told without waiting for one that is being read."""

import asyncio
import threading
from collections.abc import Sequence

from backend.delivery.watched_lists import WatchedLists
from safety.errors import HashListsInvalid
from safety.fingerprint import Fingerprint
from safety.hash_list import HashList
from safety.verdict import KnownMatch


class Told:
    """A `HashList` that says what is the trouble with it, once it is let."""

    category = "child_safety"

    def __init__(self, name: str, trouble: str = "") -> None:
        self.name = name
        self.says = trouble
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked = 0

    def find(self, prints: Sequence[Fingerprint]) -> KnownMatch | None:
        raise NotImplementedError

    def trouble(self) -> str:
        self.asked += 1
        assert self.may_answer.wait(30)
        return self.says


async def test_each_list_is_told_by_its_trouble_as_it_is_now() -> None:
    own, vetted = Told("own"), Told("vetted", "stale")
    lists = WatchedLists(open_lists=lambda: [own, vetted], patience_s=30)
    assert await lists.states() == {"own": "", "vetted": "stale"}
    vetted.says = ""
    assert await lists.states() == {"own": "", "vetted": ""}


async def test_nobody_waits_for_a_list_that_is_read_and_it_is_read_once() -> None:
    slow = Told("vetted")
    lists = WatchedLists(open_lists=lambda: [slow], patience_s=0.01)
    slow.may_answer.clear()
    assert await asyncio.gather(*(lists.states() for _ in range(5))) == [{}] * 5
    slow.may_answer.set()
    async with asyncio.timeout(30):
        while await lists.states() != {"vetted": ""}:
            pass
    slow.may_answer.clear()
    asked = slow.asked
    # While it is read anew, what was seen last is told.
    assert await lists.states() == {"vetted": ""}
    assert slow.asked <= asked + 1
    slow.may_answer.set()


async def test_a_document_that_cannot_be_read_is_a_trouble_of_its_own() -> None:
    def invalid() -> list[HashList]:
        raise HashListsInvalid("lists.toml cannot be read")

    lists = WatchedLists(open_lists=invalid, patience_s=30)
    assert await lists.states() == {"hash_lists": "invalid"}
