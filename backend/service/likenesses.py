"""Finds delivered pictures that one looks like, by perceptual fingerprints.

The registry is read once and then only what came since; it is kept in memory, 96 bytes a picture.
"""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Final

from backend.domain.provenance import Likeness
from backend.domain.registered import RegisteredPicture
from backend.service.picture_ports import PictureStore
from safety.fingerprint import MATCH_DISTANCE, QUALITY_FLOOR, Fingerprint, HashIndex

PAGE: Final = 5_000
# So many newcomers are looked through one by one before they are taken into the index.
NEW_MAX: Final = 20_000


class Likenesses:
    """An index over the fingerprints of delivered pictures, as new as each question."""

    def __init__(self, *, pictures: PictureStore) -> None:
        self._pictures = pictures
        self._known: list[RegisteredPicture] = []
        self._settled = HashIndex.of(())
        self._new = HashIndex.of(())
        self._read_to = 0
        self._reading = asyncio.Lock()

    async def nearest(self, fingerprints: Sequence[Fingerprint]) -> Likeness | None:
        """Return the delivered picture that is nearest to any of these, if it is near at all."""
        telling = [one for one in fingerprints if one.quality > QUALITY_FLOOR]
        if not telling:
            return None
        async with self._reading:
            await self._read_on()
            known, settled, new = self._known, self._settled, self._new
        return await asyncio.to_thread(_nearest, telling, known, settled, new)

    async def near(self, prints: Sequence[str]) -> list[Likeness]:
        """Return every delivered picture near to one of these, nearest first.

        `prints` are in hexadecimal, as they are stored, and each is of a picture that tells enough.
        """
        if not prints:
            return []
        sought = [Fingerprint(bytes.fromhex(one), QUALITY_FLOOR + 1) for one in prints]
        async with self._reading:
            await self._read_on()
            known, settled, new = self._known, self._settled, self._new
        return await asyncio.to_thread(_all_near, sought, known, settled, new)

    async def _read_on(self) -> None:
        while page := await self._pictures.delivered_after(self._read_to, PAGE):
            self._read_to = page[-1].sequence
            # A new list: whoever searches beside us goes on with the old one.
            self._known = [*self._known, *(one for one in page if _is_telling(one))]
            if len(page) < PAGE:
                break
        else:
            return
        begin = len(self._settled)
        if len(self._known) - begin > NEW_MAX:
            self._settled = await asyncio.to_thread(_index, self._known)
            begin = len(self._known)
        self._new = _index(self._known[begin:])


def _nearest(
    sought: Sequence[Fingerprint],
    known: Sequence[RegisteredPicture],
    settled: HashIndex,
    new: HashIndex,
) -> Likeness | None:
    found = [
        (match.distance, match.row + begin)
        for index, begin in ((settled, 0), (new, len(settled)))
        for matches in index.near_each(sought, within=MATCH_DISTANCE)
        for match in matches[:1]
    ]
    if not found:
        return None
    distance, row = min(found)
    return Likeness(picture=known[row], distance=distance)


def _all_near(
    sought: Sequence[Fingerprint],
    known: Sequence[RegisteredPicture],
    settled: HashIndex,
    new: HashIndex,
) -> list[Likeness]:
    found: dict[int, int] = {}
    for index, begin in ((settled, 0), (new, len(settled))):
        for match in chain.from_iterable(index.near_each(sought, within=MATCH_DISTANCE)):
            row = match.row + begin
            found[row] = min(match.distance, found.get(row, match.distance))
    nearest_first = sorted((distance, row) for row, distance in found.items())
    return [Likeness(picture=known[row], distance=distance) for distance, row in nearest_first]


def _is_telling(picture: RegisteredPicture) -> bool:
    return bool(picture.fingerprint) and picture.fingerprint_quality > QUALITY_FLOOR


def _index(pictures: Sequence[RegisteredPicture]) -> HashIndex:
    return HashIndex.of(bytes.fromhex(one.fingerprint) for one in pictures)
