"""The seam of the lists of known pictures. A list holds hashes, never pictures; none ships."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from safety.fingerprint import Fingerprint
from safety.verdict import KnownMatch


class HashList(Protocol):
    """Knows pictures by their perceptual hash."""

    @property
    def name(self) -> str:
        """A short stable name, used in findings."""

    @property
    def category(self) -> str:
        """What a copy of a listed picture is found to be: `child_safety`, unless said otherwise."""

    def find(self, prints: Sequence[Fingerprint]) -> KnownMatch | None:
        """Return the listed picture nearest to one of several fingerprints, if it is a copy.

        Raises:
            HashListUnusable: the list is empty, corrupt, too old or was never reached.

        """

    def trouble(self) -> str:
        """Return why nothing could be looked up now, as a word; "" if all is well."""


def states_of(lists: Sequence[HashList]) -> Mapping[str, str]:
    """Return what is the trouble with each list, as a word, by its name; "" if it is well."""
    return {one.name: one.trouble() for one in lists}
