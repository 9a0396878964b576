"""Through languages that write no blanks: the longest words of the glossary, one after another."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from backend.prompt.translators.glossary.kinds import Kind
from backend.prompt.translators.glossary.names import is_name
from backend.prompt.translators.glossary.pages import Entry, Pages

_WORD_MAX: Final = 10
# Middle, top, bottom, front, back, side.
_PLACES: Final = tuple("\u4e2d\u4e0a\u4e0b\u524d\u5f8c\u96a3")
_BEFORE: Final = frozenset(
    ("in", "on", "under", "over", "behind", "beside", "in front of", "around", "to", "from")
)
_RUN: Final = re.compile(r"[\u3005\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f]+")
_MARKS: Final = str.maketrans({"\u3001": ", ", "\uff0c": ", ", "\u3002": ". ", "\uff1b": "; "})


@dataclass(frozen=True, slots=True)
class _Found:
    """Some characters in a row, and what they mean if the glossary knows."""

    text: str
    entry: Entry | None

    @property
    def is_scrap(self) -> bool:
        """Whether it may be a part of a longer word that the glossary does not know."""
        return self.entry is None or (len(self.text) == 1 and self.entry.kind is not Kind.SMALL)


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class UnspacedWords:
    """Translates what it knows; a word of which it knows only a character stays as it is."""

    pages: Pages

    def translate(self, text: str) -> str:
        """Return a text with every word it knows in English."""
        english = _RUN.sub(lambda run: f" {self._run(run[0])} ", text.translate(_MARKS))
        return re.sub(r" +(?=[,.;])", "", re.sub(r" {2,}", " ", english)).strip()

    def _run(self, text: str) -> str:
        return " ".join(one.text for one in _places_first(list(self._say(list(self._cut(text))))))

    def _say(self, found: list[_Found]) -> Iterator[_Said]:
        at = 0
        while at < len(found):
            end = at
            while end < len(found) and found[end].is_scrap:
                end += 1
            scraps = found[at:end]
            before, behind = found[at - 1 : at] if at else [], found[end : end + 1]
            if _is_kept(scraps, before="".join(one.text for one in before), behind=behind):
                yield _Said("".join(one.text for one in scraps), Kind.NOUN)
            else:
                yield from _english(scraps)
            yield from _english(found[end : end + 1])
            at = end + 1

    def _cut(self, text: str) -> Iterator[_Found]:
        at = 0
        while at < len(text):
            for length in range(min(_WORD_MAX, len(text) - at), 0, -1):
                entries = self.pages.written.get((text[at : at + length],))
                # What looks like wooden may be the tree that something is under.
                is_place = text[at + length - 1] == "\u306e" and text[at + length :][:1] in _PLACES
                if entries and not is_place:
                    yield _Found(text[at : at + length], entries[0])
                    break
            else:
                length = 1
                yield _Found(text[at], None)
            at += length


def _is_kept(scraps: list[_Found], *, before: str, behind: list[_Found]) -> bool:
    """Say whether scraps are a word that the glossary does not know, or somebody's name."""
    known = [one.entry for one in scraps if one.entry is not None]
    if len(known) < len(scraps):
        return True
    return is_name(
        "".join(one.text for one in scraps),
        tuple(entry.kind for entry in known),
        before=before,
        behind="".join(one.text for one in behind),
    )


def _english(found: list[_Found]) -> Iterator[_Said]:
    for one in found:
        # Things side by side say the same as one of the other.
        if one.entry is not None and one.entry.english not in ("", "of"):
            yield _Said(one.entry.english, one.entry.kind)


def _places_first(said: list[_Said]) -> list[_Said]:
    """Put in, on and under before the thing that they follow, and its adjectives."""
    ordered: list[_Said] = []
    for one in said:
        at = len(ordered)
        if one.text in _BEFORE and ordered and ordered[-1].kind is Kind.NOUN:
            at -= 1
            while at and ordered[at - 1].kind is Kind.ADJECTIVE:
                at -= 1
        ordered.insert(at, one)
    return ordered
