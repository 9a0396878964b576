"""Every word a piece of text may be meant as: plain, in figures, stretched, cut up or masked."""

from collections.abc import Iterator
from typing import Final

from safety.prompt_checks.blocklist.vocabulary import MASKS, Vocabulary
from safety.spelling.folding import latinise
from safety.spelling.words import DECODE, FIGURES, Chunk, Reading

_PUNCTUATION: Final = "!?.:)]}>|+\"'"


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


def read_halves(first: Chunk, second: Chunk, vocabulary: Vocabulary) -> Iterator[Reading]:
    """Yield the word that two chunks in a row are the halves of, if there is one."""
    if len(first.pieces) == len(second.pieces) == 1:
        word = vocabulary.from_parts(latinise(first.pieces[0]), latinise(second.pieces[0]))
        if word:
            yield Reading(first.place, 2, word)


def _read_word(word: str, vocabulary: Vocabulary) -> Iterator[str]:
    yield word
    latin = word if word.isascii() else latinise(word)
    if latin != word:
        yield latin
    if latin.isdigit():
        return
    if latin.isalpha():
        yield from vocabulary.from_plain(latin)
    else:
        yield from vocabulary.from_figures(latin.translate(DECODE))


def _read_marked(chunk: Chunk, vocabulary: Vocabulary) -> Iterator[str]:
    if len(chunk.pieces) > 1:
        yield from _read_word("".join(chunk.pieces), vocabulary)
    latin = latinise(chunk.text)
    # A mark at the end is punctuation, unless it has to be a letter: both are tried.
    for candidate in {latin, latin.rstrip(_PUNCTUATION)}:
        if any(character in FIGURES for character in candidate):
            letters = [c for c in candidate.translate(DECODE) if c.isalpha()]
            yield from vocabulary.from_figures("".join(letters))
    shown = latin.strip("._,!?:;()[]{}<>|\"'")
    if any(character in MASKS for character in shown):
        yield from vocabulary.from_masked(shown)
