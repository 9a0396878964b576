"""The words that rules are made of, and the disguises in which they are still recognised.

Everything is prepared once, when the rules are read, so that looking at a word costs a few dictionary look-ups.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

_SKELETON_LETTERS_MIN: Final = 3
_SQUEEZED_LETTERS_MIN: Final = 4
_HIDDEN_LETTERS_MIN: Final = 4
_HIDDEN_LETTERS_MAX: Final = 16
_TYPO_LETTERS_MIN: Final = 5
_DROPPED_LETTERS_MIN: Final = 7
_MASKS: Final = frozenset("*#%?_-.•●■█")

_REPEATED: Final = re.compile(r"(.)\1+")
_REPEATED_THRICE: Final = re.compile(r"(.)\1\1")

_Index = dict[str, set[str]]


class Vocabulary:
    """Knows words and stems (`wound` of `wound*`) by their skeletons, typing errors and mirror images.

    `ordinary` words are never taken for another word's disguise.
    """

    def __init__(
        self, *, words: Iterable[str], stems: Iterable[str], ordinary: Iterable[str]
    ) -> None:
        latin_words = {word for word in words if word.isascii() and word.isalpha()}
        latin_stems = {stem for stem in stems if stem.isascii() and stem.isalpha()}
        known = latin_words | latin_stems
        self._ordinary = frozenset(ordinary) | known
        self._words = latin_words
        self._known = known
        self._letters = _index(known, lambda word: [_letters(word)])
        self._once = _index(known, _squeezed)
        self._stem_letters = _index(latin_stems, lambda word: [_letters(word)])
        self._stem_once = _index(latin_stems, _squeezed)
        self._errors = _index(known, _typing_errors)
        self._by_length: dict[int, list[str]] = {}
        for word in sorted(known):
            self._by_length.setdefault(len(word), []).append(word)

    def from_figures(self, word: str) -> Iterator[str]:
        """Yield what a word written with figures or marks for letters may mean."""
        if len(word) >= _SKELETON_LETTERS_MIN:
            key = _letters(word)
            yield from self._letters.get(key, ())
            yield from _by_stem(self._stem_letters, key)
            if _is_stretched(word):
                yield from self.from_stretched(word)

    def from_stretched(self, word: str) -> Iterator[str]:
        """Yield what a word with repeated letters may mean."""
        for key in _squeezed(word):
            yield from self._once.get(key, ())
            yield from _by_stem(self._stem_once, key)

    def from_plain(self, word: str) -> Iterator[str]:
        """Yield what a plain word that is no ordinary one may mean."""
        if len(word) < _HIDDEN_LETTERS_MIN or word in self._ordinary:
            return
        if _is_stretched(word):
            yield from self.from_stretched(word)
        yield from self._errors.get(word, ())
        mirrored = word[::-1]
        if mirrored in self._known:
            yield mirrored

    def from_compound(self, word: str) -> tuple[str, str] | None:
        """Return the two words a word is made of, if both are known."""
        if (
            2 * _HIDDEN_LETTERS_MIN <= len(word) <= 2 * _HIDDEN_LETTERS_MAX
            and word not in self._ordinary
        ):
            for cut in range(_HIDDEN_LETTERS_MIN, len(word) - _HIDDEN_LETTERS_MIN + 1):
                if word[:cut] in self._known and word[cut:] in self._words:
                    return word[:cut], word[cut:]
        return None

    def from_masked(self, masked: str) -> Iterator[str]:
        """Yield the words that fit a word with some letters masked, such as `n*de`."""
        shown = sum(character not in _MASKS for character in masked)
        if len(masked) < _HIDDEN_LETTERS_MIN or 2 * shown < len(masked):
            return
        for word in self._by_length.get(len(masked), ()):
            if all(a == b or a in _MASKS for a, b in zip(masked, word, strict=True)):
                yield word

    def hidden_in(self, letters: str) -> Iterator[tuple[int, str]]:
        """Yield each known word of four letters or more inside a run of letters, with where it begins."""
        for start in range(len(letters) - _HIDDEN_LETTERS_MIN + 1):
            for end in range(
                start + _HIDDEN_LETTERS_MIN, min(start + _HIDDEN_LETTERS_MAX, len(letters)) + 1
            ):
                if letters[start:end] in self._known:
                    yield start, letters[start:end]


def _index(words: Iterable[str], keys_of) -> _Index:  # type: ignore
    index: _Index = {}
    for word in words:
        for key in keys_of(word):
            index.setdefault(key, set()).add(word)
    return index


def _by_stem(stems: _Index, key: str) -> Iterator[str]:
    for length in range(_SQUEEZED_LETTERS_MIN, min(len(key), 24)):
        yield from stems.get(key[:length], ())


def _letters(word: str) -> str:
    """Write `l` as `i`, as figures tell them not apart."""
    return word.replace("l", "i")


def _squeezed(word: str) -> list[str]:
    once = _REPEATED.sub(r"\1", _letters(word))
    return [once] if len(once) >= _SQUEEZED_LETTERS_MIN - 1 else []


def _is_stretched(word: str) -> bool:
    return bool(_REPEATED_THRICE.search(word)) or len(word) - len(_REPEATED.sub(r"\1", word)) > 1


def _typing_errors(word: str) -> Iterator[str]:
    size = len(word)
    for i in range(size):
        if size >= _HIDDEN_LETTERS_MIN:
            yield word[: i + 1] + word[i:]
        if size >= _TYPO_LETTERS_MIN and 0 < i < size - 1:
            yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        if size >= _DROPPED_LETTERS_MIN and 0 < i < size - 1:
            yield word[:i] + word[i + 1 :]
