"""Through languages that write no blanks: the longest words of the glossary, one after another."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from backend.prompt.translators.glossary.pages import Entry, Kind, Pages

_WORD_MAX: Final = 10
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


@dataclass(frozen=True, kw_only=True)
class UnspacedWords:
    """Translates what it knows; a word of which it knows only a character stays as it is."""

    pages: Pages

    def translate(self, text: str) -> str:
        """Return a text with every word it knows in English."""
        english = _RUN.sub(lambda run: f" {self._run(run[0])} ", text.translate(_MARKS))
        return re.sub(r" +(?=[,.;])", "", re.sub(r" {2,}", " ", english)).strip()

    def _run(self, text: str) -> str:
        return " ".join(filter(None, self._say(list(self._cut(text)))))

    def _say(self, found: list[_Found]) -> Iterator[str]:
        at = 0
        while at < len(found):
            end = at
            while end < len(found) and found[end].is_scrap:
                end += 1
            scraps = found[at:end]
            if any(one.entry is None for one in scraps):
                yield "".join(one.text for one in scraps)
            else:
                yield from (one.entry.english for one in scraps if one.entry)
            if end < len(found):
                entry = found[end].entry
                yield entry.english if entry else ""
            at = end + 1

    def _cut(self, text: str) -> Iterator[_Found]:
        at = 0
        while at < len(text):
            for length in range(min(_WORD_MAX, len(text) - at), 0, -1):
                entries = self.pages.written.get((text[at : at + length],))
                if entries:
                    yield _Found(text[at : at + length], entries[0])
                    break
            else:
                length = 1
                yield _Found(text[at], None)
            at += length
