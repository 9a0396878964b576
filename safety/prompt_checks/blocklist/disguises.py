"""Every word a piece of text may have been meant as: plain, in figures, stretched, cut up or spelled out."""

from collections.abc import Iterator
from typing import Final

from safety.prompt_checks.blocklist.folding import latinise
from safety.prompt_checks.blocklist.vocabulary import Vocabulary
from safety.prompt_checks.blocklist.words import FIGURES, Chunk, Reading, SpelledRun

_DECODE: Final = str.maketrans(FIGURES)
_MASKS: Final = frozenset("*#%?_-.•●■█")
_PUNCTUATION: Final = "!?.:)]}>|+\"'"
_SPELLED_LETTERS_MIN: Final = 3


def read_chunk(chunk: Chunk, vocabulary: Vocabulary) -> Iterator[Reading]:
    """Yield the readings of a chunk: piece by piece, and as one word where marks cut it up."""
    for number, piece in enumerate(chunk.pieces):
        place = chunk.place + number
        for word in _read_word(piece, vocabulary):
            yield Reading(place, 1, word)
    if chunk.pieces != (chunk.text,):
        length = len(chunk.pieces)
        for word in _read_marked(chunk, vocabulary):
            yield Reading(chunk.place, length, word)


def read_run(run: SpelledRun, vocabulary: Vocabulary) -> Iterator[Reading]:
    """Yield the readings of a spelled run: whole, cut at its wider gaps, and the words inside it."""
    letters = latinise(run.letters).translate(_DECODE)
    bounds = [*run.breaks, len(letters)]
    for first, last in {(0, len(letters)), *zip(bounds, bounds[1:], strict=False)}:
        if last - first >= _SPELLED_LETTERS_MIN:
            spelled = letters[first:last]
            for word in (spelled, *vocabulary.from_figures(spelled)):
                yield Reading(run.place + first, last - first, word)
    for start, word in vocabulary.hidden_in(letters):
        yield Reading(run.place + start, len(word), word)


def _read_word(word: str, vocabulary: Vocabulary) -> Iterator[str]:
    yield word
    latin = word if word.isascii() else latinise(word)
    if latin != word:
        yield latin
    if latin.isdigit():
        return
    if latin.isalpha():
        yield from vocabulary.from_plain(latin)
        yield from vocabulary.from_compound(latin) or ()
    else:
        yield from vocabulary.from_figures(latin.translate(_DECODE))


def _read_marked(chunk: Chunk, vocabulary: Vocabulary) -> Iterator[str]:
    if len(chunk.pieces) > 1:
        yield from _read_word("".join(chunk.pieces), vocabulary)
    latin = latinise(chunk.text)
    # A mark at the end is punctuation, unless it has to be a letter: both are tried.
    for candidate in {latin, latin.rstrip(_PUNCTUATION)}:
        if any(character in FIGURES for character in candidate):
            letters = [c for c in candidate.translate(_DECODE) if c.isalpha()]
            yield from vocabulary.from_figures("".join(letters))
        if any(character in _MASKS for character in candidate):
            yield from vocabulary.from_masked(candidate.lstrip("([{<\"'"))
