"""The texts that one text may be: as it stands, put together again, and read from right to left."""

from collections.abc import Iterator
from typing import Final

from safety.prompt_checks.blocklist.vocabulary import Vocabulary
from safety.spelling.folding import latinise
from safety.spelling.words import DECODE, Chunk, SpelledRun, cut, spelled_runs

_SPELLED_LETTERS_MIN: Final = 3
# No word of a language that writes blanks is this long, unless it is a compound.
_JOINED_LETTERS_MIN: Final = 16
_JOINED_COVERAGE_MIN: Final = 0.5


def views(folded: str, vocabulary: Vocabulary) -> Iterator[str]:
    """Yield a folded text, and what else it may be, each to be judged by itself."""
    yield folded
    chunks = list(cut(folded))
    together = _put_together(chunks, vocabulary)
    if together:
        yield together
    words = (together or folded).split()
    if any(vocabulary.is_mirrored(word) for word in words):
        mirrored = [word[::-1] for word in words]
        yield " ".join(mirrored)
        yield " ".join(reversed(mirrored))


def _put_together(chunks: list[Chunk], vocabulary: Vocabulary) -> str | None:
    """Join what is spelled out, and part what is written as one; None if there is neither."""
    runs = {
        run.place: run for run in spelled_runs(chunks) if len(run.letters) >= _SPELLED_LETTERS_MIN
    }
    parted = {chunk.place: _part_joined(chunk, vocabulary) for chunk in chunks}
    if not runs and not any(parted.values()):
        return None
    words: list[str] = []
    end = 0
    for chunk in chunks:
        if chunk.place < end:
            continue
        run = runs.get(chunk.place)
        if run:
            words.extend(_read_run(run, vocabulary))
            end = run.place + len(run.letters)
        else:
            words.extend(parted[chunk.place] or [chunk.text])
    return " ".join(words)


def _read_run(run: SpelledRun, vocabulary: Vocabulary) -> Iterator[str]:
    words = run.words()
    for word in words:
        letters = _decode(word)
        is_whole = vocabulary.knows(letters)
        if is_whole or (len(words) > 1 and len(word) < _JOINED_LETTERS_MIN):
            yield word
        else:
            yield from vocabulary.part(letters)


def _part_joined(chunk: Chunk, vocabulary: Vocabulary) -> list[str]:
    letters = _decode("".join(chunk.pieces))
    if len(letters) < _JOINED_LETTERS_MIN or chunk.is_spelled or not letters.isalpha():
        return []
    words = vocabulary.part(letters)
    covered = sum(len(word) for word in words if vocabulary.knows(word))
    return words if covered >= _JOINED_COVERAGE_MIN * len(letters) else []


def _decode(letters: str) -> str:
    return latinise(letters).translate(DECODE)
