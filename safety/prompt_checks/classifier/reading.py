"""Reads a text as plain words, whatever it is disguised as; clauses are parted by gaps."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice, product, zip_longest
from typing import Final

from safety.spelling.folding import fold, latinise
from safety.spelling.words import DECODE, Chunk, cut, spelled_runs, strip_weights

GAP: Final = ""
Knows = Callable[[str], bool]

# A bracket is none: `(word:1.3)` is how a word is weighted.
_CLAUSE_ENDS: Final = re.compile(r"[,;/\\\n]|[.!?:|]$")
_STRIPPED: Final = "._,!?:;()[]{}<>|\"'`*~^-+="
_THRICE: Final = re.compile(r"(.)\1{2,}")
_TWICE: Final = re.compile(r"(.)\1+")
_MASKED: Final = re.compile(r"[a-z*#_]*[a-z][*#_]+[a-z*#_]*|[*#_]+[a-z][a-z*#_]*")
_MASKS: Final = re.compile(r"[*#_]")
_VOWELS: Final = "aeiou"
_MASKS_MAX: Final = 4
_INFLECTED_MASKS_MAX: Final = 2
_UNMASKED_MAX: Final = 3
_STRETCHES_MAX: Final = 4
# Scripts that write no blanks between words, or hang much on a word.
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0e7f]")
_PIECE_LETTERS_MAX: Final = 8
_SPELLED_LETTERS_MIN: Final = 3
_JOINED_LETTERS_MIN: Final = 10
_WORD_LETTERS_MAX: Final = 24
_MIRRORED_MIN: Final = 4
_ENDINGS: Final = (("ies", "y"), ("es", ""), ("s", ""), ("ed", ""), ("ed", "e"), ("d", ""))
_MORE_ENDINGS: Final = (("ing", ""), ("ing", "e"), ("er", ""), ("ers", ""), ("ly", ""), ("y", ""))


def read_words(text: str, knows: Knows) -> list[str]:
    """Return the words of a text in plain spelling, `GAP` where a clause ends.

    `knows` says whether a folded word is one; what is no word in any reading is left out.
    """
    folded = strip_weights(fold(text))
    chunks = list(cut(folded))
    words = list(_read(folded, chunks, knows))
    if _is_mirrored(chunks, knows):
        mirrored = folded[::-1]
        return list(_read(mirrored, list(cut(mirrored)), knows))
    return words


def _is_mirrored(chunks: list[Chunk], knows: Knows) -> bool:
    pieces = [piece for chunk in chunks for piece in chunk.pieces if len(piece) >= _MIRRORED_MIN]
    forwards = sum(knows(piece) for piece in pieces)
    if 2 * forwards > len(pieces):
        return False
    forwards += sum(bool(_find(piece, knows)) for piece in pieces if not knows(piece))
    backwards = sum(bool(_find(piece[::-1], knows)) for piece in pieces)
    return backwards > forwards


def _read(folded: str, chunks: list[Chunk], knows: Knows) -> Iterator[str]:
    runs = {
        run.place: run for run in spelled_runs(chunks) if len(run.letters) >= _SPELLED_LETTERS_MIN
    }
    end = 0
    for number, chunk in enumerate(chunks):
        if chunk.place >= end:
            run = runs.get(chunk.place)
            if run and not _unmask(chunk.text, knows):
                end = run.place + len(run.letters)
                for letters in run.words():
                    yield from _read_letters(_decode(letters), knows)
            else:
                yield from _read_chunk(chunk, knows)
        after = chunks[number + 1].offset if number + 1 < len(chunks) else len(folded)
        if _CLAUSE_ENDS.search(folded[chunk.offset + len(chunk.text) - 1 : after].strip(" ")):
            yield GAP


def _read_chunk(chunk: Chunk, knows: Knows) -> Iterator[str]:
    unmasked = _unmask(chunk.text, knows)
    if unmasked or len(chunk.pieces) == 1:
        yield from unmasked or _read_piece(chunk.text.strip(_STRIPPED), knows)
        return
    joined = _decode("".join(chunk.pieces))
    if all(len(piece) > 1 and knows(piece) for piece in chunk.pieces):
        yield from chunk.pieces
    elif knows(joined):
        yield joined
    else:
        marked = _find(_decode(chunk.text.strip(_STRIPPED)), knows)
        if marked:
            yield marked
        else:
            for piece in chunk.pieces:
                yield from _read_piece(piece, knows)


def _read_piece(piece: str, knows: Knows) -> Iterator[str]:
    if _UNSPACED.search(piece):
        yield from _cut_unspaced(piece, knows)
        return
    if piece.isdigit():
        return
    word = _find(piece, knows)
    if word:
        yield word
        return
    decoded = _decode(piece)
    if any(not character.isalnum() for character in decoded):
        decoded = "".join(character for character in decoded if character.isalnum())
    yield from _read_letters(decoded, knows)


def _read_letters(letters: str, knows: Knows) -> Iterator[str]:
    word = _find(letters, knows) or _find(letters.replace("i", "l"), knows)
    if word:
        yield word
    elif len(letters) >= _JOINED_LETTERS_MIN:
        yield from _part(letters, knows)
    else:
        prefix = _known_prefix(letters, knows)
        if prefix:
            yield prefix


def _find(word: str, knows: Knows) -> str | None:
    """Return the known word that a word is, in its plain, stretched or inflected form."""
    if knows(word):
        return word
    for candidate in (word, *_unstretched(word)):
        found = candidate if knows(candidate) else _stem(candidate, knows)
        if found:
            return found
    return None


def _known(word: str, knows: Knows) -> str | None:
    return word if knows(word) else None


def _unstretched(word: str) -> Iterator[str]:
    """Yield a word with letters repeated thrice or more written once or twice, or all once."""
    runs = len(_THRICE.findall(word))
    if 0 < runs <= _STRETCHES_MAX:
        for times in product((1, 2), repeat=runs):
            left = iter(times)
            yield _THRICE.sub(partial(_write, times=left), word)
    squeezed = _TWICE.sub(r"\1", word)
    if len(word) > len(squeezed) + 1:
        yield squeezed


def _write(run: re.Match[str], *, times: Iterator[int]) -> str:
    """Write a repeated letter as often as the next number says."""
    return run[1] * next(times)


def _stem(word: str, knows: Knows) -> str | None:
    for ending, replacement in (*_ENDINGS, *_MORE_ENDINGS):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2:
            if knows(stem + replacement):
                return stem + replacement
            if stem[-1] == stem[-2] and knows(stem[:-1]):
                return stem[:-1]
    return None


def _unmask(text: str, knows: Knows) -> list[str]:
    """Return the known words that a word with masked vowels, such as `f*x`, may be."""
    masked = text.strip(".,!?:;()[]{}\"'")
    count = len(_MASKS.findall(masked))
    if not 0 < count <= _MASKS_MAX or not _MASKED.fullmatch(masked):
        return []
    parts = _MASKS.split(masked)
    words = (
        "".join(chain(*zip_longest(parts, vowels, fillvalue="")))
        for vowels in product(_VOWELS, repeat=count)
    )
    # Hundreds of readings are not looked up in every inflection too.
    read = _find if count <= _INFLECTED_MASKS_MAX else _known
    found = (read(word, knows) for word in words)
    return list(islice(dict.fromkeys(word for word in found if word), _UNMASKED_MAX))


def _known_prefix(word: str, knows: Knows) -> str | None:
    shortest = max(5, (2 * len(word) + 2) // 3)
    for length in range(min(len(word) - 1, _WORD_LETTERS_MAX), shortest - 1, -1):
        if knows(word[:length]):
            return word[:length]
    return None


def _part(letters: str, knows: Knows) -> Iterator[str]:
    """Part letters into known words, few and long."""
    scores, lengths = [0], [0]
    for end in range(1, len(letters) + 1):
        score, length = scores[-1], 1
        for size in range(2, min(end, _WORD_LETTERS_MAX) + 1):
            candidate = scores[end - size] + size * size - 3
            if candidate > score and knows(letters[end - size : end]):
                score, length = candidate, size
        scores.append(score)
        lengths.append(length)
    words: list[str] = []
    end = len(letters)
    while end:
        if lengths[end] > 1:
            words.append(letters[end - lengths[end] : end])
        end -= lengths[end]
    yield from reversed(words)


def _cut_unspaced(piece: str, knows: Knows) -> Iterator[str]:
    start = 0
    while start < len(piece):
        for size in range(min(_PIECE_LETTERS_MAX, len(piece) - start), 0, -1):
            if knows(piece[start : start + size]):
                yield piece[start : start + size]
                start += size
                break
        else:
            start += 1


def _decode(letters: str) -> str:
    return latinise(letters).translate(DECODE)
