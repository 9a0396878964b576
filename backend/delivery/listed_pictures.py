"""Whether a picture that anybody sends is a copy of a listed one, before anything comes of it."""

import asyncio
from collections.abc import Callable, Sequence

from backend.delivery.foreign_pictures import read_picture
from backend.delivery.uploads import blocked_for
from backend.domain.errors import PictureBlocked
from safety.errors import HashListsInvalid
from safety.hash_list import HashList
from safety.image_checks import WantedChecks, open_image_check
from safety.screen_image import screen_image
from safety.verdict import CHECK_FAILED, CHILD_SAFETY

# Reading a large picture takes a few hundred megabytes.
_AT_ONCE = 2


class VettedPictures:
    """The `ListedPictures` over the lists of child safety; nothing that is looked at is kept."""

    def __init__(self, *, open_lists: Callable[[], Sequence[HashList]]) -> None:
        self._open_lists = open_lists
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def must_not_be_listed(self, data: bytes) -> None:
        async with self._places:
            await asyncio.to_thread(self._look, data)

    def _look(self, data: bytes) -> None:
        pixels = read_picture(data)
        try:
            lists = [one for one in self._open_lists() if one.category == CHILD_SAFETY]
        except HashListsInvalid as error:
            raise PictureBlocked(category=CHECK_FAILED) from error
        if not lists:
            return
        wanted = WantedChecks(hash_lists=tuple(lists), looks_at_crops=True)
        check = open_image_check("known_pictures", wanted=wanted)
        verdict = screen_image(pixels, checks=[check])
        if not verdict.is_clear(frozenset()):
            raise blocked_for(verdict.decisive)
