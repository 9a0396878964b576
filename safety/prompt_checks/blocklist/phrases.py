"""A tree of phrases, word by word, in which a text's readings are looked up."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from safety.spelling.folding import fold
from safety.spelling.words import Reading

ANY_ENDING: Final = "*"
_STEM_LETTERS_MAX: Final = 24


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase found: its label, and the places from `start` up to, not including, `end`."""

    label: str
    start: int
    end: int


@dataclass(slots=True)
class _Node:
    words: dict[str, list["_Node"]] = field(default_factory=dict)
    stems: dict[str, list["_Node"]] = field(default_factory=dict)
    label: str = ""


class PhraseTree:
    """Phrases of whole words; `wound*` is any word that begins so, `cut|slit` either of both.

    `words` and `stems` are all it knows, folded.
    """

    def __init__(self) -> None:
        self._root = _Node()
        self.words: set[str] = set()
        self.stems: set[str] = set()

    def add(self, phrase: str, label: str) -> None:
        """Add a phrase under a label.

        All either-ors of a place lead to one node: a phrase costs the sum of its words.
        """
        node = self._root
        for part in phrase.split():
            child = _Node()
            for word in part.split("|"):
                self._connect(node, child, word)
            node = child
        node.label = label

    def _connect(self, node: _Node, child: _Node, word: str) -> None:
        # A text's word is read without the marks in it.
        spelling = fold(word.removesuffix(ANY_ENDING)).replace("'", "")
        is_stem = word.endswith(ANY_ENDING)
        (self.stems if is_stem else self.words).add(spelling)
        (node.stems if is_stem else node.words).setdefault(spelling, []).append(child)

    def find(self, readings: Iterable[Reading]) -> set[Hit]:
        """Return every phrase the readings spell."""
        places: dict[int, set[Reading]] = {}
        for reading in readings:
            places.setdefault(reading.place, set()).add(reading)
        return {hit for start in places for hit in self._find_from(start, places)}

    def _find_from(self, start: int, places: dict[int, set[Reading]]) -> Iterator[Hit]:
        ends = [(self._root, start)]
        while ends:
            node, place = ends.pop()
            for reading in places.get(place, ()):
                end = place + reading.length
                for child in _steps(node, reading.word):
                    if child.label:
                        yield Hit(child.label, start, end)
                    else:
                        ends.append((child, end))


def _steps(node: _Node, word: str) -> Iterator[_Node]:
    yield from node.words.get(word, ())
    if node.stems:
        for length in range(1, min(len(word), _STEM_LETTERS_MAX) + 1):
            yield from node.stems.get(word[:length], ())
