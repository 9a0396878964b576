"""The words that rules are made of, and the disguises in which they are still recognised.

Everything is prepared once, when the rules are read: looking at a word costs a few look-ups.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

MASKS: Final = frozenset("*#%_.•●■█")
_VOWELS: Final = "aeiou"
_ASIDE: Final = ".,!?:;()[]{}\"'"
_WORD_LETTERS_MIN: Final = 3
_LONG_WORD_LETTERS_MIN: Final = 4
_WORD_LETTERS_MAX: Final = 24
_SWAPPED_LETTERS_MIN: Final = 5
_DROPPED_LETTERS_MIN: Final = 7

_REPEATED: Final = re.compile(r"(.)\1+")
_REPEATED_THRICE: Final = re.compile(r"(.)\1\1")

# Halves that stand by themselves too often to be taken for a half.
_LITTLE_WORDS: Final = frozenset(
    [
        "a",
        "am",
        "an",
        "as",
        "at",
        "be",
        "by",
        "do",
        "go",
        "he",
        "her",
        "him",
        "his",
        "if",
        "in",
        "is",
        "it",
        "me",
        "my",
        "no",
        "of",
        "on",
        "or",
        "so",
        "to",
        "up",
        "us",
        "we",
    ]
)

_Index = dict[str, set[str]]


class Vocabulary:
    """Knows words, and stems (`wound` of `wound*`), behind figures, masks and repeated letters.

    `guarded` are those that say something by themselves; they are also known by their typing
    errors and mirror images. `ordinary` words are never taken for another word's disguise.
    """

    def __init__(
        self,
        *,
        words: Iterable[str],
        stems: Iterable[str],
        guarded: Iterable[str],
        ordinary: Iterable[str],
    ) -> None:
        latin_stems = set(filter(_is_latin, stems))
        self._known = latin_stems | set(filter(_is_latin, words))
        self._guarded = set(filter(_is_latin, guarded))
        self._ordinary = frozenset(ordinary) | self._known
        self._letters = _index(self._known, lambda word: [_letters(word)])
        self._squeezed = _index(self._known, lambda word: [_squeeze(word)])
        self._stem_letters = _index(latin_stems, lambda word: [_letters(word)])
        self._stem_squeezed = _index(latin_stems, lambda word: [_squeeze(word)])
        self._errors = _index(self._guarded, _typing_errors)
        self._guarded_stems = latin_stems & self._guarded
        self._stem_errors = _index(
            {stem for stem in self._guarded_stems if len(stem) >= _SWAPPED_LETTERS_MIN},
            _typing_errors,
        )
        self._by_first: dict[str, list[tuple[str, bool]]] = {}
        for word in sorted(self._known):
            entry = word, word in latin_stems
            self._by_first.setdefault(word[0], []).append(entry)

    def from_figures(self, word: str) -> Iterator[str]:
        """Yield what a word may mean in which figures or marks have been read as letters."""
        if len(word) >= _WORD_LETTERS_MIN:
            key = _letters(word)
            yield from self._letters.get(key, ())
            yield from _by_stem(self._stem_letters, key)
            if _is_stretched(word):
                yield from self._from_stretched(word)

    def from_plain(self, word: str) -> Iterator[str]:
        """Yield what a plain word may mean that is no ordinary one."""
        if len(word) < _LONG_WORD_LETTERS_MIN or word in self._ordinary:
            return
        if _is_stretched(word):
            yield from self._from_stretched(word)
        yield from self._errors.get(word, ())
        for prefix in _prefixes(word, self._stem_errors):
            yield from self._stem_errors[prefix]
        yield from self._from_compound(word)

    def from_masked(self, masked: str) -> Iterator[str]:
        """Yield the words that fit one with up to half its letters masked, such as `wo*d`."""
        masks = sum(character in MASKS for character in masked)
        if len(masked) < _LONG_WORD_LETTERS_MIN or 2 * masks > len(masked):
            return
        firsts = _VOWELS if masked[0] in MASKS else masked[0]
        entries = (entry for first in firsts for entry in self._by_first.get(first, ()))
        for word, is_stem in entries:
            is_long_enough = len(word) == len(masked) or (is_stem and len(word) < len(masked))
            if is_long_enough and all(
                a in MASKS or a == b for a, b in zip(masked, word, strict=False)
            ):
                yield word

    def knows(self, word: str) -> bool:
        """Say whether rules are made of this word, or of a stem it is exactly."""
        return word in self._known

    def is_mirrored(self, word: str) -> bool:
        """Say whether a word says something only when read from right to left."""
        word = word.strip(_ASIDE)
        if len(word) < _LONG_WORD_LETTERS_MIN or word in self._ordinary:
            return False
        mirrored = word[::-1]
        return mirrored in self._guarded or any(_prefixes(mirrored, self._guarded_stems))

    def from_parts(self, first: str, second: str) -> str | None:
        """Return the word that two words are the halves of, unless they are ordinary together."""
        word = first + second
        if word in self._guarded and len(word) >= _LONG_WORD_LETTERS_MIN:
            is_ordinary = f"{first} {second}" in self._ordinary or {first, second} & _LITTLE_WORDS
            return None if is_ordinary else word
        return None

    def part(self, letters: str) -> list[str]:
        """Part a run of letters into known words, few and long, and what is left between them."""
        scores, lengths = [0], [0]
        for end in range(1, len(letters) + 1):
            score, length = scores[-1], 1
            for size in range(_LONG_WORD_LETTERS_MIN, min(end, _WORD_LETTERS_MAX) + 1):
                candidate = scores[end - size] + size * size
                if candidate > score and letters[end - size : end] in self._known:
                    score, length = candidate, size
            scores.append(score)
            lengths.append(length)
        return _cut_back(letters, lengths)

    def _from_stretched(self, word: str) -> Iterator[str]:
        key = _squeeze(word)
        if len(key) >= _WORD_LETTERS_MIN:
            yield from self._squeezed.get(key, ())
            yield from _by_stem(self._stem_squeezed, key)

    def _from_compound(self, word: str) -> Iterator[str]:
        if len(word) > 2 * _WORD_LETTERS_MAX:
            return
        for cut in range(_LONG_WORD_LETTERS_MIN, len(word) - _LONG_WORD_LETTERS_MIN + 1):
            halves = word[:cut], word[cut:]
            if self._known.issuperset(halves) and not self._guarded.isdisjoint(halves):
                yield from halves


def _cut_back(letters: str, lengths: list[int]) -> list[str]:
    """Cut from the end, `lengths` telling how long the word that ends at each letter is."""
    words = [""]
    end = len(letters)
    while end:
        word = letters[end - lengths[end] : end]
        if len(word) == 1:
            words[-1] = word + words[-1]
        else:
            words += [word, ""]
        end -= len(word)
    return [word for word in reversed(words) if word]


def _is_latin(word: str) -> bool:
    return word.isascii() and word.isalpha()


def _index(words: Iterable[str], keys_of: Callable[[str], Iterable[str]]) -> _Index:
    index: _Index = {}
    for word in words:
        for key in keys_of(word):
            index.setdefault(key, set()).add(word)
    return index


def _by_stem(stems: _Index, key: str) -> Iterator[str]:
    for prefix in _prefixes(key, stems):
        yield from stems[prefix]


def _prefixes(word: str, stems: Collection[str]) -> Iterator[str]:
    """Yield the stems of four letters or more that a word begins with."""
    for length in range(_LONG_WORD_LETTERS_MIN, min(len(word), _WORD_LETTERS_MAX) + 1):
        if word[:length] in stems:
            yield word[:length]


def _letters(word: str) -> str:
    """Write `l` as `i`: figures and strokes do not tell them apart."""
    return word.replace("l", "i")


def _squeeze(word: str) -> str:
    """Write each run of a letter once."""
    return _REPEATED.sub(r"\1", _letters(word))


def _is_stretched(word: str) -> bool:
    return bool(_REPEATED_THRICE.search(word)) or len(word) - len(_REPEATED.sub(r"\1", word)) > 1


def _typing_errors(word: str) -> Iterator[str]:
    """Yield a word with one letter doubled; longer ones with one swapped, or left out."""
    size = len(word)
    if size < _LONG_WORD_LETTERS_MIN:
        return
    for i in range(size):
        yield word[: i + 1] + word[i:]
        if 0 < i < size - 1:
            if size >= _SWAPPED_LETTERS_MIN:
                yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]
            if size >= _DROPPED_LETTERS_MIN:
                yield word[:i] + word[i + 1 :]
