"""How the lists of known pictures are here, for whoever watches over this process."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from safety.errors import HashListsInvalid
from safety.hash_list import HashList, states_of

# The name under which it is told that the document which names the lists cannot be read.
DOCUMENT = "hash_lists"


class WatchedLists:
    """The `KnownLists` over opened ones; looked at in a thread, one look at a time.

    Reading a large list takes seconds. Who asks meanwhile is told, after `patience_s`, what was
    seen last: nothing, before the first look has ended.
    """

    def __init__(
        self, *, open_lists: Callable[[], Sequence[HashList]], patience_s: float = 1.0
    ) -> None:
        self._open_lists = open_lists
        self._patience_s = patience_s
        self._looking: asyncio.Future[Mapping[str, str]] | None = None
        self._states: Mapping[str, str] = {}

    async def states(self) -> Mapping[str, str]:
        looking = self._looking
        if looking is None:
            looking = self._looking = asyncio.ensure_future(asyncio.to_thread(self._look))
        done, _ = await asyncio.wait([looking], timeout=self._patience_s)
        if done and self._looking is looking:
            self._looking = None
            self._states = looking.result()
        return self._states

    def _look(self) -> Mapping[str, str]:
        try:
            return states_of(self._open_lists())
        except HashListsInvalid:
            return {DOCUMENT: "invalid"}
