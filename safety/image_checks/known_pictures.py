"""Copies of known pictures, by the lists of their hashes; it finds no new ones.

A picture is looked up turned and mirrored all eight ways; one that somebody gave us also in parts.
A list that cannot be relied on holds the picture, and the finding names the list.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from PIL import Image

from safety.errors import HashListUnusable
from safety.fingerprint import Fingerprint, crops, dihedrals
from safety.hash_list import HashList
from safety.verdict import Finding, KnownMatch, Outcome, failed_check

# What is cut out of a larger picture is still found by its parts; more pixels tell no more.
_SIDE_PX: Final = 1024


class KnownPicturesCheck:
    """Finds copies of listed pictures; `looks_at_crops` for what was drawn elsewhere."""

    name = "known_pictures"

    def __init__(self, *, lists: Sequence[HashList], looks_at_crops: bool) -> None:
        self._lists = tuple(lists)
        self._looks_at_crops = looks_at_crops

    def check(self, pictures: Sequence[Image.Image]) -> list[list[Finding]]:
        return [self._look_up(list(self._prints(pixels))) for pixels in pictures]

    def _prints(self, pixels: Image.Image) -> Iterator[Fingerprint]:
        yield from dihedrals(pixels)
        if self._looks_at_crops:
            small = pixels.convert("RGB")
            small.thumbnail((_SIDE_PX, _SIDE_PX))
            for part in crops(small):
                yield from dihedrals(part)

    def _look_up(self, prints: Sequence[Fingerprint]) -> list[Finding]:
        findings = []
        for one in self._lists:
            try:
                match = one.find(prints)
            except HashListUnusable as error:
                findings.append(failed_check(self.name, f"{one.name}.{error.reason}"))
            else:
                if match is not None:
                    findings.append(self._found(one, match))
        return findings

    def _found(self, listed: HashList, match: KnownMatch) -> Finding:
        return Finding(
            check=self.name,
            outcome=Outcome.BLOCK,
            category=listed.category,
            rule=f"known.{listed.name}",
            match=match,
        )
