"""Reads the glossary: for one language, what its words and phrases are in English."""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Final

from snowballstemmer import stemmer

from backend.prompt.translators.glossary.endings import forms
from backend.prompt.translators.glossary.kinds import Kind

LANGUAGES: Final = ("es", "fr", "de", "it", "pt", "nl", "pl", "ru", "ja", "zh")
_STEMMERS: Final = {
    "es": "spanish",
    "fr": "french",
    "de": "german",
    "it": "italian",
    "pt": "portuguese",
    "nl": "dutch",
    "pl": "polish",
    "ru": "russian",
}
SPACED: Final = tuple(_STEMMERS)
_ABSENT: Final = "-"


@dataclass(frozen=True, slots=True)
class Entry:
    """One meaning of a word as the glossary writes it; `english` may be empty.

    `base` is the first of the words with that meaning: a thing's name in the singular.
    """

    word: str
    base: str
    english: str
    kind: Kind

    @property
    def is_name(self) -> bool:
        """Whether it is somebody's or a place's name."""
        return self.kind is Kind.NOUN and self.english[:1].isupper()


@dataclass(frozen=True, kw_only=True)
class Pages:
    """All entries of one language: by words as written, by their regular forms, by stems."""

    stem: Callable[[str], str]
    written: dict[tuple[str, ...], list[Entry]] = field(default_factory=dict)
    formed: dict[tuple[str, ...], list[Entry]] = field(default_factory=dict)
    stemmed: dict[tuple[str, ...], list[Entry]] = field(default_factory=dict)

    def find(self, words: tuple[str, ...]) -> list[Entry]:
        """Return what some words in a row mean, the likeliest first."""
        stems = tuple(map(self.stem, words))
        return [
            *self.written.get(words, ()),
            *self.formed.get(words, ()),
            *self.stemmed.get(stems, ()),
        ]


@cache
def open_pages(language: str) -> Pages:
    """Read the entries of a language.

    Raises:
        KeyError: the glossary has no such language.

    """
    column = LANGUAGES.index(language) + 1
    stem = _stem_by(language)
    pages = Pages(stem=stem)
    entries = list(_entries(column))
    for entry in entries:
        pages.written.setdefault(tuple(entry.word.split()), []).append(entry)
    for entry in entries:
        *others, last = words = tuple(entry.word.split())
        for form in forms(last, entry.kind, language):
            pages.formed.setdefault((*others, form), []).append(entry)
        # Small words are told apart by their endings.
        if entry.kind is not Kind.SMALL:
            pages.stemmed.setdefault(tuple(map(stem, words)), []).append(entry)
    return pages


def english_words() -> frozenset[str]:
    """Return the single words of all English cells."""
    cells = (line.split("|")[0] for kind in Kind for line in _lines(kind))
    return frozenset(word for cell in cells for word in fold(cell).replace("-", " ").split())


def fold(text: str) -> str:
    """Return a text as the glossary compares it: composed, in lower case, one apostrophe."""
    composed = unicodedata.normalize("NFC", text).replace("\u2019", "'")
    return composed.casefold().replace("\u0451", "\u0435")


def split_elisions(text: str) -> str:
    """Set apart what an apostrophe joins to the next word."""
    return text.replace("'", "' ")


def _stem_by(language: str) -> Callable[[str], str]:
    name = _STEMMERS.get(language)
    if name is None:
        return str
    stems: dict[str, str] = {}
    work = stemmer(name).stemWord

    def stem(word: str) -> str:
        if word not in stems:
            stems[word] = str(work(word))
        return stems[word]

    return stem


def _entries(column: int) -> Iterator[Entry]:
    for kind in Kind:
        for line in _lines(kind):
            cells = line.split("|")
            english = "" if cells[0] == _ABSENT else cells[0]
            words = [split_elisions(fold(word)).strip() for word in cells[column].split("/")]
            yield from (Entry(word, words[0], english, kind) for word in words if word)


def _lines(kind: Kind) -> Iterator[str]:
    file = files("backend.prompt.translators.glossary") / f"{kind}.txt"
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield line
